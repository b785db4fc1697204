"""An interview to keep: Markdown, a page of HTML, and an answer with its evidence marked."""

from html import escape

from k8snet_lessons.course.questions import question
from k8snet_lessons.figures.radar import radar_svg
from k8snet_lessons.interview.report import PointResult, Report, report
from k8snet_lessons.interview.scoring import ScoredPoint
from k8snet_lessons.interview.session import Interview, Turn, first_answer, point_of, rubric_of

#: A confidence so near to the score is called about right.
_CLOSE = 0.2
SIGN = {"made": "✓", "missing": "○", "contradicted": "✗"}
HONEST = (
    "Verdicts are proposals: a program read the wording, not the meaning. That is why your own "
    "verdicts count beside them."
)


def marked(text: str, points: tuple[ScoredPoint, ...]) -> str:
    """Return an answer as HTML, its evidence marked; every word of it is escaped.

    Where two marks overlap, the second begins where the first ends.
    """
    pieces, at = [], 0
    spans = [(one.span, one) for one in points if one.span is not None]
    for (start, end), one in sorted(spans, key=lambda pair: pair[0]):
        if one.verdict == "missing":
            continue
        start = max(start, at)
        if start >= end:
            continue
        pieces.append(escape(text[at:start]))
        title = f"{one.verdict}: {one.id}"
        pieces.append(
            f"<mark class='k8s-{one.verdict}' title='{escape(title, quote=True)}'>"
            f"{escape(text[start:end])}</mark>"
        )
        at = end
    pieces.append(escape(text[at:]))
    return "".join(pieces).replace("\n", "<br>")


def as_markdown(held: Interview) -> str:
    """Return the transcript and the report as Markdown."""
    found = report(held)
    lines = ["# Mock interview", "", *_summary(found), ""]
    for turn, answered in zip(held.state.turns, found.questions, strict=False):
        lines += [f"## {answered.title}", "", _quote(question(turn.question).prompt), ""]
        over = turn.seconds - answered.budget_s
        spent = f"{turn.seconds:.0f} s of {answered.budget_s:.0f} s"
        spent += f", {over:.0f} s over" if over > 0 else ""
        lines += [f"**Your answer** ({spent})", "", _quote(turn.text or "(nothing)"), ""]
        for asked in turn.follow_ups:
            lines += [f"**Asked:** {point_of(turn.question, asked.point).follow_up}", ""]
            lines += [_quote(asked.text or "(nothing)"), ""]
        if answered.proved is not None:
            lines += [f"**Prove it:** {turn.proof}", "", answered.proved.text, ""]
        lines += ["| | point | proposed | yours | your words |", "|---|---|---|---|---|"]
        lines += [_row(one) for one in found.results if one.question == turn.question]
        lines += ["", "**Model answer**", "", rubric_of(turn.question).model_answer, ""]
    return "\n".join(lines)


def _summary(found: Report) -> list[str]:
    lines = [
        f"**{found.own_points:g} of {found.max_points:g} points by your verdicts, "
        f"{found.points:g} by the scorer's; gap {100 * found.gap:+.0f} points of 100.** {HONEST}",
        "",
        "| | reached |",
        "|---|---|",
    ]
    lines += [f"| {one.name} | {100 * one.share:.0f} % |" for one in found.dimensions]
    if found.read_next:
        lines += ["", "Read next:", ""]
        lines += [f"{n}. [{r.title}]({r.link})" for n, r in enumerate(found.read_next, 1)]
    return lines + [f"\n{note}" for note in found.notes]


def _row(one: PointResult) -> str:
    words = " ".join(one.evidence.split()).replace("|", "\\|")
    own = one.own if one.own != one.proposed else ""
    sign = SIGN[one.own]
    prompted = " (asked)" if one.prompted else ""
    return f"| {sign} | {one.claim} | {one.proposed}{prompted} | {own} | {words} |"


def _quote(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.splitlines() or [""])


