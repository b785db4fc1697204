"""The patterns by which a rubric recognizes a point, and where an answer matches them.

A pattern is one line: groups joined by ``+``, which must meet in one sentence or in two
neighboring ones, in any order; ``>`` in place of ``+`` asks that the group come later. The
groups of a *wrong* statement must meet in one clause; one joined by ``&`` may stand anywhere in
the sentence.

- A group offers alternatives, parted by ``|``. An alternative is one or more words in this
  order, up to two others between them (``...`` allows eight, a ``^`` before the first none: for
  names of fields, which in plain English mean less). Words are compared by their stems,
  so one form stands for all; a final ``*`` leaves the end open.
- A pattern that begins with ``=`` must be met within one sentence.
- ``@name`` stands for all phrases of that name in ``lexicon.yaml``.
- A word that the answer denies does not match. ``!`` before an alternative asks for just that:
  ``!drop`` matches "are never dropped". ``~`` before a group matches denied, reported or not:
  for the subject that a sentence is about.

>>> pattern = parse("~established connection + survive | !drop")
>>> len(pattern.groups)
2
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Final

from k8snet_lessons.errors import InputError
from k8snet_lessons.interview._english import AGAINST, NEGATORS, SUBORDINATE, THINGS
from k8snet_lessons.interview._reading import Reading
from k8snet_lessons.interview._words import stem, words

_GAP: Final = 2
_BE: Final = frozenset({"is", "are", "was", "were", "be", "get"})
_WIDE_GAP: Final = 8
#: How far apart the groups of a point may stand, in words: within a sentence and across two; and
#: those of a wrong statement (estimates, from the marked answers that patterns are tuned on).
REACH: Final = 27
REACH_ACROSS: Final = 18
REACH_OF_WRONG: Final = 22
#: Where to look for a match that may be within reach, its own length included.
_WINDOW: Final = 60

Words = tuple[str, ...]


@dataclass(frozen=True)
class Alternative:
    """Words in order, and whether the answer must deny them."""

    words: Words
    denied: bool = False
    adjoining: bool = False


@dataclass(frozen=True)
class Group:
    """Alternatives of which one must match, and how it must stand to the others.

    `free` of negation, `later` than the group before, or `apart` in the sentence.
    """

    alternatives: tuple[Alternative, ...]
    free: bool = False
    later: bool = False
    apart: bool = False


@dataclass(frozen=True)
class Pattern:
    """Groups that must meet, and the line that says so."""

    text: str
    groups: tuple[Group, ...]
    one_sentence: bool = False


@dataclass(frozen=True)
class Match:
    """First and last word of a place where a pattern matches, and those between that it needs."""

    first: int
    last: int
    between: tuple[int, ...] = ()


@cache
def lexicon() -> Mapping[str, tuple[str, ...]]:
    """Phrases by name: the ways in which people say the same."""
    import yaml

    file = files("k8snet_lessons.interview") / "lexicon.yaml"
    loaded: Mapping[str, list[str]] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return {name: tuple(str(phrase) for phrase in phrases) for name, phrases in loaded.items()}


@cache
def _alike() -> Mapping[str, tuple[str, ...]]:
    """Other stems that count for a stem (``alike.yaml``)."""
    import yaml

    file = files("k8snet_lessons.interview") / "alike.yaml"
    found: dict[str, tuple[str, ...]] = {}
    for line in yaml.safe_load(file.read_text(encoding="utf-8")):
        stems = {stem(word) for word in line.split()}
        found |= {one: tuple(sorted(stems - {one})) for one in stems}
    return found


@cache
def parse(text: str) -> Pattern:
    """Read a pattern.

    Raises
    ------
    InputError
        When a group is empty or a name is not in the lexicon.
    """
    groups = []
    one_sentence, body = text.startswith("="), text.removeprefix("=")
    for sign, part in re.findall(r"(^|[+>&])\s*([^+>&]*)", body):
        part = part.strip()
        free = part.startswith("~")
        alternatives = tuple(
            one
            for piece in part.removeprefix("~").split("|")
            for one in _alternatives(piece.strip(), text)
        )
        groups.append(Group(alternatives, free, sign == ">", sign == "&"))
    return Pattern(text, tuple(groups), one_sentence)


def _alternatives(piece: str, text: str, denied: bool = False) -> Iterator[Alternative]:
    if piece.startswith("!"):
        piece, denied = piece[1:].strip(), True
    adjoining = piece.startswith("^")
    piece = piece.removeprefix("^")
    if piece.startswith("@"):
        if piece[1:] not in lexicon():
            raise InputError("pattern", text, f"names of the lexicon; {piece} is none")
        for phrase in lexicon()[piece[1:]]:
            yield from _alternatives(phrase, text, denied)
        return
    stems = _stems(piece)
    if not stems:
        raise InputError("pattern", text, "groups of words joined by +, > or &")
    yield Alternative(stems, denied, adjoining)
    if len(stems) == 1:
        for other in _alike().get(stems[0], ()):
            yield Alternative((other,), denied)


def _stems(phrase: str) -> Words:
    found: list[str] = []
    for part in re.split(r"(\.\.\.|\S+\*)", phrase):
        part = part.strip()
        if part == "..." or part.endswith("*"):
            found.append(part.casefold())
        elif part:
            found += [word.stem for word in words(part)]
    return tuple(found)


def find(
    pattern: Pattern, reading: Reading, *, wrong: bool = False, questions: bool = False
) -> Match | None:
    """Return where an answer matches a pattern first, or None.

    Parameters
    ----------
    pattern : Pattern
    reading : Reading
    wrong : bool
        The pattern is one of a wrong statement: its groups must meet in one sentence and close by,
        and a negator anywhere in the clause takes it back.
    questions : bool
        Whether a question counts as said.
    """
    match = _find(pattern, pattern.groups, reading, wrong, questions)
    if match is None and wrong:
        # A statement that is wrong by what it denies, "pods cannot reach each other", stands in
        # a denied clause as a whole.
        for place, group in enumerate(pattern.groups):
            denying = tuple(one for one in group.alternatives if _denies(one))
            if denying and match is None:
                groups = list(pattern.groups)
                groups[place] = replace(group, alternatives=denying)
                match = _find(pattern, tuple(groups), reading, wrong, questions, denies=True)
    return match


def _denies(alternative: Alternative) -> bool:
    return alternative.denied or not NEGATORS.isdisjoint(alternative.words)


def _find(
    pattern: Pattern,
    groups: tuple[Group, ...],
    reading: Reading,
    wrong: bool,
    questions: bool,
    denies: bool = False,
) -> Match | None:
    found = []
    for group in groups:
        matches = list(_matches(group, reading, wrong and not denies, questions))
        if not matches:
            return None
        found.append(sorted(matches, key=_first))
    meetings = (_meet(pattern, found, start, reading, wrong) for start in found[0])
    return min(
        (one for one in meetings if one), key=lambda one: tightness(one, reading), default=None
    )


def tightness(match: Match, reading: Reading) -> tuple[int, int, int]:
    """By what the most telling of several matches is chosen: close together, then early."""
    apart = reading.sentence[match.last] - reading.sentence[match.first]
    return apart, match.last - match.first, match.first


def _meet(
    pattern: Pattern, found: list[list[Match]], start: Match, reading: Reading, wrong: bool
) -> Match | None:
    taken, together = [start], [start]
    for group, matches in zip(pattern.groups[1:], found[1:], strict=True):
        near = [
            one
            for one in _around(matches, start, reading)
            if not any(_overlap(one, other) for other in taken)
            and (not group.later or one.first > taken[-1].last)
            and _close([*taken, one], reading, wrong, pattern.one_sentence)
            and (not wrong or group.apart or _one_clause([*together, one], reading))
        ]
        if not near:
            return None
        taken.append(min(near, key=lambda one: abs(one.first - start.first)))
        if not group.apart:
            together.append(taken[-1])
    own = [one for one in taken if one.first >= reading.context]
    if not own:
        return None
    return Match(min(one.first for one in own), max(one.last for one in own))


def _first(match: Match) -> int:
    return match.first


def _around(matches: list[Match], start: Match, reading: Reading) -> list[Match]:
    """Those that can be close enough to `start`, and those before the speaker's own words."""
    if start.first < reading.context:
        return matches
    begin = bisect_left(matches, start.first - _WINDOW, key=_first)
    end = bisect_left(matches, start.last + _WINDOW, key=_first)
    said = bisect_left(matches, reading.context, key=_first)
    return matches[: min(said, begin)] + matches[begin:end]


