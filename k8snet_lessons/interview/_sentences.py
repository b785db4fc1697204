"""Which words of an answer are asserted, which denied, reported, doubted or only listed.

A word is *denied* when a negator precedes it in its clause. It is *unsaid* when it stands in
a view that the speaker reports from others ("people say that ..."), does not vouch for ("no
idea whether ..."), or puts as a question.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from k8snet_lessons.interview._english import (
    AFTER_AND,
    BREAKS,
    CONTRAST,
    DENYING_VERBS,
    FUNCTION,
    HARMLESS_AFTER,
    NEGATORS,
    VERBS,
)
from k8snet_lessons.interview._words import PUNCTUATION, RELATIONS, Word, stem, words

#: How far after "and" a verb may stand that makes it the beginning of a clause.
_AHEAD: Final = 7
_CLAUSE_SIGNS: Final = frozenset(",:()[]-") | {"--", "---"}
_ABBREVIATED: Final = frozenset({"etc", "vs", "approx", "incl", "resp", "e", "g", "i", "cf"})
#: Share of a sentence's words that hold it together. Prose has 0.4 to 0.5, notes 0.15 and more,
#: a list of keywords next to nothing (estimate, from the marked answers).
_LEAST_GLUE: Final = 0.1
_GLUE_OF_PROSE: Final = 0.25
_LONG_RUN: Final = 10
#: A note of so few words needs no verb: "read time-out slightly above the slowest good answer".
_SHORT: Final = 9
_LEAST_COMMAND: Final = 4
_GLUE_OF_A_RUN: Final = 0.18


@dataclass
class Sentence:
    """One sentence: words from `first` up to `last`, and how it is meant."""

    first: int
    last: int
    question: bool = False
    spoken: bool = True


@dataclass
class Reading:
    """An answer as read: words, sentences, and what holds of each word.

    Attributes
    ----------
    words : list of Word
    sentences : list of Sentence
    sentence, clause : list of int
        The number of each word's sentence and clause.
    denied : list of bool
        A negator denies the word.
    clause_denied : set of int
        Clauses in which a negator stands.
    unsaid : list of bool
        Reported from others, or not vouched for.
    context : int
        Words before this one are not the speaker's: the question that is being answered. They
        may be what a sentence is about, and nothing more.
    """

    words: list[Word]
    sentences: list[Sentence] = field(default_factory=list)
    sentence: list[int] = field(default_factory=list)
    clause: list[int] = field(default_factory=list)
    denied: list[bool] = field(default_factory=list)
    clause_denied: set[int] = field(default_factory=set)
    unsaid: list[bool] = field(default_factory=list)
    context: int = 0

    def index(self, word: str) -> list[int]:
        """Places of a stem; with a final ``*``, of all that begin so."""
        if not self._places:
            for place, one in enumerate(self.words):
                self._places.setdefault(one.stem, []).append(place)
        if not word.endswith("*"):
            return self._places.get(word, [])
        return sorted(
            place
            for known, places in self._places.items()
            if known.startswith(word[:-1])
            for place in places
        )

    _places: dict[str, list[int]] = field(default_factory=dict, repr=False)


def read(
    text: str, vocabulary: frozenset[str] = frozenset(), ignore: str = "", context: int = 0
) -> Reading:
    """Read an answer.

    Parameters
    ----------
    text : str
    vocabulary : frozenset of str
        Words toward which typing errors are mended.
    ignore : str
        Sentences that count for nothing when they are repeated: the question's own.
    context : int
        Characters at the beginning of the text that are not the speaker's.
    """
    found = words(text, vocabulary)
    reading = Reading(found, context=sum(word.start < context for word in found))
    asked = words(ignore)
    known = [_key(asked[first:last]) for first, last in _sentences(ignore, asked)]
    spans = list(_sentences(text, found))
    prose = len(spans) <= 2 or context > 0 or _glue(found) >= _GLUE_OF_PROSE
    for first, last in spans:
        sentence = Sentence(first, last, question=found[last - 1].stem == "?")
        key = _key(found[first:last])
        said = _is_spoken(found[first:last], prose)
        sentence.spoken = said and not any(_echo(key, one) for one in known)
        reading.sentences.append(sentence)
        reading.sentence += [len(reading.sentences) - 1] * (last - first)
    _clauses(reading)
    _denials(reading)
    _unsaid(reading)
    return reading


# --- sentences and clauses -------------------------------------------------------------------


def _sentences(text: str, found: list[Word]) -> Iterator[tuple[int, int]]:
    first = 0
    for index in range(len(found)):
        if _ends(text, found, index) and index > first - 1:
            yield first, index + 1
            first = index + 1
    if first < len(found):
        yield first, len(found)


def _ends(text: str, found: list[Word], index: int) -> bool:
    sign = found[index].stem
    if sign in "!?;":
        return True
    after = text[found[index].end : found[index].end + 1]
    if sign == ".":
        before = found[index - 1].written if index else ""
        return (not after or after.isspace() or after in "\"'”’)") and before not in _ABBREVIATED
    if sign == "\n":
        # A line break ends a sentence unless the next line simply goes on.
        rest = text[found[index].end :].lstrip(" \t")
        return not rest[:1].islower()
    return False


def _clauses(reading: Reading) -> None:
    number, verb = 0, False
    for index, word in enumerate(reading.words):
        fresh = index > 0 and reading.sentence[index] != reading.sentence[index - 1]
        if fresh or word.stem in _CLAUSE_SIGNS | RELATIONS or _breaks(reading, index, verb):
            number, verb = number + 1, False
        verb = verb or word.stem in VERBS
        reading.clause.append(number)


def _breaks(reading: Reading, index: int, verb: bool) -> bool:
    """Whether a word begins a clause; `verb` says that the clause so far has one."""
    here = reading.words[index].stem
    if here in BREAKS:
        return True
    if here not in ("and", "as"):
        return False
    last = reading.sentences[reading.sentence[index]].last
    ahead = reading.words[index + 1 : min(index + _AHEAD, last)]
    signs = (n for n, word in enumerate(ahead) if word.stem in PUNCTUATION)
    ahead = ahead[: next(signs, len(ahead))]
    if not ahead or (
        here == "as" and [w.stem for w in ahead[:2]] in (["it", "is"], ["it", "stand"])
    ):
        return False
    if ahead[0].stem in AFTER_AND:
        return True
    # "... are dropped and open ones survive" begins anew; "drops and resets them" goes on.
    goes_on = ahead[0].stem in VERBS and not ahead[0].written.endswith("ed")
    return verb and not goes_on and any(word.stem in VERBS for word in ahead[1:])


# --- negation --------------------------------------------------------------------------------


def _denials(reading: Reading) -> None:
    denied, clause, opened = False, -1, 0
    for index, word in enumerate(reading.words):
        if reading.clause[index] != clause:
            denied, clause, opened = False, reading.clause[index], index
        # "If there is no pod the connection fails": the main clause needs no comma.
        if denied and word.stem in AFTER_AND and reading.words[opened].stem in _CONDITIONS:
            denied = False
        # "It does not matter" denies that one word, and nothing after it.
        idle = word.stem == _MATTER and index > 0 and reading.words[index - 1].stem in NEGATORS
        reading.denied.append(denied or idle)
        kind = _negator(reading, index)
        if not kind:
            continue
        before = reading.words[index - 1].stem if index else ""
        if kind == "word" or before in ("and", "or", "nor"):
            # "without" after "not" turns it round; a second "no" does not.
            denied = not denied if word.stem == "without" else True
        else:
            denied = not denied
        reading.clause_denied.add(clause)


def _negator(reading: Reading, index: int) -> str:
    stems = [word.stem for word in reading.words[index : index + 4]]
    here, follows = stems[0], stems[1] if len(stems) > 1 else ""
    if here in NEGATORS:
        harmless = follows in HARMLESS_AFTER or (
            len(stems) > 2 and follows in _ADVERBS and stems[2] in HARMLESS_AFTER
        )
        return "" if harmless else "word"
    if (here, follows) in (("instead", "of"), ("rather", "than"), (stem("opposed"), "to")):
        return "word"
    if here == "fail" and follows == "to":
        return "word"
    return "verb" if here in DENYING_VERBS else ""


_BEFORE_COLON: Final = 5
_CONDITIONS: Final = frozenset(stem(word) for word in ("if", "when", "once", "where"))
_MATTER: Final = stem("matter")
_ADVERBS: Final = frozenset(
    stem(w) for w in ["really", "quite", "entirely", "totally", "so", "completely", "100"]
)


# --- what is said on whose account -----------------------------------------------------------


def _any(text: str) -> str:
    return "(?:" + "|".join(sorted({re.escape(stem(word)) for word in text.split()})) + ")"


_GAP: Final = r"(?: \S+){0,3}? "


@cache
def _reports() -> re.Pattern[str]:
    others = _any(
        """people many most some lots folks everyone everybody articles blogs posts textbooks docs
        documentation colleagues engineers developers candidates books tutorials someone somebody
        others guides they vendors internet folklore"""
    )
    hold = _any(
        "say claim believe think assume suppose imagine argue insist swear pretend tell teach"
    )
    return re.compile(
        rf"\b{others}{_GAP}{hold}\b"
        rf"|\b{_any('you one we')} {_any('often commonly sometimes always usually')} "
        rf"{_any('read hear see')}\b"
        rf"|\b{_any('common popular widespread usual typical classic old standard')} "
        rf"{_any('myth misconception belief wisdom advice assumption claim mistake explanation')}\b"
        rf"|\b{_any('myth misconception fallacy misunderstanding legend rumor')}\b"
        rf"|\b{_any('is was')}(?: \S+)? {_any('said claimed believed assumed thought')} "
        r"(?:that|to)\b"
        rf"|\b{stem('allegedly')}\b"
        r"|(?<!\bis )(?<!\bare )(?<!\bbe )(?<!\bwas )(?<!\bwere )(?<!\bget )\buse to\b"
        rf"|\b{_any('i we')} (?:use to|{_any('once always first initially originally')}) "
        rf"{_any('think believe thought assume assumed')}\b"
        rf"|\b{_any('you one i')} {_any('might may could would')} "
        rf"{_any('think expect assume believe')}\b"
    )


@cache
def _doubts() -> re.Pattern[str]:
    return re.compile(
        r"\bnot(?: \S+)? (?:sure|certain)\b|\bunsur\b|\bno (?:idea|clue)\b"
        rf"|\b(?:don't|do not|didn't|did not)(?: {stem('really')}| {stem('actually')})? "
        rf"(?:know|{stem('remember')}|{stem('recall')})\b"
        r"|\b(?:couldn't|could not|can't|can not) (?:say|tell|rememb|recal)\b"
    )


@cache
def _retractions() -> re.Pattern[str]:
    wrong = _any("wrong false nonsense incorrect outdated myth untrue misleading rubbish mistaken")
    return re.compile(
        rf"^(?:that|this|which|it|that's|it's|thi)(?: \S+){{0,2}} (?:{wrong}|not true)\b(?! that\b)"
    )


_COMPLEMENT: Final = frozenset(
    stem(w) for w in ("if", "whether", "how", "what", "which", "that", "about", "when", "why")
)


def _unsaid(reading: Reading) -> None:
    reading.unsaid = [False] * len(reading.words)
    for number, sentence in enumerate(reading.sentences):
        line, starts = _line(reading, sentence)
        for match in _reports().finditer(line):
            begin = starts[line[: match.start()].count(" ")] if match.start() else sentence.first
            _mark(reading, begin, _until_contrast(reading, begin + 1, sentence.last, colon=True))
        for match in _doubts().finditer(line):
            begin = starts[line[: match.start()].count(" ")]
            after = starts[0] + line[: match.end()].count(" ") + 1
            follows = reading.words[after].stem if after < sentence.last else ""
            if follows in _COMPLEMENT:
                _mark(reading, begin, _until_contrast(reading, after, sentence.last))
            elif after >= sentence.last - 1:
                _mark(reading, _clause_before(reading, begin, sentence.first), after)
        if number and _retractions().search(line):
            before = reading.sentences[number - 1]
            _mark(reading, before.first, before.last)


def _line(reading: Reading, sentence: Sentence) -> tuple[str, list[int]]:
    span = range(sentence.first, sentence.last)
    return " ".join(reading.words[index].stem for index in span), list(span)


def _until_contrast(reading: Reading, begin: int, end: int, colon: bool = False) -> int:
    for index in range(begin, end):
        # "The myth is: ..." is reported after the colon, "It is a myth that ...: ..." before it.
        if colon and reading.words[index].stem == ":" and index - begin > _BEFORE_COLON:
            return index
        if reading.words[index].stem in CONTRAST:
            return index - (reading.words[index - 1].stem == "in")
    return end


def _clause_before(reading: Reading, begin: int, first: int) -> int:
    for index in range(begin - 1, first - 1, -1):
        if reading.words[index].stem == "but":
            return index
    return first


def _mark(reading: Reading, begin: int, end: int) -> None:
    for index in range(begin, min(end, len(reading.unsaid))):
        reading.unsaid[index] = True


# --- sentences that are none -----------------------------------------------------------------


def _glue(part: list[Word]) -> float:
    content = [word.stem for word in part if word.stem not in PUNCTUATION]
    return sum(stem in FUNCTION for stem in content) / max(1, len(content))


def _is_spoken(part: list[Word], prose: bool) -> bool:
    """Whether a sentence says something, or only lists words; `prose` says what it stands in."""
    content = [word.stem for word in part if word.stem not in PUNCTUATION]
    relations = sum(word.stem in RELATIONS for word in part)
    words_of_glue = len(set(content) & FUNCTION)
    glue = words_of_glue + relations + any(word.stem == ":" for word in part)
    if prose and len(content) <= _SHORT and _inflected(part):
        return True
    if glue < max(1.0, _LEAST_GLUE * len(content)):
        return False
    note = len(content) <= _SHORT and words_of_glue > 0
    if not note and not relations and not any(stem in VERBS for stem in content):
        return False
    return not any(_is_list(run) for run in _runs(part))


def _inflected(part: list[Word]) -> bool:
    """A finite verb after the first word, "DNS makes four queries", or a command, "Drain it"."""
    if len(part) >= _LEAST_COMMAND and part[0].stem in VERBS:
        return True
    return any(w.stem in VERBS and w.written.endswith(("s", "ed")) for w in part[1:])


def _runs(part: list[Word]) -> Iterator[list[str]]:
    """What stands between two signs: notes have short runs, prose has glue in the long ones."""
    run: list[str] = []
    for word in part:
        if word.stem in PUNCTUATION or word.stem in RELATIONS:
            yield run
            run = []
        else:
            run.append(word.stem)
    yield run


def _is_list(run: list[str]) -> bool:
    return len(run) >= _LONG_RUN and len(set(run) & FUNCTION) < _GLUE_OF_A_RUN * len(run)


def _key(found: list[Word]) -> str:
    return " ".join(word.stem for word in found if word.stem not in PUNCTUATION)


def _echo(key: str, known: str) -> bool:
    from rapidfuzz.fuzz import ratio

    return len(key) > 20 and ratio(key, known, score_cutoff=85) > 0
