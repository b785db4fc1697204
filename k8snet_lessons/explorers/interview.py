"""The mock interview as a page: a question, a clock, an answer in your own words."""

import json
from collections.abc import Mapping
from html import escape
from typing import Any, Final

import traitlets

from k8snet_lessons.course.asked import rich
from k8snet_lessons.course.progress import place, record
from k8snet_lessons.course.questions import question
from k8snet_lessons.errors import InputError
from k8snet_lessons.explorers._code import style
from k8snet_lessons.explorers._page import Json, Page, page_code
from k8snet_lessons.interview import Interview, as_markdown, as_page, report
from k8snet_lessons.interview.kept import keep, unfinished
from k8snet_lessons.interview.proofs import prove
from k8snet_lessons.interview.scoring import JUDGMENTS
from k8snet_lessons.interview.session import (
    MOST_QUESTIONS,
    first_answer,
    judged,
    point_of,
    rubric_of,
)
from k8snet_lessons.interview.threads import thread, threads
from k8snet_lessons.interview.transcript import marked, question_html, summary_html

#: Characters of an answer to "prove it" that stand beside its verdict.
MOST_SHOWN: Final = 200
FILES: Final = {
    "log": "interview.json",
    "markdown": "interview.md",
    "page": "interview.html",
}
READING: Final = (
    "**The mock interview** runs here when a kernel does. Without one: `k8snet interview` in a "
    "terminal.\n\n| opens with | about |\n|---|---|\n"
)


class InterviewPage(Page):
    """A mock interview.

    Parameters
    ----------
    first : str
        The question that it offers to begin with.
    questions : int
        How many it offers to ask.

    Examples
    --------
    >>> page = mock_interview()
    >>> page.begin("10-grpc-imbalance", 1)
    >>> page.say("A ClusterIP balances connections, not requests.", seconds=12)
    >>> page.view["phase"]
    'follow-up'
    """

    _esm = page_code("interview")
    _css = style("interview")
    view = traitlets.Dict().tag(sync=True)

    def __init__(self, first: str = "01-walk-the-path", questions: int = 3) -> None:
        self.interview: Interview | None = None
        self._first, self._questions = thread(first).question, questions
        super().__init__(view=self._start())
        self.on_msg(self._take)

    @property
    def reading(self) -> str:
        """What there is, as Markdown."""
        rows = "".join(f"| {one.title} | {question(one.question).prompt} |\n" for one in threads())
        return READING + rows

    def begin(self, first: str, questions: int) -> None:
        """Begin; what was said before is let go."""
        self.interview = Interview.begin(first, questions)
        self._show()

    def resume(self) -> None:
        """Go on with the interview that was broken off; without one, nothing happens."""
        left = unfinished()
        if left is not None:
            self.interview = left
            self._show()

    def overrule(self, name: str, overruled: Mapping[str, str]) -> None:
        """Change one's verdicts on a question after the end; the record keeps the last ones."""
        held = self._held()
        held.overrule(name, overruled)
        self._show(record(report(held).event()) if place() is not None else "")

    def again(self) -> None:
        """Return to the choice of questions."""
        self.interview = None
        self.view = self._start()

    def say(self, text: str, seconds: float = 0.0, confidence: int = 0) -> None:
        """Answer what is asked now."""
        self._held().say(text, seconds=seconds, confidence=confidence)
        keep(self._held())
        self._show()

    def review(self, overruled: Mapping[str, str] | None = None) -> None:
        """Confirm the verdicts, but for those overruled, and go on."""
        held = self._held()
        held.review(overruled)
        keep(held)
        notice = ""
        if held.state.phase == "over" and place() is not None:
            notice = record(report(held).event())
        self._show(notice)

    def file(self, what: str) -> str:
        """Return the log, or the transcript as Markdown or as a page."""
        held = self._held()
        if what == "log":
            return json.dumps(held.log(), indent=1) + "\n"
        if what not in FILES:
            raise InputError("file", what, "one of " + ", ".join(FILES))
        return as_page(held) if what == "page" else as_markdown(held)

    def _held(self) -> Interview:
        if self.interview is None:
            raise InputError("interview", None, "one that has begun")
        return self.interview

    def _start(self) -> Json:
        left = unfinished()
        return {
            "unfinished": thread(left.state.turn.question).title if left is not None else "",
            "phase": "start",
            "threads": [{"id": one.question, "title": one.title} for one in threads()],
            "first": self._first,
            "questions": self._questions,
            "most": MOST_QUESTIONS,
        }

    def _show(self, notice: str = "") -> None:
        self.view = _view(self._held(), notice)

    def _take(self, _: Any, message: Mapping[str, Any], __: Any) -> None:
        try:
            self._act(message)
        except InputError as error:
            self.send({"kind": "error", "text": str(error)})

    def _act(self, message: Mapping[str, Any]) -> None:
        kind = message.get("kind")
        if kind == "begin":
            count = message.get("questions")
            self.begin(str(message.get("first")), count if type(count) is int else 0)
        elif kind == "say":
            confidence = message.get("confidence", 0)
            self.say(
                str(message.get("text", "")),
                _seconds(message.get("seconds")),
                confidence if type(confidence) is int else 0,
            )
        elif kind == "review":
            given = message.get("overruled")
            self.review(given if isinstance(given, Mapping) else {})
        elif kind == "overrule":
            given = message.get("overruled")
            self.overrule(str(message.get("question")), given if isinstance(given, Mapping) else {})
        elif kind == "resume":
            self.resume()
        elif kind == "again":
            self.again()
        elif kind == "save":
            what = str(message.get("what"))
            self.send({"kind": "file", "name": FILES.get(what, ""), "text": self.file(what)})

    def __repr__(self) -> str:
        phase = self.interview.state.phase if self.interview else "not begun"
        return f"<InterviewPage: {phase}>"


