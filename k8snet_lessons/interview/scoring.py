"""The scorer: which points of a rubric an answer makes, by which of its words.

A pure function, offline. Its verdicts are proposals: it reads wording, not meaning, and how
often it agrees with a person is measured (``data/interview_agreement.json``).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from k8snet_lessons.course.questions import Question, bank
from k8snet_lessons.course.rubrics import Point, Rubric
from k8snet_lessons.errors import InputError
from k8snet_lessons.interview._english import PLAIN_WORDS
from k8snet_lessons.interview._reading import Reading
from k8snet_lessons.interview._sentences import read
from k8snet_lessons.interview._words import MAX_CHARS, PUNCTUATION, vocabulary_of
from k8snet_lessons.interview.patterns import Match, find, lexicon, parse, tightness

Judgment = Literal["made", "missing", "contradicted"]
JUDGMENTS: Final = ("made", "missing", "contradicted")
#: What a contradicted point takes from the score, as a share of its weight.
PENALTY: Final = 0.5


@dataclass(frozen=True)
class ScoredPoint:
    """The verdict on one point.

    Parameters
    ----------
    id : str
        The point.
    verdict : {"made", "missing", "contradicted"}
    span : (int, int) or None
        Where in the answer the words stand that show it; None when it is missing.
    evidence : str
        Those words.
    misconception : str
        What a contradicting statement is known as.
    """

    id: str
    verdict: Judgment
    span: tuple[int, int] | None = None
    evidence: str = ""
    misconception: str = ""


@dataclass(frozen=True)
class Scored:
    """An answer as scored.

    Parameters
    ----------
    question : str
    points : tuple of ScoredPoint
        In the rubric's order.
    score : float
        Weights of the points made, less half of those contradicted, over all weights; 0 to 1.
    focus : float
        Share of the words that stand in sentences which made a point; 0 to 1.
    notes : tuple of str
        What was not read, and why.
    """

    question: str
    points: tuple[ScoredPoint, ...]
    score: float
    focus: float
    notes: tuple[str, ...] = ()

    @property
    def contradictions(self) -> tuple[ScoredPoint, ...]:
        """The points that the answer contradicts."""
        return tuple(point for point in self.points if point.verdict == "contradicted")

    def verdict(self, point: str) -> Judgment:
        """Return the verdict on the point of this id."""
        for one in self.points:
            if one.id == point:
                return one.verdict
        raise InputError("point", point, "one of " + ", ".join(one.id for one in self.points))


def open_questions() -> tuple[Question, ...]:
    """Return the questions that are answered in free text."""
    return tuple(one for one in bank() if one.kind == "open")


def score_answer(question_id: str, text: str, follow_up: str = "") -> Scored:
    """Score a free-text answer against the rubric of its question.

    Parameters
    ----------
    question_id : str
        An open question of the bank.
    text : str
        The answer; any text, also an empty one. What stands after 10,000 characters is not read.
    follow_up : str, optional
        The point whose follow-up question is being answered. That question's own words may then
        be what the answer is about: "To which address?" "To the pod's."

    Raises
    ------
    InputError
        When there is no such open question.

    Examples
    --------
    >>> scored = score_answer("03-iptables-at-scale",
    ...     "Just the first packet walks the list; conntrack takes care of the rest.")
    >>> scored.verdict("first-packet-only")
    'made'
    """
    asked, rubric = _asked(question_id)
    if not isinstance(text, str):
        raise InputError("answer", text, "a text")
    before = _words_before(rubric, follow_up)
    said = read(before + text, _vocabulary(), _asked_before(asked.id), context=len(before))
    points = tuple(_judge(point, said, text, len(before)) for point in rubric.points)
    notes: tuple[str, ...] = ()
    if len(text) > MAX_CHARS:
        notes += (f"Only the first {MAX_CHARS:,} characters were read.",)
    if any(one.disordered for one in said.sentences):
        notes += ("Part of it reads as words in no order, and was not counted.",)
    focus = _focus(said, points, len(before))
    return Scored(asked.id, points, total(rubric, points), focus, notes)


@cache
def _asked_before(name: str) -> str:
    """What the interviewer says, which is no answer when it is said back."""
    asked, rubric = _asked(name)
    return "\n\n".join([asked.prompt, *(point.follow_up for point in rubric.points)])


def _words_before(rubric: Rubric, follow_up: str) -> str:
    if not follow_up:
        return ""
    found = {point.id: point.follow_up for point in rubric.points}
    if follow_up not in found:
        raise InputError("follow_up", follow_up, "one of " + ", ".join(found))
    return found[follow_up] + "\n\n"


def total(rubric: Rubric, points: Iterable[ScoredPoint]) -> float:
    """Return the score of verdicts: a share of the rubric's weight."""
    weights = {point.id: point.weight for point in rubric.points}
    made = sum(weights[one.id] for one in points if one.verdict == "made")
    lost = sum(PENALTY * weights[one.id] for one in points if one.verdict == "contradicted")
    return round(max(0.0, made - lost) / sum(weights.values()), 4)


