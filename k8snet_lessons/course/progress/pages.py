"""Where a learner stands, in words: for the page in the start notebook and for the terminal."""

from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from k8snet_lessons.course.progress.calibration import Calibration
from k8snet_lessons.course.progress.standing import LessonStanding, Standing
from k8snet_lessons.figures.guesses import guesses_svg

SIGNS = {"done": "✓", "begun": "◐", "open": "○", "to come": "·"}


def privacy(path: Path | None) -> str:
    """Return the one sentence about where the record is, and how to be rid of it."""
    if path is None:
        return "Nothing is recorded here (K8SNET_PROGRESS is off, or a program runs this)."
    return (
        f"Your record is one file, {path}; it never leaves this machine unless you take it "
        "along, and Reset deletes it."
    )


def duration(minutes: float) -> str:
    """Return minutes as a learner would say them, in steps of five: ``1 h 25 min``."""
    whole = int(5 * round(minutes / 5)) or (5 if minutes > 0 else 0)
    hours, rest = divmod(whole, 60)
    return " ".join([f"{hours} h"] * bool(hours) + [f"{rest} min"] * bool(rest or not hours))


def summary(stand: Standing) -> str:
    """Return how far the learner is, in one line."""
    ready = stand.count("done", "begun", "open")
    return (
        f"{stand.count('done')} of {ready} lessons done, {stand.count('begun')} begun. "
        f"About {duration(stand.minutes_left)} left, by estimate."
    )


def reviews(stand: Standing, now: datetime | None = None) -> str:
    """Return what is due, in one sentence."""
    if stand.due:
        return f"{_count(len(stand.due), 'card')} due for review today."
    if stand.cards:
        days = (stand.cards[0].due.date() - (now or datetime.now(UTC)).date()).days
        return f"Nothing is due for review; the next card comes in {_count(max(1, days), 'day')}."
    return "Nothing to review: what you miss in a quiz, a check or an interview comes up here."


def calibrated(made: Calibration) -> str:
    """Return how good the guesses are, in words."""
    typical, (right, worded) = made.typical, made.words
    if typical is None and not worded:
        return "No guess yet. Each lesson asks for one before its curve shows."
    parts = []
    if typical is not None:
        count = len(made.factors)
        whose = "Your one guess is" if count == 1 else f"Half of your {count} guesses are"
        parts.append(f"{whose} within a factor of {typical:.2g} of the answer")
    if made.halves is not None:
        early, late = made.halves
        parts[-1] += f" (of the earlier half {early:.2g}, of the later half {late:.2g})"
    if worded:
        parts.append(f"{right} of {worded} guesses in words or around zero were right")
    return ". ".join(parts) + "."


def questions(one: LessonStanding) -> str:
    """Return how the questions of a lesson went."""
    if not one.questions:
        return ""
    if not one.answered:
        return f"{one.questions} questions"
    if one.answered < one.questions:
        return f"{one.answered} of {one.questions} answered, {one.right} right"
    return f"{one.right} of {one.questions} right"


def points(one: LessonStanding) -> str:
    """Return how the exercise of a lesson went."""
    if one.points is None or one.max_points is None:
        return "exercise" if one.lesson.exercise else ""
    return f"{one.points:g} of {one.max_points:g} points"


def incidents(stand: Standing) -> str:
    """Return how the incidents went, in words; there is at least one."""
    held = stand.incidents
    last, suspected = held[-1], [one for one in held if one.suspicion]
    first = sum(one.suspicion == one.cause for one in suspected)
    guessed = f", suspected from the page alone in {first} of {len(suspected)}" if suspected else ""
    return (
        f"the cause named in {sum(one.right for one in held)} of {len(held)}{guessed}; the last "
        f"one {last.points:g} of 100 points in {_count(last.minutes, 'simulated minute')}, where "
        f"the shortest path takes {last.shortest}"
    )


def interviews(stand: Standing) -> str:
    """Return how the interviews went, in words; there is at least one."""
    last = stand.interviews[-1]
    return (
        f"{len(stand.interviews)}; the last one {last.points:g} of {last.max_points:g} points, "
        f"{last.own_points:g} by your own verdict"
    )


def as_text(stand: Standing, path: Path | None, notice: str) -> str:
    """Return the whole for the terminal."""
    lines = [notice] if notice else []
    lines += [summary(stand), ""]
    for one in stand.lessons:
        if one.lesson.kind == "guide":
            continue
        detail = [one.state, questions(one), points(one)] if one.lesson.ready else ["to come"]
        lines.append(
            f"{SIGNS[one.state]} {one.lesson.number:>2}  {one.lesson.title:<38} "
            + ", ".join(filter(None, detail))
        )
    lines.append("")
    if stand.next is not None:
        here = stand.next.lesson
        lines.append(f"Next: lesson {here.number}, {here.title} (k8snet open {here.number})")
    lines.append("Review: " + reviews(stand) + (" (k8snet review)" if stand.due else ""))
    lines.append("Guesses: " + calibrated(stand.calibration))
    if stand.incidents:
        lines.append("Incidents: " + incidents(stand))
    if stand.interviews:
        lines.append("Interviews: " + interviews(stand))
    return "\n".join([*lines, "", privacy(path).replace("Reset", "k8snet progress reset")])


