"""Pixels of a few predicted images, stored in the table of predictions."""

from __future__ import annotations

import base64

import numpy as np
import pandas as pd

from pipeline.data.dataset import Dataset

COLUMN = "image"
MOST = 24
"""Images kept of the rows that are right, and as many of those that are wrong."""


def with_pictures(dataset: Dataset, predictions: pd.DataFrame, rows: np.ndarray) -> pd.DataFrame:
    """Add the pixels of the most confident right and wrong rows, for the report.

    Args:
        predictions: With the columns truth, prediction and, for classes, probabilities.
        rows: Their row numbers in the data set.

    Returns:
        The predictions; where rows are images with a column `image`: base64 of uint8 (height, width,
        channels), the brightest pixel 255, the darkest 0; empty for rows that are not kept.
    """
    if dataset.image_shape is None:
        return predictions
    wrong = predictions["truth"].astype(str) != predictions["prediction"].astype(str)
    sure = predictions.filter(like="probability_").max(axis=1)
    order = sure.sort_values(ascending=False, kind="stable").index
    shown = {*order[wrong[order]][:MOST], *order[~wrong[order]][:MOST]}
    texts = [_text(dataset, int(row)) if index in shown else "" for index, row in enumerate(rows)]
    return predictions.assign(**{COLUMN: texts})


def _text(dataset: Dataset, row: int) -> str:
    """Return one image as base64 text, scaled from its own range to 0 .. 255."""
    if dataset.images is None:
        names = [column.name for column in dataset.columns]
        pixels = dataset.frame[names].iloc[row].to_numpy().astype(np.float64)
    else:
        pixels = dataset.images[row].astype(np.float64)
    low, high = float(np.nanmin(pixels)), float(np.nanmax(pixels))
    grey = np.nan_to_num((pixels - low) / max(high - low, 1e-9)) * 255
    return base64.b64encode(grey.round().astype(np.uint8).tobytes()).decode("ascii")
