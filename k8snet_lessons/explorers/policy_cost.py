"""The second explorer of lesson 7: what a wall of many peers costs a packet."""

from collections.abc import Mapping
from typing import Any

from k8snet_lessons.data.costs import costs
from k8snet_lessons.datapath.policy import Form, wall_cost
from k8snet_lessons.explorers._knob import Knob
from k8snet_lessons.explorers._view import Number, Panel, Prediction, View
from k8snet_lessons.explorers._widget import Explorer
from k8snet_lessons.figures import policy_cost as figures
from k8snet_lessons.figures._spec import duration


def what_a_wall_costs() -> Explorer:
    """Return the explorer: peers, and how the policy is written, against the cost of a packet."""
    knobs = [
        Knob("peers", "Peers that the policy admits", 100, kind="log", min=1, max=20_000,
             slider=(1, 20_000), stops=(1, 10, 100, 1_000, 5_000, 10_000, 20_000)),
        Knob("form", "Written as", "rules", kind="choice", choices=figures.NAMES,
             help="the last one has no connection tracking to spare the later packets"),
        Knob("requests", "Requests per connection", 1.0, kind="log", min=1, max=1_000_000,
             slider=(1, 10_000), help="each request is taken to be two packets"),
    ]  # fmt: skip
    guess = Prediction(
        "A policy admits 10,000 peers, a rule for each, and the client is the last of them. How "
        "much does it add to a new connection? (µs)",
        "µs",
        lambda view: view.number("added to a new connection"),
        settings={"peers": 10_000},
        minimum=None,  # zero is a fair guess
        close_factor=1.5,
    )
    return Explorer(
        "What a wall costs",
        knobs,
        view,
        presets={
            "ten peers": {"peers": 10},
            "10,000 peers, a rule for each": {"peers": 10_000},
            "10,000 peers, one set": {"peers": 10_000, "form": "set"},
            "every packet asks": {"peers": 10_000, "form": "untracked", "requests": 100.0},
            "kept connections": {"peers": 10_000, "requests": 100.0},
        },
        prediction=guess,
        still="what-a-wall-costs",
        lesson=7,
    )


def view(settings: Mapping[str, Any], *, requests: int) -> View:
    """What the explorer shows at a setting. Closed forms: nothing is drawn at random."""
    peers, per_connection = float(settings["peers"]), float(settings["requests"])
    form: Form = settings["form"]
    here = wall_cost([peers], form)
    first_us, later_us = float(here.first_us[0]), float(here.later_us[0])
    request_us = float(here.per_request_us(per_connection)[0])
    name = figures.NAMES[form]
    one_set = costs()["policy.set_us"]
    return View(
        headline=(
            f"{peers:,.0f} peers, {name}: a new connection pays {duration(first_us)}, each later "
            f"packet {duration(later_us) if later_us else 'nothing'}; that is "
            f"{duration(request_us)} a request."
        ),
        panels=(
            Panel(
                "A new connection, from the last of the peers",
                figures.new_connection(peers, form),
                f"{name}: {duration(first_us)}.",
                evidence=figures.measured_points("connect"),
            ),
            Panel(
                "Every later packet",
                figures.later_packet(peers, form),
                f"{name}: {duration(later_us) if later_us else 'nothing'}.",
                evidence=figures.measured_points("second send"),
            ),
        ),
        numbers=(
            Number("added to a new connection", first_us, "µs", main=True),
            Number("added to each later packet", later_us, "µs"),
            Number("added to a request", request_us, "µs"),
        ),
        notes=(
            "Fitted to this course's record of a real kernel (k8snet measure policy-rules): its "
            "own nftables rules on one node. How a network plugin writes a policy is its "
            "choice.",
            "The straight line misses the measured levels by at most "
            f"{100 * figures.misfit_share():.0f} %: from some thousands on, each rule costs more, "
            "presumably because the list no longer fits into the processor's inner caches.",
            "What one set adds cannot be told from zero: between "
            f"{one_set.low:.2f} and {one_set.high:.2f} µs in this record.",
            "The client is the last of the peers. The first of them would pay for one rule only.",
        ),
        code=(
            "from k8snet_lessons.datapath.policy import wall_cost\n\n"
            f"wall_cost([{peers:g}], {form!r}).first_us"
        ),
        csv=lambda: [
            {
                "peers": peers,
                "form": form,
                "first_us": first_us,
                "later_us": later_us,
                "per_request_us": request_us,
            }
        ],
    )
