"""The explorer of lesson 8: a slow pod behind a proxy with time-outs."""

from collections.abc import Mapping
from typing import Any

from k8snet_lessons.control.routing import ProxyTimeouts, answer_slowly
from k8snet_lessons.explorers import edge_routes as figures
from k8snet_lessons.explorers._knob import Knob
from k8snet_lessons.explorers._view import Number, Panel, Prediction, View
from k8snet_lessons.explorers._widget import Explorer
from k8snet_lessons.figures.edge_patience import measured_points


def proxy_patience() -> Explorer:
    """Return the explorer: a pod's slowness and the proxy's time-outs against the answer."""
    knobs = [
        Knob("think_s", "The pod's first byte takes", 10.0, min=0, max=90, slider=(0, 90),
             step=0.5, unit="s"),
        Knob("method", "Method", "GET", kind="choice", choices=("GET", "POST")),
        Knob("read_s", "proxy-read-timeout", 15, min=1, max=3_600, slider=(1, 90), step=1,
             unit="s"),
        Knob("tries", "proxy-next-upstream-tries", 3, min=1, max=20, slider=(1, 5), step=1),
        Knob("accepts", "The pod accepts connections", True, kind="toggle"),
        Knob("connect_s", "proxy-connect-timeout", 5, min=1, max=75, slider=(1, 30), step=1,
             unit="s"),
    ]  # fmt: skip
    guess = Prediction(
        "proxy-read-timeout is 15 s. A GET reaches a pod that needs 20 s. After how many seconds "
        "does the client have its answer, whatever it is?",
        "s",
        lambda view: view.number("the client waits"),
        settings={"think_s": 20.0},
        close_factor=1.1,
    )
    return Explorer(
        "The proxy's patience",
        knobs,
        view,
        presets={
            "fast enough": {},
            "GET, 20 s": {"think_s": 20.0},
            "POST, 20 s": {"think_s": 20.0, "method": "POST"},
            "pod gone, packets dropped": {"accepts": False},
            "one try only": {"think_s": 20.0, "tries": 1},
        },
        prediction=guess,
        still="proxy-patience",
        lesson=8,
    )


def view(settings: Mapping[str, Any], *, requests: int) -> View:
    """What the explorer shows at a setting: arithmetic, nothing is drawn at random."""
    limits = ProxyTimeouts(settings["connect_s"], settings["read_s"], settings["tries"])
    handshake_s = 0.0005 if settings["accepts"] else float("inf")
    think_s = float(settings["think_s"])
    found = answer_slowly([think_s], limits, handshake_s=handshake_s, method=settings["method"])
    status, started = int(found.status[0]), int(found.started[0])
    waits = float(found.elapsed_s[0])
    where = {"think_s": think_s, "elapsed_s": waits}
    times = "once" if started == 1 else f"{started} times"
    begun = "no pod began the work" if not started else f"the work was begun {times}"
    return View(
        headline=f"{status} after {waits:.3g} s; {begun}.",
        panels=(
            Panel(
                "What the client waits, with pods that accept connections",
                figures.answer_against_think(limits, where),
                f"{settings['method']}: {status} after {waits:.3g} s.",
                "wide",
                measured_points(limits),
            ),
        ),
        numbers=(
            Number("the client waits", waits, "s", main=True),
            Number("status", status, "", lower_is_better=None),
            Number("times the work was begun", started, ""),
        ),
        notes=(
            "Time-outs and tries as in ingress-nginx: error and timeout lead to another try, save "
            "for a POST that a pod already has. Another try may go to the same pod. All pods are "
            "taken to be equally slow.",
            "Measured points: a real NGINX with the same time-outs and tries (k8snet measure "
            "edge-patience), recorded for read time-outs of 15 s with three tries or one, and 5 s "
            "with three.",
        ),
        code=(
            "from k8snet_lessons.control.routing import ProxyTimeouts, answer_slowly\n\n"
            f"answer_slowly([{think_s!r}], {limits!r}, method={settings['method']!r})"
        ),
        csv=lambda: [{**settings, **where, "status": status, "started": started}],
    )
