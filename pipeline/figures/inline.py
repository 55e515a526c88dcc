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
    """Lower is lower in the picture, whichever is better."""
    se: float = math.nan
    """Standard error of the score; NaN: not known."""

    @property
    def error(self) -> float:
        """The standard error to draw: 0 where it is not known."""
        return self.se if math.isfinite(self.se) else 0.0


def capacity_svg(points: Sequence[CapacityScore], marked: str) -> str:
    """Return the picture (assets/capacity.svg); an empty string before there are two capacities.

    Args:
        points: In any order; those without a finite score are left out.
        marked: Label of the point that stands out: the champion, or the best so far.
    """
    from pipeline.figures import page, palette  # with them comes Plotly

    known = sorted(
        (point for point in points if math.isfinite(point.score)), key=lambda one: one.parameters
    )
    if len(known) < 2:  # noqa: PLR2004 - one point shows no course
        return ""
    across = _placed(np.log1p([one.parameters for one in known]), LEFT, WIDTH - RIGHT)
    ends = [(one.score, one.score - one.error, one.score + one.error) for one in known]
    marks = [
        {
            **dict(zip(("x", "y", "bottom", "top"), (x, *down), strict=True)),
            "label": one.label,
            "score": exact(one.score),
            "parameters": f"{one.parameters:,}",
            "marked": one.label == marked,
        }
        for one, x, down in zip(
            known, across, _placed(-np.array(ends), TOP, HEIGHT - BOTTOM), strict=True
        )
    ]
    drawn = {"marks": marks, "palette": palette, "width": WIDTH, "height": HEIGHT, "left": LEFT}
    return str(page.render("capacity.svg", **drawn))


def _placed(values: np.ndarray, low: float, high: float) -> Any:
    """Spread values evenly between two pixels, as far apart as they are: nested lists of whole pixels."""
    least, span = values.min(), np.ptp(values)
    share = (values - least) / span if span else np.full(values.shape, 0.5)
    return np.rint(low + share * (high - low)).astype(int).tolist()
