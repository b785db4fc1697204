"""Errors that tell a learner what to change."""

from typing import Any


class InputError(ValueError):
    """Input that cannot be used, said so that the reader can mend it.

    Parameters
    ----------
    field : str
        What was wrong, in the words of whoever supplied it: a parameter name, or a
        path such as ``Service shop/web: spec.ports[0].port``.
    value : object
        The value as given.
    allowed : str
        What would have been accepted, as a clause: ``"a whole number from 1 to 15"``.
    where : str, optional
        Where it stands: ``"document 2, line 14"``.

    Examples
    --------
    >>> raise InputError("ndots", 99, "a whole number from 0 to 15")
    Traceback (most recent call last):
    k8snet_lessons.errors.InputError: ndots is 99; allowed: a whole number from 0 to 15
    """

    def __init__(self, field: str, value: Any, allowed: str, where: str = "") -> None:
        self.field = field
        self.value = value
        self.allowed = allowed
        self.where = where
        shown = repr(value)
        if len(shown) > 80:
            shown = shown[:77] + "..."
        place = f"{where}: " if where else ""
        super().__init__(f"{place}{field} is {shown}; allowed: {allowed}")