def _asked(name: str) -> tuple[Question, Rubric]:
    found = {one.id: one for one in open_questions()}
    if name not in found:
        raise InputError("question", name, "one of " + ", ".join(found))
    rubric = found[name].rubric
    assert rubric is not None
    return found[name], rubric


def _judge(point: Point, said: Reading, text: str, before: int) -> ScoredPoint:
    questions = point.dimension == "order of debugging"
    found = (find(parse(line), said, questions=questions) for line in point.says)
    made = _best(found, said)
    for wrong in point.wrong:
        against = _best((find(parse(line), said, wrong=True) for line in wrong.says), said)
        if against and not (made and _taken_back(against, made, said)):
            start, end = _span(against, said, before)
            evidence = text[start:end]
            return ScoredPoint(
                point.id, "contradicted", (start, end), evidence, wrong.misconception
            )
    if made:
        start, end = _span(made, said, before)
        return ScoredPoint(point.id, "made", (start, end), text[start:end])
    return ScoredPoint(point.id, "missing")


def _best(matches: Iterable[Match | None], said: Reading) -> Match | None:
    found = (match for match in matches if match)
    return min(found, key=lambda match: tightness(match, said), default=None)


_CORRECTIONS: Final = frozenset({"actual", "sorri", "correct", "wait", "mistaken"})


def _taken_back(wrong: Match, made: Match, said: Reading) -> bool:
    """Whether a later sentence sets the wrong statement right in so many words."""
    if made.first <= wrong.last:
        return False
    between = {word.stem for word in said.words[wrong.last : made.last]}
    return bool(between & _CORRECTIONS)


def _span(match: Match, said: Reading, before: int) -> tuple[int, int]:
    """The words of a match and what stands around them in their clauses."""
    first, last = match.first, match.last
    while first > said.context and _joined(said, first - 1, first):
        first -= 1
    while last + 1 < len(said.words) and _joined(said, last + 1, last):
        last += 1
    return said.words[first].start - before, said.words[last].end - before


def _joined(said: Reading, other: int, here: int) -> bool:
    same = said.clause[other] == said.clause[here] and said.sentence[other] == said.sentence[here]
    return same and said.words[other].stem not in PUNCTUATION


def _focus(said: Reading, points: Iterable[ScoredPoint], before: int) -> float:
    spans = [point.span for point in points if point.verdict == "made" and point.span]
    total = carried = 0
    for sentence in said.sentences:
        if sentence.first < said.context:
            continue
        length = sentence.last - sentence.first
        start = said.words[sentence.first].start - before
        end = said.words[sentence.last - 1].end - before
        total += length
        carried += length * any(first < end and last > start for first, last in spans)
    return round(carried / total, 4) if total else 0.0


@cache
def _vocabulary() -> frozenset[str]:
    lines = [phrase for phrases in lexicon().values() for phrase in phrases]
    for one in open_questions():
        assert one.rubric is not None
        for point in one.rubric.points:
            lines += point.says
            lines += [line for wrong in point.wrong for line in wrong.says]
    # A word with an open end is no word to mend toward.
    plain = [word for line in lines for word in line.split() if not word.endswith("*")]
    return vocabulary_of(plain) | vocabulary_of(PLAIN_WORDS)
