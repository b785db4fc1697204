"""How an answer travels out of the sandbox: JSON, read strictly.

Only `TODO` and numbers that are not finite need a mark of their own, an object with the one
key ``"$"``. Who forges a mark in the sandbox says no more than "not answered".
"""

import json
import math
from typing import Any, Final, NoReturn

from k8snet_lessons.assess.answers import TODO, AnswerError, plain

MOST_BYTES: Final = 1_000_000
NOT_FINITE: Final = "not a finite number"
_TODO_MARK: Final = {"$": "todo"}
_NOT_FINITE_MARK: Final = {"$": "not finite"}


def pack(answer: object) -> str:
    """Return an answer as one line of JSON.

    Raises
    ------
    AnswerError
        If the answer cannot be read as plain data, or is too large.
    """
    line = json.dumps(marked(plain(answer)), allow_nan=False)
    if len(line) > MOST_BYTES:
        raise AnswerError(f"the answer is longer than {MOST_BYTES} bytes")
    return line


def marked(value: Any) -> Any:
    """Return plain data with marks in place of what JSON cannot say."""
    if value is TODO:
        return _TODO_MARK
    if type(value) is float and not math.isfinite(value):
        return _NOT_FINITE_MARK
    if type(value) is list:
        return [marked(item) for item in value]
    if type(value) is dict:
        return {key: marked(item) for key, item in value.items()}
    return value


def unpack(line: str | bytes) -> Any:
    """Return the plain answer in one line of JSON from an untrusted hand.

    A number that is not finite becomes the text `NOT_FINITE`: no judge computes with it.

    Raises
    ------
    AnswerError
        For anything that `pack` would not write.
    """
    if len(line) > MOST_BYTES:
        raise AnswerError(f"the answer is longer than {MOST_BYTES} bytes")
    try:
        data = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise AnswerError("the answer did not arrive as plain data") from None
    return plain(_unmarked(plain(data)))


def _unmarked(value: Any) -> Any:
    if type(value) is list:
        return [_unmarked(item) for item in value]
    if type(value) is dict:
        if value == _TODO_MARK:
            return TODO
        if value == _NOT_FINITE_MARK:
            return NOT_FINITE
        return {key: _unmarked(item) for key, item in value.items()}
    if type(value) is float and not math.isfinite(value):  # "1e999" reads as infinite
        return NOT_FINITE
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