_STYLE = """body{font:15px/1.55 system-ui,sans-serif;max-width:54em;margin:2em auto;padding:0 1em;
color:#1f2933}table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #e4e7eb;
padding:.35em .5em;text-align:left;vertical-align:top}blockquote{margin:.5em 0;padding:.1em 1em;
border-left:4px solid #e4e7eb}mark.k8s-made{background:#d5efe4}mark.k8s-contradicted{
background:#fde3d3;text-decoration:underline wavy #c04a00}.k8s-small{color:#52606d}"""


def as_page(held: Interview) -> str:
    """Return the transcript and the report as one HTML page that needs nothing else."""
    found = report(held)
    body = "".join(
        question_html(turn, found)
        for turn, _ in zip(held.state.turns, found.questions, strict=False)
    )
    return (
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>Mock interview</title>"
        f"<style>{_STYLE}</style><h1>Mock interview</h1>{summary_html(found)}{body}</html>"
    )


def summary_html(found: Report, links: str = "") -> str:
    """Return scores, dimensions, radar and what to read next as HTML.

    Parameters
    ----------
    found : Report
    links : str
        What stands before the file names of links.
    """
    rows = "".join(
        f"<tr><td>{escape(one.name)}</td><td>{100 * one.share:.0f} %</td></tr>"
        for one in found.dimensions
    )
    reading = "".join(
        f"<li><a href='{escape(links + one.link, quote=True)}' "
        f"data-open='notebooks/{escape(one.link, quote=True)}'>{escape(one.title)}</a>"
        f"<div class='k8s-small'>{escape(one.because)}</div></li>"
        for one in found.read_next
    )
    confident = _confidence(found)
    return (
        f"<p><b>{found.own_points:g} of {found.max_points:g} points by your verdicts, "
        f"{found.points:g} by the scorer's; gap {100 * found.gap:+.0f} points of 100.</b> "
        f"{escape(HONEST)}</p>"
        f"{f'<p>{escape(confident)}</p>' if confident else ''}"
        f"{''.join(f'<p>{escape(note)}</p>' for note in found.notes)}"
        f"<div class='k8s-interview-reached'><div><h3>By dimension</h3><table>{rows}</table></div>"
        f"<div>{radar_svg([(one.name, one.share) for one in found.concepts])}</div></div>"
        + (f"<h3>Read next</h3><ol>{reading}</ol>" if reading else "")
    )


def _confidence(found: Report) -> str:
    said = [(one.confidence - 1) / 4 for one in found.questions if one.confidence]
    if not said:
        return ""
    felt, was = sum(said) / len(said), found.own_score
    how = "too sure" if felt > was else "too modest"
    how = "about right" if abs(felt - was) < _CLOSE else how
    return f"Your confidence: {100 * felt:.0f} of 100; your score: {100 * was:.0f}. You were {how}."


def question_html(turn: Turn, found: Report) -> str:
    """Return one question with the answer, its evidence marked, and the verdicts."""
    rows = "".join(
        f"<tr><td>{SIGN[one.own]}</td><td>{escape(one.claim)}</td>"
        f"<td>{one.proposed}{' (asked)' if one.prompted else ''}</td>"
        f"<td>{one.own if one.own != one.proposed else ''}</td></tr>"
        for one in found.results
        if one.question == turn.question
    )
    follow_ups = "".join(
        f"<p><b>Asked:</b> {escape(point_of(turn.question, one.point).follow_up)}</p>"
        f"<blockquote>{escape(one.text)}</blockquote>"
        for one in turn.follow_ups
    )
    proved = next((o.proved for o in found.questions if o.question == turn.question), None)
    proof = (
        f"<p><b>Prove it:</b> {escape(turn.proof)}<br>{escape(proved.text)}</p>" if proved else ""
    )
    model = "".join(
        f"<p>{escape(part)}</p>" for part in rubric_of(turn.question).model_answer.split("\n\n")
    )
    return (
        f"<h2>{escape(question(turn.question).prompt)}</h2>"
        f"<blockquote>{marked(turn.text, first_answer(turn).points) or '(nothing)'}</blockquote>"
        f"{follow_ups}{proof}<table><tr><th></th><th>Point</th><th>Proposed</th><th>Yours</th></tr>"
        f"{rows}</table><details><summary>Model answer</summary>{model}</details>"
    )
