"""What an answer says on somebody else's account, does not vouch for, or calls untrue."""

import re
from functools import cache
from typing import Final

from k8snet_lessons.interview._english import CONTRAST, NEGATORS, SPEAKER
from k8snet_lessons.interview._reading import Reading, Sentence
from k8snet_lessons.interview._words import PUNCTUATION, stem

_BEFORE_COLON: Final = 5


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
        rf"(?<!\beach )\b{others}{_GAP}{hold}\b"
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


#: What calls a statement untrue.
_FALSE: Final = "false untrue wrong incorrect nonsense mistaken misleading"


@cache
def _retractions() -> re.Pattern[str]:
    wrong = _any(f"{_FALSE} outdated myth rubbish")
    return re.compile(
        rf"^(?:that|this|which|it|that's|it's|thi)(?: \S+){{0,2}} (?:{wrong}|not true)\b(?! that\b)"
    )


#: How far before a doubt its subject may stand.
_SUBJECT: Final = 4


@cache
def _refusals() -> re.Pattern[str]:
    false = _any(_FALSE)
    right = _any("true right correct so case")
    return re.compile(
        rf"\b(?:(?:not|isn't|wasn't|hardly)(?: the)? {right}|{false}|{_any('doubt disagree')})"
        rf"(?: to (?:say|think|{stem('believe')}|{stem('claim')}))? that\b"
        r"|\b(?:don't|wouldn't|do not|would not|didn't) "
        rf"(?:{_any('think say believe agree claim')})"
        r"(?: that)?\b"
    )


@cache
def _refused_whole() -> re.Pattern[str]:
    false = _any(_FALSE)
    claim = _any("claim idea notion belief statement view assumption")
    return re.compile(
        rf"^(?:(?:the|this) {claim} )?that\b.* (?:is|are)(?: \S+)? (?:{false}|not true|not so)\b"
    )


_COMPLEMENT: Final = frozenset(
    stem(w) for w in ("if", "whether", "how", "what", "which", "that", "about", "when", "why")
)


#: "Contrary to what people say, ...": the speaker goes on with a view of his own.
_SET_ASIDE: Final = frozenset(
    stem(w) for w in ("contrary", "unlike", "despite", "whatever", "against", "regardless")
)


def mark_unsaid(reading: Reading) -> None:
    reading.unsaid = [False] * len(reading.words)
    for number, sentence in enumerate(reading.sentences):
        line, starts = _line(reading, sentence)
        for match in _reports().finditer(line):
            begin = starts[line[: match.start()].count(" ")] if match.start() else sentence.first
            end = _until_contrast(reading, begin + 1, sentence.last, colon=True)
            if _SET_ASIDE & {word.stem for word in reading.words[max(0, begin - 3) : begin]}:
                end = _until_comma(reading, begin, end)
            _mark(reading, begin, end)
        for match in _doubts().finditer(line):
            begin = starts[line[: match.start()].count(" ")]
            if not _speaks_of_himself(reading, begin):
                continue
            after = starts[0] + line[: match.end()].count(" ") + 1
            follows = reading.words[after].stem if after < sentence.last else ""
            if follows in _COMPLEMENT:
                _mark(reading, begin, _until_contrast(reading, after, sentence.last))
            elif after >= sentence.last - 1:
                _mark(reading, _clause_before(reading, begin, sentence.first), after)
        for match in _refusals().finditer(line):
            begin = starts[0] + line[: match.end()].count(" ") + 1
            end = _until_contrast(reading, begin, sentence.last)
            _deny(reading, begin, end)
        if whole := _refused_whole().search(line):
            end = starts[0] + line[: whole.end()].count(" ")
            _deny(reading, sentence.first, end)
        if number and _retractions().search(line):
            before = reading.sentences[number - 1]
            _mark(reading, before.first, before.last)


def _speaks_of_himself(reading: Reading, begin: int) -> bool:
    """Whether the doubt is the speaker's: "the pods don't know of the tunnel" is a statement."""
    clause = reading.clause[begin]
    before = [
        reading.words[index].stem
        for index in range(max(reading.context, begin - _SUBJECT), begin)
        if reading.clause[index] == clause and reading.words[index].stem not in PUNCTUATION
    ]
    return not before or bool(SPEAKER & set(before))


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


def _until_comma(reading: Reading, begin: int, end: int) -> int:
    return next((n for n in range(begin, end) if reading.words[n].stem in ",.)"), end)


def _clause_before(reading: Reading, begin: int, first: int) -> int:
    for index in range(begin - 1, first - 1, -1):
        if reading.words[index].stem == "but":
            return index
    return first


def _deny(reading: Reading, begin: int, end: int) -> None:
    """Take back what is said; "it is not true that it never ..." says too little to be read."""
    span = range(begin, min(end, len(reading.denied)))
    if any(reading.words[index].stem in NEGATORS for index in span):
        _mark(reading, begin, end)
    for index in span:
        reading.denied[index] = True
        reading.clause_denied.add(reading.clause[index])


def _mark(reading: Reading, begin: int, end: int) -> None:
    for index in range(begin, min(end, len(reading.unsaid))):
        reading.unsaid[index] = True
