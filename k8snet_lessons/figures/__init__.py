"""What is seen: results in, plotly figures out; pure, no widgets.

Each function returns a figure as plain data, ``{"data": [...], "layout": {...}}``, because
an explorer redraws while a hand moves and plotly's validation would take longer than the
budget of a repaint. `to_plotly` makes a ``plotly.graph_objects.Figure`` of one.

>>> from k8snet_lessons import Scenario, simulate
>>> outcome = simulate(Scenario(), seed=1, requests=2_000)
>>> figure = to_plotly(latency_percentiles(outcome))
>>> figure.layout.yaxis.title.text
'latency (ms, log scale)'
"""

from k8snet_lessons.figures._conntrack import conntrack_over_time
from k8snet_lessons.figures._hop_evidence import measured_hops
from k8snet_lessons.figures._hops import hop_shares, time_by_hop
from k8snet_lessons.figures._latency import latency_percentiles
from k8snet_lessons.figures._spec import Figure, to_plotly

__all__ = [
    "Figure",
    "conntrack_over_time",
    "hop_shares",
    "latency_percentiles",
    "measured_hops",
    "time_by_hop",
    "to_plotly",
]