def mock_interview(first: str = "01-walk-the-path", questions: int = 3) -> InterviewPage:
    """Return a mock interview that offers to begin with a question, by its id or number."""
    return InterviewPage(first, questions)


def _seconds(value: Any) -> float:
    fits = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e6
    return float(value) if fits else 0.0


def _view(held: Interview, notice: str) -> Json:
    state, turn = held.state, held.state.turn
    if state.phase == "over":
        return _debrief(held, notice)
    rubric = rubric_of(turn.question)
    view: Json = {
        "phase": state.phase,
        "number": len(state.turns),
        "planned": state.planned,
        "title": thread(turn.question).title,
        "prompt": rich(question(turn.question).prompt),
        "budget_s": 60 * rubric.minutes,
        "said": _said(held),
        "notice": notice,
    }
    if state.phase == "follow-up":
        view["ask"] = rich(point_of(turn.question, turn.asked).follow_up)
        view["step"] = f"Follow-up {len(turn.follow_ups) + 1}"
    elif state.phase == "proof" and rubric.proof is not None:
        view["ask"], view["step"] = rich(rubric.proof.ask), "Prove it"
    elif state.phase == "review":
        view |= _review(held)
    return view


def _said(held: Interview) -> list[dict[str, str]]:
    turn = held.state.turn
    said = [{"ask": "", "text": turn.text}] if held.state.phase != "answer" else []
    said += [
        {"ask": point_of(turn.question, one.point).follow_up, "text": one.text}
        for one in turn.follow_ups
    ]
    return said


def _review(held: Interview) -> Json:
    turn = held.state.turn
    rubric = rubric_of(turn.question)
    found = judged(turn)
    proved = ""
    if rubric.proof is not None and turn.proof.strip():
        told = prove(rubric.proof.name, turn.proof).text
        proved = f"You said: “{turn.proof.strip()[:MOST_SHOWN]}” {told}"
    return {
        "answer": marked(turn.text, first_answer(turn).points) or "<i>nothing</i>",
        "model": "".join(f"<p>{rich(part)}</p>" for part in rubric.model_answer.split("\n\n")),
        "proved": escape(proved),
        "judgments": list(JUDGMENTS),
        "points": [
            {
                "id": point.id,
                "claim": rich(point.claim),
                "verdict": found[point.id][0].verdict,
                "evidence": found[point.id][0].evidence,
                "prompted": found[point.id][1],
                "source": point.source,
            }
            for point in rubric.points
        ],
    }


def _debrief(held: Interview, notice: str) -> Json:
    found = report(held)
    return {
        "phase": "over",
        "summary": summary_html(found),
        "questions": [
            {
                "id": turn.question,
                "title": thread(turn.question).title,
                "html": question_html(turn, found),
                "points": [
                    {"id": one.point, "claim": rich(one.claim), "verdict": one.own}
                    for one in found.results
                    if one.question == turn.question
                ],
            }
            for turn in held.state.turns
        ],
        "judgments": list(JUDGMENTS),
        "notice": notice,
    }