def _one_clause(taken: list[Match], reading: Reading) -> bool:
    """Whether all stand in one clause, or in a subordinate one and the main one after it."""
    found = {reading.clause[place] for one in taken for place in (one.first, one.last)}
    first, last = min(found), max(found)
    if first == last:
        return True
    if last - first > 1 or found & reading.clause_denied:
        return False
    begin, turn = reading.clause.index(first), reading.clause.index(last)
    opening = {word.stem for word in reading.words[begin : begin + 2]}
    turning = {word.stem for word in reading.words[turn : turn + 2]}
    return bool(opening & SUBORDINATE) and not turning & AGAINST


def _overlap(one: Match, other: Match) -> bool:
    """Whether both need the same word: "writes (the whole list) again" leaves its middle free."""
    return not {one.first, one.last, *one.between}.isdisjoint(
        {other.first, other.last, *other.between}
    )


def _close(taken: list[Match], reading: Reading, wrong: bool, one_sentence: bool) -> bool:
    # What the interviewer said just before is close to everything in the answer.
    own = [one for one in taken if one.first >= reading.context] or taken
    first, last = min(one.first for one in own), max(one.last for one in own)
    apart = reading.sentence[last] - reading.sentence[first]
    if wrong:
        return apart == 0 and last - first <= REACH_OF_WRONG
    if apart == 0:
        return last - first <= REACH
    return not one_sentence and apart == 1 and last - first <= REACH_ACROSS


