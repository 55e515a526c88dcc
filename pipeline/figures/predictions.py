"""What the champion predicts: predicted against true, the confusion matrix, calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline.core import language
from pipeline.data.csvfile import PROBABILITY
from pipeline.figures import palette
from pipeline.figures.tables import named

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from pipeline.ledger.read import SweepRecord

MOST_POINTS = 2_000
"""Rows drawn in a scatter: a fixed sample beyond, so that the page stays small."""
MOST_CLASSES = 30
"""Classes of a confusion matrix that can still be read."""
BINS = 10
ONE_IN_TWENTY = 1.645
"""Standard deviations of a normal above which one value in twenty lies."""
TWO_CLASSES = 2
NO_PROBABILITIES = "This sweep left no predicted classes."
NO_PREDICTIONS = "This sweep left no predictions: it ended before its champion was tested."


def is_classification(record: SweepRecord) -> bool:
    """Return whether the champion's predictions carry class probabilities."""
    table = record.predictions
    return table is not None and bool(named(table, PROBABILITY))


def part_name(record: SweepRecord) -> str:
    """Return which rows the predictions are of: test, or validation where there is no test."""
    table = record.predictions
    return "test" if table is None or table.empty else str(table["part"].iloc[0])


def predicted_against_true(record: SweepRecord) -> go.Figure:
    """Draw a regression's predictions over the truth; the diagonal is a perfect model."""
    title = "Predicted against true"
    table = record.predictions
    if table is None or table.empty:
        return palette.empty(title, NO_PREDICTIONS)
    if is_classification(record):
        return palette.empty(title, "Classes are shown by the confusion matrix.")
    if len(table) > MOST_POINTS:
        table = table.sample(MOST_POINTS, random_state=0)
    figure = palette.blank(title, 400)
    low = float(min(table["truth"].min(), table["prediction"].min()))
    high = float(max(table["truth"].max(), table["prediction"].max()))
    figure.add_scatter(
        x=[low, high],
        y=[low, high],
        mode="lines",
        name="perfect",
        line={"color": palette.FAINT, "width": 1.2, "dash": "dash"},
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=table["truth"].astype("float32"),
        y=table["prediction"].astype("float32"),
        mode="markers",
        name=f"{part_name(record)} rows",
        marker={"size": 7, "color": palette.fade(palette.CHAMPION, 0.45)},
        customdata=table["row"].astype("int32"),
        hovertemplate="row %{customdata}<br>true %{x:.4g}<br>predicted %{y:.4g}<extra></extra>",
    )
    figure.update_xaxes(title_text="true")
    return figure.update_yaxes(title_text="predicted")


def confusion_matrix(record: SweepRecord) -> go.Figure:
    """Draw how often each class was taken for each; colour is the share of the true class."""
    title = "Confusion matrix"
    table = record.predictions
    if table is None or table.empty or not is_classification(record):
        return palette.empty(title, NO_PROBABILITIES)
    columns = named(table, PROBABILITY)
    classes = [name.removeprefix(PROBABILITY) for name in columns]
    if len(classes) > MOST_CLASSES:
        return palette.empty(title, f"{len(classes)} classes are too many for one picture.")
    truth = pd.Categorical(table["truth"].astype(str), classes)
    predicted = pd.Categorical(table["prediction"].astype(str), classes)
    counts = pd.crosstab(truth, predicted, dropna=False).reindex(
        index=classes, columns=classes, fill_value=0
    )
    shares = counts.div(counts.sum(axis=1).clip(lower=1), axis=0)
    figure = palette.blank(title, max(340, min(560, 150 + 46 * len(classes))))
    figure.add_heatmap(
        z=shares.to_numpy(dtype="float32"),
        x=[palette.plain(name) for name in classes],
        y=[palette.plain(name) for name in classes],
        text=counts.to_numpy(),
        texttemplate="%{text:,}",
        hovertemplate="true %{y}, predicted %{x}<br>%{text:,} rows, %{z:.1%}<extra></extra>",
        colorscale=[[0, palette.GRID], [1, palette.DEPTHS[3]]],
        zmin=0,
        zmax=1,
        showscale=False,
        xgap=2,
        ygap=2,
    )
    figure.update_xaxes(title_text="predicted", type="category", showgrid=False)
    return figure.update_yaxes(
        title_text="true", type="category", autorange="reversed", showgrid=False
    )


