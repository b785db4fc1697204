"""A learner's guesses, one after the other: how far off, as a factor."""

import math
from collections.abc import Sequence

WIDTH, HEIGHT = 460, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 10, 12, 30
_MARKS = (1, 2, 5, 10, 100)
_WORST = 100.0  # what is farther off is drawn at the edge


def guesses_svg(factors: Sequence[float]) -> str:
    """Return a plot of factors, in the order of the guesses, as SVG text.

    Parameters
    ----------
    factors : sequence of float
        Each at least 1. The colors are the page's own, so it does for light and dark ones.
    """
    step = (WIDTH - _LEFT - _RIGHT) / max(1, len(factors))

    def y(factor: float) -> float:
        share = math.log(min(factor, _WORST)) / math.log(_WORST)
        return HEIGHT - _BOTTOM - share * (HEIGHT - _BOTTOM - _TOP)

    parts = [
        f"<line x1='{_LEFT}' x2='{WIDTH - _RIGHT}' y1='{y(mark):.1f}' y2='{y(mark):.1f}' "
        f"stroke='currentColor' stroke-opacity='0.18'/>"
        f"<text x='{_LEFT - 6}' y='{y(mark) + 4:.1f}' text-anchor='end'>×{mark}</text>"
        for mark in _MARKS
    ]
    for n, factor in enumerate(factors):
        x = _LEFT + (n + 0.5) * step
        parts.append(
            f"<circle cx='{x:.1f}' cy='{y(factor):.1f}' r='4.5' "
            f"fill='var(--k8s-accent, #0065a3)'><title>guess {n + 1}: off by a factor of "
            f"{factor:.2g}</title></circle>"
        )
    parts.append(
        f"<text x='{(_LEFT + WIDTH - _RIGHT) / 2}' y='{HEIGHT - 8}' text-anchor='middle'>"
        "your guesses, the first one on the left; ×1 is exact</text>"
    )
    return (
        f"<svg viewBox='0 0 {WIDTH} {HEIGHT}' width='{WIDTH}' height='{HEIGHT}' role='img' "
        f"aria-label='{words(factors)}' font-size='11' fill='currentColor'>{''.join(parts)}</svg>"
    )


def words(factors: Sequence[float]) -> str:
    """Return the plot as a sentence."""
    said = ", ".join(f"{factor:.2g}" for factor in factors)
    return f"How far off your guesses were, as a factor, in order: {said or 'none yet'}."