def as_json(stand: Standing, path: Path | None, notice: str) -> dict[str, Any]:
    """Return the whole as plain data."""
    made = stand.calibration
    return {
        "place": None if path is None else str(path),
        "notice": notice,
        "minutes_left": round(stand.minutes_left),
        "next": None if stand.next is None else stand.next.lesson.slug,
        "due": [one.item.id for one in stand.due],
        "cards": [
            {"id": one.item.id, "due": one.due.isoformat(), "misses": one.misses}
            for one in stand.cards
        ],
        "guesses": {"count": len(made.guesses), "typical_factor": made.typical},
        "lessons": [
            {
                "slug": one.lesson.slug,
                "state": one.state,
                "questions": one.questions,
                "answered": one.answered,
                "right": one.right,
                "points": one.points,
                "max_points": one.max_points,
                "minutes_left": round(one.minutes_left),
            }
            for one in stand.lessons
        ],
        "incidents": [
            {
                "number": one.number,
                "at": one.at.isoformat(),
                "suspicion": one.suspicion,
                "named": one.named,
                "cause": one.cause,
                "points": one.points,
                "minutes": one.minutes,
                "shortest": one.shortest,
            }
            for one in stand.incidents
        ],
        "interviews": [
            {
                "title": one.title,
                "at": one.at.isoformat(),
                "points": one.points,
                "max_points": one.max_points,
                "own_points": one.own_points,
            }
            for one in stand.interviews
        ],
    }


def as_html(stand: Standing) -> str:
    """Return the map for the start notebook: what is next, every lesson, the guesses."""
    rows = "".join(_row(one) for one in stand.lessons if one.lesson.number)
    made = stand.calibration
    chart = guesses_svg(made.factors) if len(made.factors) > 1 else ""
    return (
        f"{_next(stand)}<table class='k8s-map-table'><thead><tr><th></th><th>Lesson</th>"
        "<th>It answers</th><th>Questions</th><th>Exercise</th>"
        "<th>Minutes, exercise apart</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
        f"<h4>Your guesses</h4><p>{escape(calibrated(made))}</p>{chart}{_rooms(stand)}"
    )


def _rooms(stand: Standing) -> str:
    """What lessons 12 and 13 add, once something was done there."""
    said = [
        (word, tell(stand))
        for word, held, tell in (
            ("Incidents", stand.incidents, incidents),
            ("Interviews", stand.interviews, interviews),
        )
        if held
    ]
    return "".join(
        f"<h4>{word}</h4><p>{escape(text[0].upper() + text[1:])}.</p>" for word, text in said
    )


def _next(stand: Standing) -> str:
    if stand.next is None:
        return "<p class='k8s-map-next'>Every lesson is done.</p>"
    here = stand.next.lesson
    word = "Go on with" if stand.next.state == "begun" else "Next"
    return (
        f"<p class='k8s-map-next'><b>{word}:</b> {_link(here.path, f'{here.number}. {here.title}')}"
        f" <span>{escape(here.question)} About {duration(stand.next.minutes_left)}.</span></p>"
    )


def _row(one: LessonStanding) -> str:
    here = one.lesson
    number = f"{here.number}. " if here.kind == "lesson" else ""
    name = f"{number}{here.title}"
    shown = _link(here.path, name) if here.ready else escape(name)
    exercise = points(one).removesuffix(" points")
    if here.exercise:
        exercise = _link(f"exercises/{here.file}", exercise)
    return (
        f"<tr data-state='{one.state}'><td class='k8s-map-state'>{SIGNS[one.state]} "
        f"<span>{one.state}</span></td><td>{shown}</td><td>{escape(here.question)}</td>"
        f"<td>{_asked(one)}</td><td>{exercise}</td><td>{here.minutes}</td></tr>"
    )


def _asked(one: LessonStanding) -> str:
    """How the questions went, for a narrow column."""
    if not one.answered:
        return str(one.questions or "")
    if one.answered < one.questions:
        return f"{one.answered} of {one.questions}"
    return questions(one)


def _link(path: str, text: str) -> str:
    """A link that the page sends to JupyterLab; `path` is relative to the course's folder."""
    return f"<a href='../{escape(path)}' data-open='{escape(path)}'>{escape(text)}</a>"


def _count(number: int, noun: str) -> str:
    plural = {"guess": "guesses"}.get(noun, noun + "s")
    return f"{number} {noun if number == 1 else plural}"
