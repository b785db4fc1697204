"""Reading one entry of a YAML file field by field, with errors that say what to change."""

from collections.abc import Collection, Mapping
from typing import Any

from k8snet_lessons.errors import InputError


class Entry:
    """A mapping from a YAML file whose fields are checked as they are read.

    Parameters
    ----------
    value : object
        What the file holds in this place.
    where : str
        How an error names the place: ``"05-conntrack-exhaustion.yaml, question 3"``.
    known : collection of str
        The fields that may stand here.

    Raises
    ------
    InputError
        When it is no mapping, or holds a field that nobody reads.
    """

    def __init__(self, value: object, where: str, known: Collection[str]) -> None:
        if not isinstance(value, Mapping):
            raise InputError("entry", value, "a mapping", where)
        if unknown := {str(key) for key in value} - set(known):
            allowed = f"one of {', '.join(sorted(known))}"
            raise InputError("field", sorted(unknown)[0], allowed, where)
        self._fields: Mapping[str, Any] = value
        self.where = where

    def __contains__(self, field: str) -> bool:
        return field in self._fields

    def text(self, field: str, default: str | None = None) -> str:
        """A text; one paragraph is put on one line, several keep their lines."""
        value = self._fields.get(field, default)
        if not isinstance(value, str) or not (value.strip() or value == default):
            raise InputError(field, value, "a text", self.where)
        return value.strip() if "\n\n" in value else " ".join(value.split())

    def block(self, field: str) -> str:
        """A text whose lines stay as they are: output of a command, a manifest."""
        value = self._fields.get(field)
        if not isinstance(value, str) or not value.strip():
            raise InputError(field, value, "a block of text", self.where)
        return value.strip("\n")

    def texts(self, field: str) -> tuple[str, ...]:
        """A list of texts, not empty."""
        value = self._fields.get(field)
        if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
            raise InputError(field, value, "a list of texts, not empty", self.where)
        return tuple(" ".join(one.split()) for one in value)

    def word(self, field: str, allowed: Collection[str]) -> str:
        """One of some words."""
        value = self._fields.get(field)
        if not isinstance(value, str) or value not in allowed:
            raise InputError(field, value, "one of " + ", ".join(allowed), self.where)
        return value

    def flag(self, field: str, default: bool) -> bool:
        """True or false."""
        value = self._fields.get(field, default)
        if not isinstance(value, bool):
            raise InputError(field, value, "true or false", self.where)
        return value

    def number(self, field: str, default: float, *, above: float = 0.0) -> float:
        """A number above a bound."""
        value = self._fields.get(field, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > above:
            raise InputError(field, value, f"a number above {above:g}", self.where)
        return float(value)

    def items(self, field: str, least: int = 1) -> list[Any]:
        """A list of entries."""
        value = self._fields.get(field, [] if least == 0 else None)
        if not isinstance(value, list) or len(value) < least:
            raise InputError(field, value, f"a list of {least} or more", self.where)
        return value

    def mapping(self, field: str) -> Mapping[str, Any]:
        """A mapping, not empty."""
        value = self._fields.get(field)
        if not isinstance(value, Mapping) or not value:
            raise InputError(field, value, "a mapping, not empty", self.where)
        return value
