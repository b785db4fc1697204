"""A student's answer, turned into plain data before anybody looks at it.

A judge never touches the student's own object: its ``__eq__``, ``__repr__`` or
``__float__`` may lie, loop or raise. Only exact built-in types pass, and a handful of
well-known ones (NumPy scalars and arrays, ``Fraction``, ``Decimal``, addresses of the
``ipaddress`` module, a ``Scenario``) are converted by their own library's code.
"""

import dataclasses
import re
import sys
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final, final

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]

MAX_DEPTH: Final = 6
MAX_VALUES: Final = 10_000
MAX_TEXT: Final = 20_000
MAX_INT_BITS: Final = 256
_TYPE_NAME = type.__dict__["__name__"]


@final
class Todo:
    """The sentinel that stands where an answer is still missing.

    An unattempted notebook runs to its end: a check shows "not answered yet".
    """

    _only: "Todo | None" = None

    def __new__(cls) -> "Todo":
        if cls._only is None:
            cls._only = super().__new__(cls)
        return cls._only

    def __repr__(self) -> str:
        return "TODO"

    def __copy__(self) -> "Todo":
        return self

    def __deepcopy__(self, memo: object) -> "Todo":
        return self

    def __reduce__(self) -> tuple[type["Todo"], tuple[()]]:
        return Todo, ()


TODO: Final = Todo()


class AnswerError(ValueError):
    """The answer is of a kind that no check can read; the message says which."""


def type_name(value: object) -> str:
    """Name the type of a value without running any of the value's own code."""
    return str(_TYPE_NAME.__get__(type(value)))[:60]


def plain(answer: object) -> Any:
    """Return `answer` as plain data, with `TODO` left where it stands.

    Parameters
    ----------
    answer : object
        Whatever the student assigned.

    Returns
    -------
    Plain or Todo
        Nested lists, string-keyed dictionaries, numbers, strings, booleans, ``None``.

    Raises
    ------
    AnswerError
        For any other type, for nesting deeper than `MAX_DEPTH`, for more than
        `MAX_VALUES` values, for text over `MAX_TEXT` characters.

    Examples
    --------
    >>> plain({"share": Fraction(1, 4), "ports": (80, 443)})
    {'share': 0.25, 'ports': [80, 443]}
    """
    budget = [MAX_VALUES]
    return _plain(answer, 0, budget)


def folded(text: str) -> str:
    """Return text without what does not matter in a word: case, blanks around it, its dashes."""
    return re.sub(r"[\s_-]+", "-", text.strip().lower())


def word(answer: Any, choices: Iterable[str]) -> Any:
    """Return which of the words a plain answer means; one that means none stays as it is."""
    if type(answer) is not str:
        return answer
    return next((one for one in choices if folded(one) == folded(answer)), answer)


def whole(answer: Any) -> Any:
    """Return a whole number that arithmetic has left as ``12.0`` as 12; all else as it is."""
    return int(answer) if type(answer) is float and answer.is_integer() else answer


def _plain(value: Any, depth: int, budget: list[int]) -> Any:
    budget[0] -= 1
    if budget[0] < 0:
        raise AnswerError(f"the answer holds more than {MAX_VALUES} values")
    if depth > MAX_DEPTH:
        raise AnswerError(f"the answer is nested more than {MAX_DEPTH} deep")
    kind = type(value)
    if value is None or value is TODO or kind is bool or kind is float:
        return value
    if kind is int:
        if value.bit_length() > MAX_INT_BITS:
            raise AnswerError("the answer holds a whole number far too large to mean anything")
        return value
    if kind is str:
        if len(value) > MAX_TEXT:
            raise AnswerError(f"the answer holds text of more than {MAX_TEXT} characters")
        return value
    if kind is list or kind is tuple:
        return [_plain(item, depth + 1, budget) for item in value]
    if kind is set or kind is frozenset:  # in no order of its own
        return sorted((_plain(item, depth + 1, budget) for item in value), key=repr)
    if kind is dict:
        return _plain_dict(value, depth, budget)
    return _plain(_known(value, kind), depth + 1, budget)


def _plain_dict(value: dict[Any, Any], depth: int, budget: list[int]) -> dict[str, Any]:
    found = {}
    for key, item in value.items():
        if type(key) is not str:
            raise AnswerError(f"the keys of the answer are text; one is {type_name(key)}")
        found[key] = _plain(item, depth + 1, budget)
    return found


def _known(value: Any, kind: type) -> object:
    """Convert the few library types that an honest answer may have."""
    if kind is Fraction or kind is Decimal:
        try:
            return float(value)
        except (OverflowError, ValueError):
            raise AnswerError("the answer holds a number that is out of range") from None
    if kind is IPv4Address or kind is IPv6Address:
        return str(value)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        if kind is numpy.ndarray and value.dtype.kind in "biufU":
            if value.size > MAX_VALUES:
                raise AnswerError(f"the answer holds more than {MAX_VALUES} values")
            return value.tolist()
        if kind in (numpy.bool_, numpy.str_) or (
            kind.__module__ == "numpy"
            and kind in {numpy.dtype(code).type for code in "bhilqBHILQefd"}
        ):
            return value.item()
    scenario = sys.modules.get("k8snet_lessons.scenario")
    if scenario is not None and kind is scenario.Scenario:
        return dataclasses.asdict(value)
    raise AnswerError(
        f"the answer is of type {type_name(value)}; "
        "checks read numbers, text, lists and dictionaries"
    )
