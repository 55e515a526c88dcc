"""Sample images that the champion gets right and wrong, as one mosaic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.figures import palette
from pipeline.figures.predictions import PROBABILITY, part_name
from pipeline.figures.tables import named, rows

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from pipeline.tracking.read import SweepRecord

ACROSS = 6
"""Images in a line: still to be seen on a phone."""
LINES = 2
"""Lines of images that are right, and as many that are wrong."""
GAP = 6
"""Pixels between images; the label stands in it."""
WIDTH = 620
"""Pixels that the mosaic is wide where there is room."""
TILE_AXES = 2
"""Height and width; a third axis holds channels."""
LABEL = 12
"""Pixels above an image for its label."""


def has_images(record: SweepRecord) -> bool:
    """Return whether the ledger kept the pixels of some predicted rows."""
    table = record.predictions
    return table is not None and "image" in table and bool(table["image"].notna().any())


def sample_images(record: SweepRecord) -> go.Figure:
    """Draw images that were predicted wrong above ones that were predicted right.

    The column `image` of the predictions holds an array (height, width) or (height, width, channels)
    of a row's pixels, of any range.
    """
    title = f"Images of the {part_name(record)} rows: wrong and right"
    if not has_images(record) or record.predictions is None:
        return palette.empty(title, "This sweep kept no images.")
    table = _surest_first(record.predictions[record.predictions["image"].notna()])
    right = table["truth"].astype(str) == table["prediction"].astype(str)
    wrong_ones, right_ones = (table[mask].head(ACROSS * LINES) for mask in (~right, right))
    shown = [group for group in (wrong_ones, right_ones) if len(group)]
    tile = np.asarray(shown[0]["image"].iloc[0]).shape[:2]
    figure = palette.blank(title)
    lines = [group.iloc[i : i + ACROSS] for group in shown for i in range(0, len(group), ACROSS)]
    step = tile[0] + GAP + LABEL
    canvas = np.full((step * len(lines), (tile[1] + GAP) * ACROSS), np.nan, dtype=np.float32)
    for position, line in enumerate(lines):
        _draw_line(figure, canvas, line, position * step + LABEL, tile)
    figure.add_heatmap(
        z=np.round(canvas, 2),
        colorscale=[[0, palette.GRID], [1, palette.INK]],
        zmin=0,
        zmax=1,
        showscale=False,
        hoverinfo="skip",
    )
    height, width = canvas.shape
    aspect = height / width
    figure.update_layout(
        height=int(WIDTH * aspect),
        margin={"l": 4, "r": 4, "t": 4, "b": 4},
        meta={"aspect": aspect, "most": WIDTH},  # the page keeps these proportions at any width
    )
    figure.update_xaxes(visible=False, range=[-1, width - GAP + 1])
    return figure.update_yaxes(
        visible=False, autorange="reversed", scaleanchor="x", constrain="domain"
    )


def _surest_first(table: pd.DataFrame) -> pd.DataFrame:
    """Order rows by how sure the champion was: being sure and wrong says most."""
    columns = named(table, PROBABILITY)
    if not columns:
        return table
    order = table[columns].max(axis=1).sort_values(ascending=False, kind="stable").index
    return table.loc[order]


def _draw_line(
    figure: go.Figure, canvas: np.ndarray, line: pd.DataFrame, top: int, tile: tuple[int, ...]
) -> None:
    """Place one line of images on the canvas, each with its label above."""
    for column, row in enumerate(rows(line)):
        left = column * (tile[1] + GAP)
        canvas[top : top + tile[0], left : left + tile[1]] = _grey(row.image)
        correct = str(row.truth) == str(row.prediction)
        figure.add_annotation(
            x=left + tile[1] / 2,
            y=top - 2,
            yanchor="bottom",
            text=palette.plain(row.truth if correct else f"{row.truth} → {row.prediction}"),
            showarrow=False,
            font={"size": 12, "color": palette.MUTED if correct else palette.BAD},
        )


def _grey(image: object) -> np.ndarray:
    """Return an image as grey values from 0 to 1."""
    pixels = np.asarray(image, dtype=np.float32)
    pixels = pixels.mean(axis=2) if pixels.ndim > TILE_AXES else pixels
    low, high = float(pixels.min()), float(pixels.max())
    return (pixels - low) / max(high - low, 1e-9)
