"""A page that lists what a learner has shown, to print or to keep."""

from datetime import UTC, datetime
from html import escape

from k8snet_lessons.course.progress.pages import calibrated
from k8snet_lessons.course.progress.standing import LessonStanding, Standing
from k8snet_lessons.figures.guesses import guesses_svg

_STYLE = """
:root { color-scheme: light; --k8s-accent: #0065a3; }
body { max-width: 46em; margin: 3em auto; padding: 0 1.5em; color: #1f2933; background: #fff;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 24px; margin: 0 0 .2em; } h2 { font-size: 17px; margin: 1.8em 0 .3em; }
.who { font-size: 18px; margin: 0; } .fine { color: #52606d; font-size: 13px; }
table { border-collapse: collapse; width: 100%; } th, td { padding: 4px 8px; text-align: left;
  vertical-align: top; border-bottom: 1px solid #d5dae0; } td.number { text-align: right;
  white-space: nowrap; font-variant-numeric: tabular-nums; } th.number { text-align: right; }
td:first-child { min-width: 9em; }
@media print { body { margin: 0 auto; } h2 { break-after: avoid; } tr { break-inside: avoid; } }
"""


def certificate(stand: Standing, name: str = "", now: datetime | None = None) -> str:
    """Return the page: one HTML file that needs nothing else.

    Parameters
    ----------
    stand : Standing
        What the record amounts to.
    name : str
        Name to put on it, or ``""``.
    now : datetime, optional
        The date on it.
    """
    day = f"{now or datetime.now(UTC):%d %B %Y}"
    since = "" if stand.since is None else f", worked on since {stand.since:%d %B %Y}"
    who = f"<p class='who'>{escape(name.strip()[:200])}</p>" if name.strip() else ""
    return (
        "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width'>"
        f"<title>What was shown: Kubernetes networking</title><style>{_STYLE}</style></head><body>"
        f"<h1>Kubernetes networking: what was shown</h1>{who}"
        f"<p class='fine'>k8snet-lessons, {day}{since}. Self-attested: made from the learner's own "
        "record on the learner's own machine. Nobody watched, and nobody vouches for it but the "
        "person named. Whoever wants proof can ask for any line below to be explained.</p>"
        f"{_lessons(stand)}{_tasks(stand)}{_guesses(stand)}{_incidents(stand)}{_interviews(stand)}"
        "</body></html>\n"
    )


def _lessons(stand: Standing) -> str:
    begun = [one for one in stand.lessons if one.state in ("begun", "done") and one.questions]
    if not begun:
        return "<h2>Lessons</h2><p>None begun yet.</p>"
    rows = "".join(
        f"<tr><td>{one.lesson.number}. {escape(one.lesson.title)}</td>"
        f"<td>{'; '.join(escape(each) for each in one.lesson.outcomes)}</td>"
        f"<td class='number'>{one.right} of {one.questions}</td><td>{one.state}</td></tr>"
        for one in begun
    )
    return (
        "<h2>Lessons</h2><table><tr><th>Lesson</th><th>What it teaches</th>"
        f"<th class='number'>Questions right</th><th></th></tr>{rows}</table>"
    )


def _tasks(stand: Standing) -> str:
    rows = "".join(_solved(one) for one in stand.lessons)
    if not rows:
        return ""
    earned = sum(one.points or 0 for one in stand.lessons)
    whole = sum(one.max_points or 0 for one in stand.lessons)
    return (
        f"<h2>Exercises: {earned:g} of {whole:g} points</h2><table><tr><th>Lesson</th>"
        f"<th>Task</th><th class='number'>Best points</th></tr>{rows}</table>"
    )


def _solved(one: LessonStanding) -> str:
    return "".join(
        f"<tr><td>{one.lesson.number}. {escape(one.lesson.title)}</td>"
        f"<td>{escape(task.replace('_', ' '))}</td>"
        f"<td class='number'>{points:g} of {most:g}</td></tr>"
        for task, (points, most) in one.solved.items()
    )


def _guesses(stand: Standing) -> str:
    made = stand.calibration
    if not made.guesses:
        return ""
    chart = guesses_svg(made.factors) if len(made.factors) > 1 else ""
    return (
        "<h2>Guesses, committed before the answer showed</h2>"
        f"<p>{escape(calibrated(made))}</p>{chart}"
    )


def _incidents(stand: Standing) -> str:
    if not stand.incidents:
        return ""
    rows = "".join(
        f"<tr><td>{one.at:%d %B %Y}</td><td>{escape(one.number)}</td>"
        f"<td>{escape(one.cause)}: {'named' if one.right else 'not named'}</td>"
        f"<td class='number'>{one.points:g} of 100</td>"
        f"<td class='number'>{one.minutes}, of {one.shortest}</td></tr>"
        for one in stand.incidents
    )
    return (
        "<h2>Incidents, at the first conclusion</h2><table><tr><th>Day</th><th>Number</th>"
        "<th>Cause</th><th class='number'>Points</th><th class='number'>Simulated minutes, of the "
        f"shortest path</th></tr>{rows}</table>"
    )


def _interviews(stand: Standing) -> str:
    if not stand.interviews:
        return ""
    rows = "".join(
        f"<tr><td>{one.at:%d %B %Y}</td><td>{escape(one.title)}</td>"
        f"<td class='number'>{one.points:g} of {one.max_points:g}</td>"
        f"<td class='number'>{one.own_points:g}</td></tr>"
        for one in stand.interviews
    )
    return (
        "<h2>Mock interviews</h2><table><tr><th>Day</th><th>About</th><th class='number'>Points by "
        "the scorer</th><th class='number'>By the learner's verdict</th></tr>"
        f"{rows}</table>"
    )
