"""Sample images that the champion gets right and wrong, as one mosaic."""

from __future__ import annotations

import base64

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pipeline.data.csvfile import PROBABILITY
from pipeline.figures import palette
from pipeline.figures.predictions import part_name
from pipeline.figures.remark import setting
from pipeline.figures.tables import named, rows
from pipeline.ledger.read import SweepRecord

ACROSS = 6
"""Images in a line: still to be seen on a phone."""
LINES = 2
"""Lines of images that are right, and as many that are wrong."""
GAP = 6
"""Pixels between images; the label stands in it."""
WIDTH = 620
"""Pixels that the mosaic is wide where there is room."""
LABEL = 12
"""Pixels above an image for its label."""


def kept(record: SweepRecord) -> pd.DataFrame:
    """Return the predictions that hold pixels; empty where the image size is not known."""
    table = record.predictions
    if table is None or "image" not in table or shape(record) is None:
        return pd.DataFrame()
    return table[table["image"].fillna("").astype(str) != ""]


def shape(record: SweepRecord) -> tuple[int, int, int] | None:
    """Return (height, width, channels) of an image; None where rows are no images."""
    sizes = [setting(record, f"data.image_{name}") for name in ("height", "width", "channels")]
    known = [int(size) for size in sizes if size is not None]
    return (known[0], known[1], known[2]) if len(known) == len(sizes) else None


def draw(record: SweepRecord) -> palette.Drawing:
    """Draw images that were predicted wrong above ones that were predicted right.

    The column `image` of the predictions holds the pixels of a few rows (evaluation/pictures.py).
    """
    part = part_name(record)
    title = f"Images of the {part} rows: wrong and right"
    size, table = shape(record), kept(record)
    if size is None or table.empty:
        return palette.empty(title, "This sweep kept no images.")
    table = _surest_first(table)
    right = table["truth"].astype(str) == table["prediction"].astype(str)
    shown = [table[mask].head(ACROSS * LINES) for mask in (~right, right)]
    figure = palette.blank(title)
    lines = [group.iloc[i : i + ACROSS] for group in shown for i in range(0, len(group), ACROSS)]
    step = size[0] + GAP + LABEL
    canvas = np.full((step * len(lines), (size[1] + GAP) * ACROSS), np.nan, dtype=np.float32)
    for position, line in enumerate(lines):
        _draw_line(figure, canvas, line, position * step + LABEL, size)
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
    figure.update_yaxes(visible=False, autorange="reversed", scaleanchor="x", constrain="domain")
    return figure, f"{part.capitalize()} rows. Above: true → predicted, where it was wrong."


def _surest_first(table: pd.DataFrame) -> pd.DataFrame:
    """Return rows by falling predicted probability: confident mistakes are the most informative."""
    columns = named(table, PROBABILITY)
    if not columns:
        return table
    order = table[columns].max(axis=1).sort_values(ascending=False, kind="stable").index
    return table.loc[order]


def _draw_line(
    figure: go.Figure, canvas: np.ndarray, line: pd.DataFrame, top: int, size: tuple[int, int, int]
) -> None:
    """Place one line of images on the canvas, each with its label above."""
    height, width, _ = size
    for column, row in enumerate(rows(line)):
        left = column * (width + GAP)
        pixels = np.frombuffer(base64.b64decode(row.image), dtype=np.uint8).reshape(size)
        grey = pixels.mean(axis=2, dtype=np.float32) / 255
        canvas[top : top + height, left : left + width] = grey
        correct = str(row.truth) == str(row.prediction)
        figure.add_annotation(
            x=left + width / 2,
            y=top - 2,
            yanchor="bottom",
            text=palette.plain(row.truth if correct else f"{row.truth} → {row.prediction}"),
            font={"size": 12, "color": palette.MUTED if correct else palette.BAD},
        )
