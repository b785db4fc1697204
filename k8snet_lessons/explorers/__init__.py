"""What is touched: one explorer, reused by every lesson.

An `Explorer` is knobs, plots, and the same facts as a sentence and a table. A lesson
gives it three things: `Knob` s, a pure function from settings to a `View`, and, where it
asks for a guess first, a `Prediction`. Build each explorer inside a factory function, so
that no later cell of a notebook can change the model behind it:

>>> from k8snet_lessons.explorers import Explorer, Knob, Number, Panel, Prediction, View
>>> def queue() -> Explorer:
...     knobs = [Knob("load", "Load", 0.5, min=0.05, max=0.95, step=0.05),
...              Knob("service_us", "Service time", 2000, kind="log", min=10, max=100_000,
...                   unit="µs")]
...     def view(settings, *, requests):
...         wait_us = settings["service_us"] / (1 - settings["load"])
...         figure = {"data": [{"x": [settings["load"]], "y": [wait_us / 1000], "mode": "markers"}],
...                   "layout": {"xaxis": {"title": "load", "range": [0, 1]},
...                              "yaxis": {"title": "mean latency (ms)", "type": "log",
...                                        "range": [-2, 4]}}}
...         mean = Number("mean latency", wait_us / 1000, "ms", main=True)
...         return View(f"A request takes {mean.text} on average.",
...                     (Panel("Mean latency", figure, summary=mean.text),), (mean,))
...     guess = Prediction("Load 0.9: how long does a request take?", "ms",
...                        lambda view: view.number("mean latency"), settings={"load": 0.9})
...     return Explorer("One queue", knobs, view, presets={"busy": {"load": 0.9}}, prediction=guess)
>>> explorer = queue()          # as the last line of a cell, it shows itself
>>> explorer
<Explorer 'One queue': load=0.9, service_us=2000>
>>> explorer.commit(10)
'You said 10 ms; the model says 20 ms: too low by a factor of 2.'
>>> explorer.set(load=0.5)
>>> explorer.view.headline
'A request takes 4 ms on average.'

In the view function, fix the seed, and use ``requests`` for the size of the simulation:
it is small while a knob moves and larger when it rests. Keep the traces of a panel, their
order and the axis ranges the same from one setting to the next; send about 300 points to a
curve. Name axes with their units, and use the colors of `k8snet_lessons.figures.palette`,
which have counterparts for dark pages. A trace with ``"meta": "fixed"`` (a limit, a scale)
is not drawn a second time for a pinned setting.
"""

from k8snet_lessons.explorers._knob import Knob as Knob
from k8snet_lessons.explorers._main_road import main_road as main_road
from k8snet_lessons.explorers._main_road import scenario_knobs as scenario_knobs
from k8snet_lessons.explorers._view import Number as Number
from k8snet_lessons.explorers._view import Panel as Panel
from k8snet_lessons.explorers._view import Prediction as Prediction
from k8snet_lessons.explorers._view import View as View
from k8snet_lessons.explorers._widget import Explorer as Explorer

__all__ = [
    "Explorer",
    "Knob",
    "Number",
    "Panel",
    "Prediction",
    "View",
    "main_road",
    "scenario_knobs",
]
