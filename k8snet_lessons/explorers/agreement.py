"""The explorer of the evidence notebook: one measurement at a time, with the model beside it."""

from collections.abc import Iterable, Mapping
from typing import Any

from k8snet_lessons.data.measured import load
from k8snet_lessons.explorers._knob import Knob
from k8snet_lessons.explorers._view import Number, Panel, Row, View
from k8snet_lessons.explorers._widget import Explorer
from k8snet_lessons.figures import agreement as figures


def model_and_measurement() -> Explorer:
    """Return the explorer: choose what was measured, see how far the model lies from it."""
    choices = {each.what: each.what[0].upper() + each.what[1:] for each in figures.agreements()}
    knob = Knob(
        "what",
        "What was measured",
        "first packet, iptables (nft back end)",
        kind="choice",
        choices=choices,
        help="Everything that this course both models and measured.",
    )
    return Explorer("Model and measurement", [knob], view, still="model-and-measurement", lesson=90)


def view(settings: Mapping[str, Any], *, requests: int) -> View:
    """What the explorer shows of one agreement. Nothing is drawn at random."""
    here = next(each for each in figures.agreements() if each.what == settings["what"])
    record = load(here.record)
    machine = record.machine
    whose = (
        "The model's constants were fitted to this record: closeness shows that the shape is right."
        if here.kind == "fitted"
        else "The model knew nothing of this record."
    )
    return View(
        headline=f"{here.what[0].upper()}{here.what[1:]}: at worst the model lies "
        f"{_above(here.largest_gap_percent)}.",
        panels=(
            Panel(
                "Model and measurement",
                figures.side_by_side(here),
                f"{here.y_title} over {here.x_title}, {len(here.x)} settings.",
            ),
            Panel(
                "How far apart",
                figures.gaps(here),
                f"Gap at worst: {here.largest_gap_percent:+.3g} percent.",
            ),
        ),
        numbers=(
            Number("largest gap", here.largest_gap_percent, "%", main=True, lower_is_better=None),
            Number("settings measured", len(here.x), "", lower_is_better=None),
        ),
        notes=tuple(
            filter(
                None,
                (
                    whose,
                    here.remark,
                    f"Record {here.record}: Linux {machine.linux}, "
                    f"{machine.cpus} CPUs{', a virtual machine' if machine.virtual else ''}, "
                    f"{record.taken_at[:10]}. {record.limits}",
                ),
            )
        ),
        code="from k8snet_lessons.figures.agreement import agreement_table\n\nagreement_table()\n",
        csv=lambda: _rows(here),
    )


def _above(gap_percent: float) -> str:
    if abs(gap_percent) < 0.005:
        return "exactly on the measurement"
    return f"{abs(gap_percent):.2g} % {'above' if gap_percent > 0 else 'below'} the measurement"


def _rows(here: figures.Agreement) -> Iterable[Row]:
    for x, said, seen, gap in zip(
        here.x, here.model, here.measured, here.gaps_percent, strict=True
    ):
        yield {here.x_title: x, f"model, {here.y_title}": said, f"measured, {here.y_title}": seen,
               "gap, %": round(gap, 3)}  # fmt: skip
