"""The graph of questions: where an interview may begin, and where each answer leads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from k8snet_lessons.course.entry import Entry
from k8snet_lessons.errors import InputError
from k8snet_lessons.interview.scoring import open_questions


@dataclass(frozen=True)
class Thread:
    """A question, what it is about, and what may follow it.

    Parameters
    ----------
    question : str
    title : str
    then : str
        The question that follows when nothing special was missed.
    leads : dict
        Point to the question that follows when this point was contradicted or missed.
    """

    question: str
    title: str
    then: str
    leads: Mapping[str, str]


@cache
def threads() -> tuple[Thread, ...]:
    """Return the graph, in the order in which its questions are offered.

    Raises
    ------
    InputError
        When it names a question or a point that is not in the bank, or leaves one out.
    """
    import yaml

    file = "threads.yaml"
    text = (files("k8snet_lessons.interview") / file).read_text(encoding="utf-8")
    points = {q.id: {p.id for p in q.rubric.points} for q in open_questions() if q.rubric}
    made = []
    for place, value in enumerate(yaml.safe_load(text), 1):
        entry = Entry(value, f"{file}, {place}", {"question", "title", "then", "leads"})
        name = entry.word("question", points)
        leads = value.get("leads") or {}
        for point, to in leads.items():
            if point not in points[name] or to not in points:
                raise InputError("leads", f"{point}: {to}", "a point and a question", entry.where)
        made.append(Thread(name, entry.text("title"), entry.word("then", points), leads))
    if left := sorted(set(points) - {one.question for one in made}):
        raise InputError("threads", left[0], "a thread for every open question", file)
    return tuple(made)


def thread(question: str) -> Thread:
    """Return the thread of a question, found by its id, its number or words of its title."""
    word = str(question).strip().lower()
    found = [one for one in threads() if one.question == word]
    found = found or [one for one in threads() if word and one.question.startswith(word + "-")]
    found = found or [one for one in threads() if word and word in one.title.lower()]
    if len(found) != 1:
        raise InputError("question", question, "one of " + ", ".join(t.question for t in threads()))
    return found[0]


def following(question: str, weak: Sequence[str], asked: Sequence[str]) -> str:
    """Return the question that comes next.

    Parameters
    ----------
    question : str
        The one just answered.
    weak : sequence of str
        Points contradicted or missed, the heaviest first.
    asked : sequence of str
        Questions asked already; none is asked twice while another is left.
    """
    here = thread(question)
    wanted = [here.leads[point] for point in weak if point in here.leads]
    rest = [one.question for one in threads()]
    return next((one for one in [*wanted, here.then, *rest] if one not in asked), here.then)
