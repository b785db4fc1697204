"""Whether words stand in an order in which people say them, or were thrown together.

A bag of the right words is no answer. Every word is brought to a class (a word of glue is its own,
others count by their ending), and two classes that stand side by side have a pointwise mutual
information: how much likelier they are neighbors than by chance. Over sentences its mean is well
above zero, in whatever style; over shuffled words it is below (``word_order.json``, fitted by
``tools/fit_word_order.py`` to the course's own prose and to marked answers).
"""

import json
import math
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Final

from k8snet_lessons.interview._english import GLUE
from k8snet_lessons.interview._words import PUNCTUATION, RELATIONS, Word

#: Words that are judged together; fewer say too little.
WINDOW: Final = 40
_LEAST: Final = 24
#: Mean information a pair below which a window is no speech (estimate, from the marked answers:
#: terse notes reach -0.07, nine of ten shuffled answers stay below).
LEAST_ORDER: Final = -0.12
#: The same for one window of a longer answer: few words scatter more.
LEAST_ORDER_OF_A_WINDOW: Final = -0.3
#: Share of an answer that may be out of order before none of it is trusted.
_TOO_MUCH: Final = 0.4
_SMOOTH: Final = 8.0
_MOST: Final = 2.5
_ENDINGS: Final = ("ing", "ed", "ly", "s")


def word_class(word: Word) -> str:
    """The class by which a word is compared with its neighbors."""
    written = word.written
    if written in GLUE:
        return written
    if word.stem in RELATIONS:
        return "->"
    if word.stem in PUNCTUATION:
        return "." if word.stem in ".;!?\n" else ","
    if written[0].isdigit():
        return "0"
    return next((f"-{end}" for end in _ENDINGS if written.endswith(end)), "word")


def classes(found: Sequence[Word]) -> Iterator[str]:
    """The classes of words one by one, as if a sentence had ended before them."""
    before = ""
    for word in found:
        here = word_class(word)
        if here != "." or before != ".":
            yield here
        before = here


def disordered(found: Sequence[Word]) -> list[tuple[int, int]]:
    """Spans of words, from and up to, that nobody would say in this order."""
    if len(found) < _LEAST:
        return []
    if order(found) < LEAST_ORDER:
        return [(0, len(found))]
    spans = []
    for first in range(0, len(found), WINDOW):
        last = first + WINDOW if len(found) - first - WINDOW >= _LEAST else len(found)
        if order(found[first:last]) < LEAST_ORDER_OF_A_WINDOW:
            spans.append((first, last))
        if last == len(found):
            break
    if sum(last - first for first, last in spans) > _TOO_MUCH * len(found):
        return [(0, len(found))]
    return spans


def order(found: Sequence[Word]) -> float:
    """Mean pointwise mutual information of neighboring words, in nats."""
    pairs = _information()
    singles, _ = _counts()
    stream = [".", *classes(found)]
    if len(stream) < 2:
        return 0.0
    kept = 0.0
    for before, here in pairwise(stream):
        known = pairs.get((before, here))
        if known is None:
            # Never seen together: the likelier each is by itself, the more that says.
            known = max(-_MOST, math.log(_SMOOTH / (singles.get(before, 0) + _SMOOTH)))
        kept += known
    return kept / (len(stream) - 1)


@cache
def _counts() -> tuple[dict[str, int], int]:
    file = files("k8snet_lessons.interview") / "word_order.json"
    loaded = json.loads(file.read_text(encoding="utf-8"))
    singles: dict[str, int] = loaded["singles"]
    return singles, sum(singles.values())


@cache
def _information() -> dict[tuple[str, str], float]:
    file = files("k8snet_lessons.interview") / "word_order.json"
    pairs: dict[str, dict[str, int]] = json.loads(file.read_text(encoding="utf-8"))["pairs"]
    singles, total = _counts()
    found = {}
    for before, after in pairs.items():
        for here, count in after.items():
            chance = singles[here] / total
            share = (count + _SMOOTH * chance) / (singles[before] + _SMOOTH)
            found[before, here] = max(-_MOST, min(_MOST, math.log(share / chance)))
    return found
