"""Refusals of what cannot be meant, in words."""

import math

from k8snet_lessons.errors import InputError


def number(name: str, value: float, low: float, high: float) -> None:
    """Refuse what is not a number from `low` to `high`."""
    if isinstance(value, bool) or not math.isfinite(value) or not low <= value <= high:
        raise InputError(name, value, f"a number from {low:g} to {high:g}")


def whole(name: str, value: int, low: int, high: int) -> None:
    """Refuse what is not a whole number from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InputError(name, value, f"a whole number from {low} to {high}")
