"""What an open question asks for: the points of a good answer, and what is wrong to say.

The rubric is data. Its claims are written for people; its patterns (``says``) are read by
the scorer in `k8snet_lessons.interview`, whose docstring has their grammar.
"""

from dataclasses import dataclass
from typing import Final

from k8snet_lessons.course.entry import Entry
from k8snet_lessons.errors import InputError

#: What an interviewer listens for, and how the report is divided.
DIMENSIONS: Final = ("mechanism", "failure modes", "trade-offs", "order of debugging", "clarity")
_POINT: Final = {
    "id", "claim", "dimension", "concept", "weight", "source", "follow_up", "read", "says", "wrong",
}  # fmt: skip


@dataclass(frozen=True)
class Wrong:
    """A statement that contradicts a point: a known misconception and how people say it."""

    misconception: str
    claim: str
    says: tuple[str, ...]


@dataclass(frozen=True)
class Point:
    """One point of a rubric.

    Parameters
    ----------
    id : str
        Unique within its question.
    claim : str
        What a good answer says, in one or two sentences.
    dimension : str
        One of `DIMENSIONS` but ``"clarity"``, which is judged over the whole answer.
    concept : str
        What it is about, as a tag.
    weight : float
        How much it counts.
    source : str
        Where the claim can be checked.
    follow_up : str
        What the interviewer asks when the point is missing or contradicted.
    read : str
        Where the course teaches it: ``"03-kube-proxy-at-scale#Why"``, a lesson and a heading.
    says : tuple of str
        Patterns; any of them makes the point.
    wrong : tuple of Wrong
        What contradicts it.
    """

    id: str
    claim: str
    dimension: str
    concept: str
    weight: float
    source: str
    follow_up: str
    read: str
    says: tuple[str, ...]
    wrong: tuple[Wrong, ...]


@dataclass(frozen=True)
class Proof:
    """What "prove it" asks: a named proof of `k8snet_lessons.interview.proofs`, and the words."""

    name: str
    ask: str


@dataclass(frozen=True)
class Rubric:
    """What an open question has besides its prompt.

    Parameters
    ----------
    points : tuple of Point
        Three or more.
    model_answer : str
        An answer that makes every point, written for this course.
    minutes : float
        Time budget of the answer.
    proof : Proof or None
    """

    points: tuple[Point, ...]
    model_answer: str
    minutes: float
    proof: Proof | None


def read_rubric(entry: Entry) -> Rubric:
    """Read the fields of an open question that make up its rubric."""
    points = tuple(
        _point(value, f"{entry.where}, point {place}")
        for place, value in enumerate(entry.items("points", least=3), 1)
    )
    ids = [point.id for point in points]
    if twice := sorted({name for name in ids if ids.count(name) > 1}):
        raise InputError("point id", twice[0], "used once", entry.where)
    proof = None
    if "prove" in entry:
        asked = Entry(entry.mapping("prove"), f"{entry.where}, prove", {"proof", "ask"})
        proof = Proof(asked.text("proof"), asked.text("ask"))
    return Rubric(points, entry.text("model_answer"), entry.number("minutes", 4.0), proof)


def _point(value: object, where: str) -> Point:
    entry = Entry(value, where, _POINT)
    read = entry.text("read")
    if "#" not in read:
        raise InputError("read", read, "a lesson and a heading: 03-kube-proxy-at-scale#Why", where)
    return Point(
        id=entry.text("id"),
        claim=entry.text("claim"),
        dimension=entry.word("dimension", DIMENSIONS[:-1]),
        concept=entry.text("concept"),
        weight=entry.number("weight", 1.0),
        source=entry.text("source"),
        follow_up=entry.text("follow_up"),
        read=read,
        says=entry.texts("says"),
        wrong=tuple(
            _wrong(one, f"{where}, wrong {place}")
            for place, one in enumerate(entry.items("wrong", least=0), 1)
        ),
    )


def _wrong(value: object, where: str) -> Wrong:
    entry = Entry(value, where, {"misconception", "claim", "says"})
    return Wrong(entry.text("misconception"), entry.text("claim"), entry.texts("says"))
