"""A trace to be read: as text, and as HTML for a notebook."""

from html import escape

from k8snet_lessons.datapath.netfilter.wording import rule_text
from k8snet_lessons.datapath.outcome import Outcome, Trace
from k8snet_lessons.datapath.steps import Step

_FROM = {
    "pod": "from a pod",
    "host": "from a process on the node",
    "external": "from outside the node",
}


def trace_text(trace: Trace) -> str:
    """All outcomes, each with its steps."""
    lines = [_headline(trace)]
    lines += [f"assumed: {text}" for text in trace.assumptions]
    for outcome in trace.outcomes:
        lines += ["", _summary(outcome)]
        lines += [f"  cannot be told: {unknown}" for unknown in outcome.unknowns]
        for step in outcome.steps:
            lines.append(f"  {step.hook:<11}  {_place(step)}{step.what}")
            if step.rule is not None:
                lines.append(f"  {'':<11}    {rule_text(step.rule)}")
    return "\n".join(lines)


def trace_html(trace: Trace) -> str:
    """The same, each outcome folded away behind its summary."""
    parts = [f"<p><b>{escape(_headline(trace))}</b></p>"]
    parts += [f"<p>assumed: {escape(text)}</p>" for text in trace.assumptions]
    for outcome in trace.outcomes:
        rows = "".join(_row(step) for step in outcome.steps)
        doubts = "".join(
            f"<p>cannot be told: {escape(str(unknown))}</p>" for unknown in outcome.unknowns
        )
        parts.append(
            f"<details><summary>{escape(_summary(outcome))}</summary>{doubts}"
            "<table><thead><tr><th>hook</th><th>table</th><th>chain</th><th>line</th>"
            f"<th>rule</th><th>what happened</th></tr></thead><tbody>{rows}</tbody></table>"
            "</details>"
        )
    return '<div class="k8snet-trace">' + "".join(parts) + "</div>"


def _headline(trace: Trace) -> str:
    count = len(trace.outcomes)
    ends = "1 outcome" if count == 1 else f"{count} outcomes"
    return f"{trace.packet}, {_FROM[trace.origin]}, through {trace.mode}: {ends}"


def _summary(outcome: Outcome) -> str:
    if outcome.verdict == "accept":
        end = f"accept, arrives as {outcome.packet}"
        end += ", source rewritten" if outcome.masqueraded else ", source kept"
    else:
        kind = f" with {outcome.reject_with}" if outcome.reject_with else ""
        end = f"{outcome.verdict}{kind} at {outcome.ended_at}"
    rules = ", ".join(f"{table} {count}" for table, count in outcome.rules_by_table.items())
    total = outcome.rules_evaluated
    counted = f"{total} rule{'' if total == 1 else 's'} tried" + (f" ({rules})" if rules else "")
    return f"{outcome.probability}  {end}; {counted}"


def _place(step: Step) -> str:
    if not step.chain:
        return ""
    line = f" line {step.line}" if step.line else ""
    return f"{step.table} {step.chain}{line}: "


def _row(step: Step) -> str:
    rule = escape(rule_text(step.rule)) if step.rule is not None else ""
    cells = (
        escape(step.hook),
        escape(step.table),
        escape(step.chain),
        str(step.line or ""),
        f"<code>{rule}</code>" if rule else "",
        escape(step.what),
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
