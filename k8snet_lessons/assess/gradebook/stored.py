"""Answers and verdicts as the gradebook stores them: JSON text, and back."""

import json
from typing import Any, Final

from k8snet_lessons.assess.answers import TODO
from k8snet_lessons.assess.verdict import Verdict

_TODO_MARK: Final = {"k8snet-answer": "TODO"}


def answers_text(answers: Any) -> str:
    """Return plain answers (see `answers.plain`) as JSON; `TODO` becomes a mark.

    NaN and the infinities stay as Python writes them: a student may have answered so.
    """
    return json.dumps(_marked(answers), ensure_ascii=True)


def answers_of(text: str) -> Any:
    """Return what `answers_text` wrote, `TODO` in its place."""
    return json.loads(text, object_hook=lambda found: TODO if found == _TODO_MARK else found)


def _marked(value: Any) -> Any:
    if value is TODO:
        return _TODO_MARK
    if isinstance(value, dict):
        return {key: _marked(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_marked(item) for item in value]
    return value


def verdict_text(verdict: Verdict) -> str:
    """Return a verdict as JSON, its debrief included."""
    return json.dumps(verdict.to_json() | {"debrief": verdict.debrief}, ensure_ascii=True)


def verdict_of(text: str) -> Verdict:
    """Return the verdict that `verdict_text` wrote."""
    return Verdict.from_json(json.loads(text))