def _matches(group: Group, reading: Reading, wrong: bool, questions: bool) -> Iterator[Match]:
    for alternative in group.alternatives:
        for places in _places(alternative, reading):
            inside = places[0] >= reading.context
            if not group.free and (any(reading.unsaid[place] for place in places) or not inside):
                continue
            sentence = reading.sentences[reading.sentence[places[0]]]
            if inside and (not sentence.spoken or (sentence.question and not questions)):
                continue
            if wrong and _names_a_thing(reading, places[-1]):
                continue
            denied = any(reading.denied[place] for place in places)
            if alternative.denied:
                fits = denied
            elif group.free or not NEGATORS.isdisjoint(alternative.words):
                # An alternative that spells its negation out ("no endpoint") is meant so.
                fits = True
            else:
                fits = not denied and not (
                    wrong and any(reading.clause[p] in reading.clause_denied for p in places)
                )
            if fits:
                yield Match(places[0], places[-1], tuple(places[1:-1]))


def _names_a_thing(reading: Reading, place: int) -> bool:
    """Whether a verb's form stands before a noun that it describes: "packet forwarding rules"."""
    after = reading.words[place + 1].stem if place + 1 < len(reading.words) else ""
    return reading.words[place].written.endswith("ing") and after in THINGS


def _places(alternative: Alternative, reading: Reading) -> Iterator[list[int]]:
    """Where the words of a phrase stand, one place a word, within one sentence."""
    phrase, usual = alternative.words, 0 if alternative.adjoining else _GAP
    for first in reading.index(phrase[0]):
        places, gap = [first], usual
        for word in phrase[1:]:
            if word == "...":
                gap = _WIDE_GAP
                continue
            end = min(places[-1] + gap + 2, reading.sentences[reading.sentence[first]].last)
            place = next(
                (i for i in range(places[-1] + 1, end) if _same(reading.words[i].stem, word)), None
            )
            if place is None or _counts_other(reading, places[-1], place):
                break
            places.append(place)
            gap = usual
        else:
            yield places


def _counts_other(reading: Reading, number: int, place: int) -> bool:
    """Whether a number counts something else: in "four names are queried" no four queries."""
    between = reading.words[number + 1 : place]
    return reading.words[number].stem.isdigit() and any(w.stem in _BE for w in between)


def _same(here: str, word: str) -> bool:
    return here.startswith(word[:-1]) if word.endswith("*") else here == word
