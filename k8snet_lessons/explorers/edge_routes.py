"""Lesson 8: one route in two dialects, what a path matches, and what a proxy's patience gives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape

import numpy as np

from k8snet_lessons.cluster import Cluster, load_manifests
from k8snet_lessons.control.routing import ProxyTimeouts, answer_slowly, convert_ingress, route
from k8snet_lessons.course.manifests import manifest
from k8snet_lessons.figures._spec import Figure
from k8snet_lessons.figures.palette import BLUE, GREEN, INK, VERMILLION
from k8snet_lessons.figures.tables import Table

INGRESS = "production/dynamic-api-gateway"
HOST = "api.codesprintpro.com"
_THINK_S = np.unique(np.concatenate([np.linspace(0.1, 90, 240), [5, 15, 30, 60]]))


@dataclass(frozen=True)
class SideBySide:
    """Two texts beside each other on a page, one after the other in a terminal."""

    left_title: str
    left: str
    right_title: str
    right: str
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        said = "".join(f"- {note}\n" for note in self.notes)
        return (
            f"# {self.left_title}\n{self.left}\n# {self.right_title}\n{self.right}\n{said}".rstrip()
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        columns = "".join(
            f"<td style='text-align:left;vertical-align:top'><b>{escape(title)}</b>"
            f"<pre>{escape(text)}</pre></td>"
            for title, text in ((self.left_title, self.left), (self.right_title, self.right))
        )
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        return f"<table><tr>{columns}</tr></table><ul>{notes}</ul>"


@cache
def _seed() -> Cluster:
    return load_manifests(manifest("payments-ingress"))


def both_dialects() -> SideBySide:
    """The payments Ingress beside the Gateway and HTTPRoute it converts to."""
    written = convert_ingress(_seed(), INGRESS, gateway_class="edge")
    ingress = manifest("payments-ingress").split("---")[0].strip()
    return SideBySide("Ingress", ingress, "Gateway and HTTPRoute", written.to_yaml(), written.notes)


def path_table(
    paths: Sequence[str] = (
        "/v1/payments",
        "/v1/payments/",
        "/v1/payments/7",
        "/v1/payments?limit=5",
        "/v1/paymentsx",
        "/V1/payments",
        "/v1",
    ),
) -> Table:
    """Which request paths the path ``/v1/payments`` takes, as Prefix, as Exact, and converted."""
    prefix = manifest("payments-ingress")
    exact = prefix.replace("pathType: Prefix", "pathType: Exact")
    gateway = convert_ingress(_seed(), INGRESS, gateway_class="edge").to_yaml()
    worlds = [load_manifests(text) for text in (prefix, exact, gateway)]
    rows = tuple(
        (path, *("taken" if route(world, HOST, path) else "404" for world in worlds))
        for path in paths
    )
    return Table(
        ("request path", "Ingress, Prefix", "Ingress, Exact", "HTTPRoute, PathPrefix"),
        rows,
        f"path: /v1/payments, requests to {HOST}",
    )


def answer_against_think(limits: ProxyTimeouts, here: Mapping[str, float]) -> Figure:
    """Time until the client has an answer or an error, against the pod's time to first byte."""
    curves = []
    for method, color, dash in (("GET", VERMILLION, "solid"), ("POST", BLUE, "dash")):
        found = answer_slowly([float(each) for each in _THINK_S], limits, method=method)
        curves.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": method,
                "x": _THINK_S,
                "y": found.elapsed_s,
                "line": {"color": color, "width": 2.5, "dash": dash},
            }
        )
    top = max(100.0, limits.tries * limits.read_s * 1.1)
    return {
        "data": [
            *curves,
            {
                "type": "scatter",
                "mode": "markers",
                "name": "this setting",
                "x": [here["think_s"]],
                "y": [here["elapsed_s"]],
                "marker": {"color": GREEN, "size": 11, "line": {"color": INK, "width": 1.5}},
            },
        ],
        "layout": {
            "xaxis": {"title": "time the pod takes to its first byte (s)", "range": [0, 92]},
            "yaxis": {"title": "the client waits (s)", "range": [0, top]},
            "margin": {"l": 60, "r": 16, "t": 12, "b": 46},
            "showlegend": True,
            "legend": {"orientation": "h", "y": 1.1, "x": 0},
        },
    }
