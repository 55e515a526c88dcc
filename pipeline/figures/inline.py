"""Capacity against loss as one small SVG, for a notebook's cell: no script, a few kilobytes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

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
    """In the objective's unit; lower values are drawn lower."""
    se: float = math.nan
    """Standard error of the score; NaN: not known."""

    @property
    def error(self) -> float:
        """The standard error to draw: 0 where it is not known."""
        return self.se if math.isfinite(self.se) else 0.0


def capacity_svg(points: Sequence[CapacityScore], marked: str) -> str:
    """Return an SVG (assets/capacity.svg); an empty string for fewer than two capacities.

    Args:
        points: In any order; those without a finite score are left out.
        marked: Label of the point that stands out: the champion, or the best so far.
    """
    from pipeline.figures import page, palette  # with them comes Plotly

    known = sorted(
        (point for point in points if math.isfinite(point.score)),
        key=lambda point: point.parameters,
    )
    if len(known) < 2:  # noqa: PLR2004 - one point shows no course
        return ""
    across = _placed(np.log1p([point.parameters for point in known]), LEFT, WIDTH - RIGHT)
    ends = [(point.score, point.score - point.error, point.score + point.error) for point in known]
    marks = [
        {
            **dict(zip(("x", "y", "bottom", "top"), (x, *down), strict=True)),
            "label": point.label,
            "score": exact(point.score),
            "parameters": f"{point.parameters:,}",
            "marked": point.label == marked,
        }
        for point, x, down in zip(
            known, across, _placed(-np.array(ends), TOP, HEIGHT - BOTTOM), strict=True
        )
    ]
    drawn = {"marks": marks, "palette": palette, "width": WIDTH, "height": HEIGHT, "left": LEFT}
    return str(page.render("capacity.svg", **drawn))


def _placed(values: np.ndarray, low: float, high: float) -> Any:
    """Scale values linearly to the range of two pixels; return nested lists of whole pixels."""
    least, span = values.min(), np.ptp(values)
    share = (values - least) / span if span else np.full(values.shape, 0.5)
    return np.rint(low + share * (high - low)).astype(int).tolist()
