"""Before and after a fix: the same requests, sorted by how long they took."""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from k8snet_lessons.sim.arrays import Bools, Floats

_WIDTH, _HEIGHT = 720, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 700, 34, 252
_LOW_US, _HIGH_US = 3e3, 1e8
_TICKS: Final = ((1e4, "10 ms"), (1e5, "100 ms"), (1e6, "1 s"), (1e7, "10 s"))
_ERROR_Y = 26.0


@dataclass(frozen=True, eq=False)
class Curve:
    """One run of the traffic.

    Parameters
    ----------
    name : str
        In the legend.
    style : {"usual", "before", "after"}
    latency_us : (n,) array
    failed : (n,) bool array
    """

    name: str
    style: str
    latency_us: Floats
    failed: Bools

    def points(self) -> list[tuple[float, float]]:
        """Percent of requests, and the time that so many took at most; inf for an error."""
        latency = np.sort(np.where(self.failed, np.inf, self.latency_us))
        at = np.linspace(0.5, 99.5, 100)
        picked = latency[(at / 100 * len(latency)).astype(np.int64)]
        return list(zip(at.tolist(), picked.tolist(), strict=True))

    @property
    def words(self) -> str:
        """Failures and median, for those who do not see the picture."""
        good = self.latency_us[~self.failed]
        median = f"median {np.median(good) / 1e3:.0f} ms" if len(good) else "no request answered"
        return f"{self.name}: {100 * float(self.failed.mean()):.1f} % failed, {median}"


def before_and_after(curves: Sequence[Curve]) -> str:
    """Draw the curves as an SVG picture; errors lie on a line of their own at the top.

    Parameters
    ----------
    curves : sequence of Curve

    Returns
    -------
    str
        SVG whose colors come from the classes ``k8s-usual``, ``k8s-before``, ``k8s-after``.
    """
    spoken = html.escape("; ".join(curve.words for curve in curves))
    parts = [
        f'<svg class="k8s-replay" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{spoken}" xmlns="http://www.w3.org/2000/svg">'
    ]
    for value, label in _TICKS:
        y = _y(value)
        parts.append(
            f'<line class="k8s-grid" x1="{_LEFT}" x2="{_RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    parts.append(
        f'<line class="k8s-grid" x1="{_LEFT}" x2="{_RIGHT}" y1="{_ERROR_Y}" y2="{_ERROR_Y}"/>'
        f'<text x="{_LEFT - 8}" y="{_ERROR_Y + 4}" text-anchor="end">error</text>'
    )
    for percent in (0, 25, 50, 75, 100):
        x = _x(percent)
        parts.append(
            f'<text x="{x:.1f}" y="{_BOTTOM + 18}" text-anchor="middle">{percent} %</text>'
        )
    middle = (_LEFT + _RIGHT) / 2
    parts.append(
        f'<text x="{middle}" y="{_BOTTOM + 38}" text-anchor="middle">share of the requests for '
        "/cart, fastest first</text>"
        f'<text transform="rotate(-90 12 {(_TOP + _BOTTOM) / 2})" x="12" '
        f'y="{(_TOP + _BOTTOM) / 2}" text-anchor="middle">latency</text>'
    )
    for curve in curves:
        path = "L".join(f"{_x(at):.1f},{_y(us):.1f}" for at, us in curve.points())
        parts.append(f'<path class="k8s-{curve.style}" d="M{path}"/>')
    for row, curve in enumerate(curves):
        x, y = _LEFT + 14, _TOP + 22 + 17 * row
        parts.append(
            f'<path class="k8s-{curve.style}" d="M{x},{y}h26"/>'
            f'<text x="{x + 33}" y="{y + 4}">{html.escape(curve.name)}</text>'
        )
    return "".join(parts) + "</svg>"


def _x(percent: float) -> float:
    return _LEFT + (_RIGHT - _LEFT) * percent / 100


def _y(latency_us: float) -> float:
    if math.isinf(latency_us):
        return _ERROR_Y
    place = math.log(max(latency_us, _LOW_US) / _LOW_US) / math.log(_HIGH_US / _LOW_US)
    return _BOTTOM - (_BOTTOM - _TOP) * min(place, 1.0)
