"""Capacity against loss as one small SVG, for a notebook's cell: no script, a few kilobytes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from pipeline.core.language import exact

WIDTH, HEIGHT = 460, 150
LEFT, RIGHT, TOP, BOTTOM = 16, 96, 24, 22
"""Pixels beside the points; their labels stand there."""


@dataclass(frozen=True)
class CapacityScore:
    """The best score of one capacity."""

    label: str
    parameters: int
    score: float
    """Lower is lower in the picture, whichever is better."""
    se: float = math.nan
    """Standard error of the score; NaN: not known."""


def capacity_svg(points: Sequence[CapacityScore], marked: str) -> str:
    """Return the picture; an empty string before there are two capacities.

    Args:
        points: In any order; those without a finite score are left out.
        marked: Label of the point that stands out: the champion, or the best so far.
    """
    from pipeline.figures.palette import CHAMPION, GRID, MUTED, SANS  # with it comes Plotly

    known = sorted(
        (point for point in points if math.isfinite(point.score)), key=lambda one: one.parameters
    )
    if len(known) < 2:  # noqa: PLR2004 - one point shows no course
        return ""
    across = _placed([math.log(1 + one.parameters) for one in known], LEFT, WIDTH - RIGHT)
    errors = [one.se if math.isfinite(one.se) else 0.0 for one in known]
    ends_of = [(one.score - se, one.score + se) for one, se in zip(known, errors, strict=True)]
    flat = [
        -value for one, both in zip(known, ends_of, strict=True) for value in (one.score, *both)
    ]
    down, *others = (_placed(flat, TOP, HEIGHT - BOTTOM)[k::3] for k in range(3))
    places = list(zip(across, down, strict=True))
    line = " ".join(f"{x:.0f},{y:.0f}" for x, y in places)
    parts = [f'<polyline points="{line}" fill="none" stroke="{GRID}" stroke-width="2"/>']
    for point, (x, y), bottom, top in zip(known, places, *others, strict=True):
        stands_out = point.label == marked
        parts.append(
            f'<path d="M{x:.0f} {bottom:.0f}V{top:.0f}" stroke="{MUTED}" stroke-width="1.5"/>'
        )
        parts.append(
            f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{5 if stands_out else 3.5}" '
            f'fill="{CHAMPION if stands_out else MUTED}"><title>{escape(point.label)}: '
            f"{exact(point.score)}, {point.parameters:,} parameters</title></circle>"
        )
        if stands_out:
            parts.append(
                f'<text x="{x + 9:.0f}" y="{y + 4:.0f}" font-weight="600" '
                f'fill="{CHAMPION}">{escape(point.label)} {exact(point.score)}</text>'
            )
    ends = ((known[0], LEFT, "start"), (known[-1], WIDTH - 4, "end"))
    parts += [
        f'<text x="{x}" y="{HEIGHT - 5}" text-anchor="{anchor}" fill="{MUTED}">'
        f"{one.parameters:,} parameters</text>"
        for one, x, anchor in ends
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="{escape(SANS)}" font-size="11" role="img" '
        f'aria-label="Score of each capacity">{"".join(parts)}</svg>'
    )


def _placed(values: Sequence[float], low: float, high: float) -> list[float]:
    """Spread values evenly between two pixels, as far apart as they are."""
    least, span = min(values), max(values) - min(values)
    return [
        low + (value - least) / span * (high - low) if span else (low + high) / 2
        for value in values
    ]
