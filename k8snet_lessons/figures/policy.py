"""NetworkPolicy as pictures: who reaches whom as a heat map, and verdicts as a table."""

from collections.abc import Iterable

from k8snet_lessons.cluster import Cluster
from k8snet_lessons.datapath.policy import Reachability, policy_verdict
from k8snet_lessons.figures._spec import Figure
from k8snet_lessons.figures.palette import BLUE, GRAY, INK, PURPLE, VERMILLION
from k8snet_lessons.figures.tables import Table

#: What a cell of the heat map says, by its value.
OUTCOMES = (
    "refused at both ends",
    "refused at the source",
    "refused at the destination",
    "allowed",
)
_COLORS = (INK, PURPLE, VERMILLION, BLUE)


def heat_map(found: Reachability, marked: tuple[str, str]) -> Figure:
    """Rows are sources, columns destinations; a ring marks the pair that is asked about."""
    values = [
        [
            None if i == j else int(found.egress[i, j]) * 2 + int(found.ingress[i, j])
            for j in range(len(found.pods))
        ]
        for i in range(len(found.pods))
    ]
    # Bit 1 is the source's consent, bit 0 the destination's: 1 is a refusal at the source.
    steps = len(_COLORS)
    scale = [[edge / steps, color] for k, color in enumerate(_COLORS) for edge in (k, k + 1)]
    return {
        "data": [
            {
                "type": "heatmap",
                "x": list(found.pods),
                "y": list(found.pods),
                "z": values,
                "zmin": -0.5,
                "zmax": steps - 0.5,
                "colorscale": scale,
                "xgap": 2,
                "ygap": 2,
                "colorbar": {
                    "tickvals": list(range(steps)),
                    "ticktext": ["refused: both", "refused: source", "refused: dest.", "allowed"],
                    "thickness": 12,
                    "tickfont": {"size": 11},
                },
                "hovertemplate": "%{y} to %{x}<extra></extra>",
            },
            {
                "type": "scatter",
                "mode": "markers",
                "name": "the pair asked about",
                "x": [marked[1]],
                "y": [marked[0]],
                "marker": {
                    "symbol": "circle-open",
                    "size": 15,
                    "color": GRAY,
                    "line": {"width": 4, "color": GRAY},
                },
                "showlegend": False,
                "hoverinfo": "skip",
            },
        ],
        "layout": {
            "xaxis": {"title": "destination", "tickangle": -60},
            "yaxis": {"autorange": "reversed"},
            "margin": {"l": 170, "r": 16, "t": 12, "b": 150},
        },
    }


def visitors(found: Reachability, first: str) -> Figure:
    """How many other pods reach each pod, the one that it is about on top."""
    counts = {
        pod: int(found.allowed[:, j].sum()) - int(found.allowed[j, j])
        for j, pod in enumerate(found.pods)
    }
    order = sorted(counts, key=lambda pod: pod != first)
    return {
        "data": [
            {
                "type": "bar",
                "orientation": "h",
                "x": [counts[pod] for pod in order],
                "y": order,
                "marker": {"color": [BLUE if pod == first else GRAY for pod in order]},
                "hovertemplate": "%{x} pods reach %{y}<extra></extra>",
            }
        ],
        "layout": {
            "xaxis": {"title": "other pods that reach it", "range": [0, len(found.pods)]},
            "yaxis": {"autorange": "reversed"},
            "margin": {"l": 170, "r": 16, "t": 12, "b": 46},
            "showlegend": False,
        },
    }


def verdict_table(
    cluster: Cluster, asked: Iterable[tuple[str, str, int, str]], caption: str = ""
) -> Table:
    """Ask about connections (source, destination, port, protocol); show verdict and reason."""
    rows = []
    for src, dst, port, protocol in asked:
        verdict = policy_verdict(cluster, src, dst, port, protocol)
        said = "allowed" if verdict.allowed else "refused"
        rows.append((f"{src} to {dst}, {protocol} {port}", said, verdict.because))
    return Table(("connection", "verdict", "because"), tuple(rows), caption)
