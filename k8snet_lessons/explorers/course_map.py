"""Where the learner stands: the map of the start notebook, with what is due for review."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import traitlets

from k8snet_lessons.course.anatomy import course_map as reading_form
from k8snet_lessons.course.asked import Told
from k8snet_lessons.course.progress import history, keeper, on_binder, place
from k8snet_lessons.course.progress.carry import CERTIFICATE, FILE, read_file, write_file
from k8snet_lessons.course.progress.certificate import certificate
from k8snet_lessons.course.progress.keeper import Keeper
from k8snet_lessons.course.progress.pages import as_html, privacy, reviews, summary
from k8snet_lessons.course.progress.standing import Standing, standing
from k8snet_lessons.course.progress.store import StoreError
from k8snet_lessons.errors import InputError
from k8snet_lessons.explorers._code import style
from k8snet_lessons.explorers._page import page_code
from k8snet_lessons.explorers.quiz import Quiz

BINDER = (
    "This is Binder: the machine, and your record with it, is deleted some minutes after you stop "
    "working. Save your progress to a file before you leave; load it when you come back."
)


class CourseMap(Quiz):
    """Lessons done, begun and next; cards due; guesses; the record to take along or delete.

    Examples
    --------
    >>> course_map().standing.count("done")
    0
    """

    _esm = page_code("questions", "map")
    _css = style("quiz", "map")
    page = traitlets.Dict().tag(sync=True)

    def __init__(self) -> None:
        super().__init__("Review", [], remember=False)
        self.look()

    @property
    def reading(self) -> str:
        """The list of lessons as Markdown, for readers without a kernel."""
        return reading_form()

    @property
    def standing(self) -> Standing:
        """Where the learner stands now."""
        return standing(history()[0])

    def look(self) -> None:
        """Read the record again and show what it says."""
        events, notice = history()
        stand = standing(events)
        self.page = {
            "summary": summary(stand),
            "reviews": reviews(stand),
            "due": len(stand.due),
            "html": as_html(stand),
            "notice": notice,
            "warning": BINDER if on_binder() and place() else "",
            "privacy": privacy(place()),
            "recorded": place() is not None,
        }

    def review(self) -> None:
        """Ask what is due today."""
        self.pose("Review", [one.item for one in self.standing.due], remember=False)

    def answer(self, question: str, given: object) -> Told:
        """Answer a card; the map follows."""
        told = super().answer(question, given)
        self.look()
        return told

    def bring(self, text: str) -> str:
        """Put the events of a saved file into the record; return what that came to.

        Raises
        ------
        InputError
            When the text is no such file.
        """
        events = read_file(text)
        before = len(history()[0])
        said = self._keeper().keep(events)
        self.look()
        new = len(history()[0]) - before
        return said or f"{len(events)} events read, {new} of them new."

    def reset(self) -> str:
        """Delete the record; return one line."""
        try:
            self._keeper().clear()
        except StoreError as error:
            return f"The record could not be deleted: {error}."
        self.pose("Review", [], remember=False)
        self.look()
        return "The record is deleted. What you do from now on is recorded anew."

    def _keeper(self) -> Keeper:
        found = keeper()
        if found is None:
            raise InputError("record", "off", "a place, in K8SNET_PROGRESS or by default")
        return found

    def _act(self, message: Mapping[str, Any]) -> None:
        kind = message.get("kind")
        if kind == "look":
            self.look()
        elif kind == "review":
            self.review()
        elif kind == "save":
            self.send({"kind": "file", "name": FILE, "text": write_file(history()[0])})
        elif kind == "load":
            self.send({"kind": "told", "text": self.bring(str(message.get("text", "")))})
        elif kind == "certificate":
            page = certificate(self.standing, str(message.get("name", "")), datetime.now(UTC))
            self.send({"kind": "file", "name": CERTIFICATE, "text": page})
        elif kind == "reset":
            self.send({"kind": "told", "text": self.reset()})
        else:
            super()._act(message)

    def _remembered(self) -> dict[str, Any]:
        return {}

    def __repr__(self) -> str:
        return "<CourseMap>"


def course_map() -> CourseMap:
    """Return the map of the course, as far as this learner has come."""
    return CourseMap()
