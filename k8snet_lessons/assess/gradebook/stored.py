"""Answers and verdicts as the gradebook stores them: JSON text, and back."""

import json
from collections.abc import Mapping
from typing import Any

from k8snet_lessons.assess.grading.wire import pack, unpack
from k8snet_lessons.assess.verdict import Verdict


def answers_text(answers: Mapping[str, Any]) -> str:
    """Return plain answers by task as JSON, each written as it left the sandbox."""
    return json.dumps({task: pack(answer) for task, answer in answers.items()})


def answers_of(text: str) -> dict[str, Any]:
    """Return what `answers_text` wrote, `TODO` in its place."""
    return {task: unpack(line) for task, line in json.loads(text).items()}


def verdict_text(verdict: Verdict) -> str:
    """Return a verdict as JSON, its debrief included."""
    return json.dumps(verdict.to_json() | {"debrief": verdict.debrief})


def verdict_of(text: str) -> Verdict:
    """Return the verdict that `verdict_text` wrote."""
    return Verdict.from_json(json.loads(text))
