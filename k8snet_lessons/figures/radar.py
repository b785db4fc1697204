"""A radar of shares: how much of each concept was reached, as SVG and in words."""

import math
from collections.abc import Sequence
from html import escape

from k8snet_lessons.figures.palette import BLUE, GRID, INK, MUTED

_WIDTH, _HEIGHT, _RADIUS = 500, 310, 118
_FEWEST_SPOKES = 3


def radar_svg(shares: Sequence[tuple[str, float]]) -> str:
    """Return a radar of named shares.

    Parameters
    ----------
    shares : sequence of (str, float)
        Names and shares from 0 to 1. With fewer than three there is no area to draw, and bars
        of text stand in its place.

    Returns
    -------
    str
        SVG with a title and a description in words.
    """
    if len(shares) < _FEWEST_SPOKES:
        rows = "".join(f"<li>{escape(name)}: {100 * share:.0f} %</li>" for name, share in shares)
        return f"<ul>{rows}</ul>" if rows else ""
    spokes = [_angle(index, len(shares)) for index in range(len(shares))]
    rings = "".join(
        f"<polygon points='{_outline(spokes, [ring] * len(spokes))}' fill='none' stroke='{GRID}'/>"
        for ring in (0.25, 0.5, 0.75, 1.0)
    )
    lines = "".join(_spoke(angle) for angle in spokes)
    labels = "".join(
        _label(angle, name, share) for angle, (name, share) in zip(spokes, shares, strict=True)
    )
    # A share of nothing is drawn near the middle, so that the outline stays visible.
    area = _outline(spokes, [max(0.02, share) for _, share in shares])
    words = "; ".join(f"{name} {100 * share:.0f} %" for name, share in shares)
    return (
        f"<svg class='k8s-radar' viewBox='0 0 {_WIDTH} {_HEIGHT}' width='{_WIDTH}' role='img' "
        f"aria-label='Reached, by concept: {escape(words, quote=True)}'>"
        f"<title>Reached, by concept</title>{rings}{lines}"
        f"<polygon class='k8s-reached' points='{area}' fill='{BLUE}' "
        f"fill-opacity='0.18' stroke='{BLUE}' stroke-width='2'/>{labels}</svg>"
    )


def _angle(index: int, count: int) -> float:
    return 2 * math.pi * index / count - math.pi / 2


def _place(angle: float, share: float) -> tuple[float, float]:
    return (
        _WIDTH / 2 + _RADIUS * share * math.cos(angle),
        _HEIGHT / 2 + _RADIUS * share * math.sin(angle),
    )


def _spoke(angle: float) -> str:
    x, y = _place(angle, 1.0)
    from_x, from_y = _WIDTH // 2, _HEIGHT // 2
    return f"<line x1='{from_x}' y1='{from_y}' x2='{x:.1f}' y2='{y:.1f}' stroke='{GRID}'/>"


def _outline(spokes: Sequence[float], shares: Sequence[float]) -> str:
    places = (_place(angle, share) for angle, share in zip(spokes, shares, strict=True))
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _label(angle: float, name: str, share: float) -> str:
    x, y = _place(angle, 1.12)
    side = math.cos(angle)
    anchor = "middle" if abs(side) < 0.2 else "start" if side > 0 else "end"
    return (
        f"<text y='{y:.1f}' font-size='11.5' text-anchor='{anchor}' fill='{INK}'>"
        f"<tspan x='{x:.1f}' dy='-2'>{escape(name)}</tspan>"
        f"<tspan x='{x:.1f}' dy='13' fill='{MUTED}'>{100 * share:.0f} %</tspan></text>"
    )