def calibration(record: SweepRecord) -> go.Figure:
    """Draw how often the champion is right over how sure it says it is.

    With two classes the probability of the second class is compared with how often it occurs; with
    more, the probability of the predicted class with how often that is right.
    """
    title = "Calibration"
    table = record.predictions
    if table is None or table.empty or not is_classification(record):
        return palette.empty(title, NO_PROBABILITIES)
    sure, right, says = _claims(table)
    bins = np.clip((sure * BINS).astype(int), 0, BINS - 1)
    grouped = pd.DataFrame({"sure": sure, "right": right}).groupby(bins)
    means, sizes = grouped.mean(), grouped.size()
    error = np.sqrt(means["right"] * (1 - means["right"]) / sizes.clip(lower=1))
    figure = palette.blank(title, 400)
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        name="perfectly calibrated",
        line={"color": palette.FAINT, "width": 1.2, "dash": "dash"},
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=means["sure"],
        y=means["right"],
        mode="lines+markers",
        name="champion",
        line={"color": palette.CHAMPION, "width": 2.2},
        marker={
            "size": 6 + 14 * np.sqrt(sizes / sizes.max()),
            "color": palette.CHAMPION,
            "line": {"width": 1.5, "color": palette.PAPER},
        },
        error_y={
            "type": "data",
            "array": error,
            "color": palette.fade(palette.CHAMPION, 0.5),
            "width": 0,
        },
        customdata=sizes,
        hovertemplate="says %{x:.0%}, is %{y:.0%}<br>%{customdata:,} rows<extra></extra>",
    )
    figure.update_xaxes(title_text=says, range=[-0.02, 1.02], tickformat=".0%")
    return figure.update_yaxes(title_text="observed", range=[-0.04, 1.04], tickformat=".0%")


def _claims(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, str]:
    """Return the claimed probabilities, whether each came true, and what was claimed."""
    columns = named(table, PROBABILITY)
    truth = table["truth"].astype(str).to_numpy()
    if len(columns) == TWO_CLASSES:
        second = columns[1].removeprefix(PROBABILITY)
        return table[columns[1]].to_numpy(), truth == second, _says(second)
    predicted = table["prediction"].astype(str).to_numpy()
    return (
        table[columns].max(axis=1).to_numpy(),
        predicted == truth,
        "probability it gave its class",
    )


def _says(second: str) -> str:
    return f"predicted probability of {palette.plain(second)}"


def calibration_error(record: SweepRecord) -> float | None:
    """Return the mean distance between claimed and observed probability, weighted by rows."""
    table = record.predictions
    if table is None or table.empty or not is_classification(record):
        return None
    sure, right, _ = _claims(table)
    return float(np.abs(_per_bin(sure, sure - right)).sum() / len(sure))


def calibration_noise(record: SweepRecord) -> float | None:
    """Return the calibration error that a perfect model stays below 19 times in 20 on these rows.

    Its claims are chances: in a bin the count of what comes true is a sum of coin tosses, about normal
    with variance v = sum of p (1 - p). Its absolute value has mean sqrt(2 v / pi) and variance
    (1 - 2 / pi) v; bins are independent.
    """
    table = record.predictions
    if table is None or table.empty or not is_classification(record):
        return None
    sure, _, _ = _claims(table)
    variance = _per_bin(sure, sure * (1 - sure))
    mean = np.sqrt(2 * variance / np.pi).sum()
    spread = np.sqrt((1 - 2 / np.pi) * variance.sum())
    return float((mean + ONE_IN_TWENTY * spread) / len(sure))


def _per_bin(sure: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the sums of values over the bins of claimed probability."""
    bins = np.clip((sure * BINS).astype(int), 0, BINS - 1)
    return np.bincount(bins, weights=values.astype(np.float64), minlength=BINS)


def accuracy_sentence(record: SweepRecord) -> str:
    """Say how many of the rows were right, for the caption of the confusion matrix."""
    table = record.predictions
    if table is None or table.empty:
        return NO_PREDICTIONS
    right = int((table["truth"].astype(str) == table["prediction"].astype(str)).sum())
    share = language.percent(right / len(table))
    return f"{right:,} of {len(table):,} {part_name(record)} rows are right ({share})."
