"""Count which words stand beside which in plain prose, for the interview's sense of word order.

    python tools/fit_word_order.py    # writes k8snet_lessons/interview/word_order.json

The prose is the course's own (lessons, question bank) and the marked answers that the scorer may be
tuned on; those that are kept unseen stay unseen here too.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from measure_agreement import VOICES

from k8snet_lessons.interview._word_order import classes
from k8snet_lessons.interview._words import MAX_CHARS, words

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "k8snet_lessons" / "interview" / "word_order.json"
_NO_PROSE = {"says", "source", "read", "id", "output", "draw"}
_LEAST = 6


def prose() -> Iterator[str]:
    """All that is read for it, text by text."""
    for file in sorted((ROOT / "lessons").glob("*.md")):
        text = re.sub(r"```.*?```", "", file.read_text(encoding="utf-8"), flags=re.S)
        text = re.sub(r"[`*#|{}]", " ", re.sub(r"\]\([^)]*\)", "]", text))
        yield from (text[n : n + MAX_CHARS] for n in range(0, len(text), MAX_CHARS))
    for file in sorted((ROOT / "k8snet_lessons" / "course" / "questions").glob("*.yaml")):
        yield from _texts(yaml.safe_load(file.read_text(encoding="utf-8")))
    for voice in VOICES.values():
        for question, answers in yaml.safe_load(voice.file.read_text(encoding="utf-8")).items():
            for answer in answers:
                name = f"{question}/{answer['kind']}"
                if not voice.kept(name) and "stuffed" not in name:
                    yield answer["text"]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if len(value.split()) >= _LEAST:
            yield value
    elif isinstance(value, dict):
        for key, one in value.items():
            if key not in _NO_PROSE:
                yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def main() -> None:
    singles: Counter[str] = Counter()
    pairs: dict[str, Counter[str]] = defaultdict(Counter)
    for text in prose():
        stream = [".", *classes(words(text))]
        singles.update(stream)
        for before, here in pairwise(stream):
            pairs[before][here] += 1
    result = {
        "singles": dict(sorted(singles.items())),
        "pairs": {one: dict(sorted(after.items())) for one, after in sorted(pairs.items())},
    }
    RESULT.write_text(json.dumps(result, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
