"""What the champion predicts: predicted against true, the confusion matrix, calibration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipeline.core import language
from pipeline.data.csvfile import PROBABILITY
from pipeline.figures import palette
from pipeline.figures.tables import named
from pipeline.ledger.read import SweepRecord

MOST_POINTS = 2_000
"""Rows drawn in a scatter: a fixed sample beyond, so that the page stays small."""
MOST_CLASSES = 30
"""Classes of a confusion matrix that can still be read."""
BINS = 10
FEWEST_IN_BIN = 25
"""Rows of a point of the calibration curve: of fewer the observed share is mostly noise."""
ONE_IN_TWENTY = 1.645
"""Standard deviations of a normal above which one value in twenty lies."""
SKEWED = 0.283
"""What the skewness of one absolute value adds to it (Cornish and Fisher), over the root of their number."""
TWO_CLASSES = 2
NO_PROBABILITIES = "This sweep left no predicted classes."
NO_PREDICTIONS = "This sweep left no predictions: it ended before its champion was tested."


def part_name(record: SweepRecord) -> str:
    """Return the part that the predictions are of: `test`, or `validation` without test rows."""
    table = record.predictions
    return "test" if table is None or table.empty else str(table["part"].iloc[0])


def target(record: SweepRecord) -> str:
    """Return the name of the target; empty where it is not recorded."""
    known = dict(record.summary.get("data") or {}).get("target")
    return str(known or record.config.get("data.target") or "")


def scatter(record: SweepRecord) -> palette.Drawing:
    """Draw a regression's predictions over the truth; the diagonal is a perfect model.

    The caption states the size of errors in the target's unit.
    """
    title = "Predicted against true"
    table = record.predictions
    if table is None or table.empty:
        return palette.empty(title, NO_PREDICTIONS)
    if named(table, PROBABILITY):
        return palette.empty(title, "Classes are shown by the confusion matrix.")
    error = (table["prediction"] - table["truth"]).abs()
    half, most = (language.number(error.quantile(share)) for share in (0.5, 0.9))
    caption = (
        f"{len(table):,} {part_name(record)} rows; half of the predictions are off by less than {half}, "
        f"nine in ten by less than {most}."
    )
    if len(table) > MOST_POINTS:
        table = table.sample(MOST_POINTS, random_state=0)
    figure = palette.blank(title)
    both = table[["truth", "prediction"]].to_numpy(dtype=float)
    ends = [float(both.min()), float(both.max())]
    palette.line(figure, ends, ends, palette.FAINT, 1.2, dash="dash", name="perfect")
    palette.dots(
        figure,
        table["truth"].astype("float32"),
        table["prediction"].astype("float32"),
        palette.fade(palette.CHAMPION, 0.45),
        7,
        name=f"{part_name(record)} rows",
        customdata=table["row"].astype("int32"),
        hovertemplate="row %{customdata}<br>true %{x:.4g}<br>predicted %{y:.4g}<extra></extra>",
    )
    name = palette.plain(target(record))
    figure.update_xaxes(title_text=f"true {name}".strip())
    return figure.update_yaxes(title_text=f"predicted {name}".strip()), caption


def confusion(record: SweepRecord) -> palette.Drawing:
    """Draw the confusion matrix; colour is the share of the true class.

    The caption states the accuracy.
    """
    title = "Confusion matrix"
    table = _classified(record)
    if table is None:
        return palette.empty(title, NO_PROBABILITIES)
    classes = [name.removeprefix(PROBABILITY) for name in named(table, PROBABILITY)]
    if len(classes) > MOST_CLASSES:
        return palette.empty(title, f"{len(classes)} classes are too many for one picture.")
    counts = pd.crosstab(table["truth"].astype(str), table["prediction"].astype(str))
    counts = counts.reindex(index=classes, columns=classes, fill_value=0)
    shares = counts.div(counts.sum(axis=1).clip(lower=1), axis=0)
    figure = palette.blank(title, max(340, min(560, 150 + 46 * len(classes))))
    called = [_class(record, name) for name in classes]
    figure.add_heatmap(
        z=shares.to_numpy(dtype="float32"),
        x=called,
        y=called,
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
    figure.update_yaxes(title_text="true", type="category", autorange="reversed", showgrid=False)
    right = int((table["truth"].astype(str) == table["prediction"].astype(str)).sum())
    share = language.percent(right / len(table))
    return (figure, f"{right:,} of {len(table):,} {part_name(record)} rows are right ({share}).")


def _class(record: SweepRecord, name: str) -> str:
    """Return a class as an axis label; a number is preceded by the target's name."""
    bare = name.replace(".", "", 1).lstrip("-").isdigit()
    return palette.plain(f"{target(record)} = {name}" if bare and target(record) else name)


def calibration(record: SweepRecord) -> palette.Drawing:
    """Draw the observed frequency over the predicted probability.

    With two classes the probability of the second class is compared with how often it occurs; with
    more, the probability of the predicted class with how often that is right. Each point holds about
    as many rows, so few rows make few points instead of a zigzag.
    """
    title = "Calibration"
    table = _classified(record)
    if table is None:
        return palette.empty(title, NO_PROBABILITIES)
    sure, right, says = _claims(record, table)
    parts = _points(sure)
    means = np.array([(sure[part].mean(), right[part].mean()) for part in parts])
    sizes = np.array([len(part) for part in parts])
    figure = palette.blank(title)
    palette.line(
        figure, [0, 1], [0, 1], palette.FAINT, 1.2, dash="dash", name="perfectly calibrated"
    )
    palette.dots(
        figure,
        means[:, 0],
        means[:, 1],
        palette.CHAMPION,
        name="champion, one standard error",
        mode="lines+markers",
        line={"width": 2.2},
        error_y=np.sqrt(means[:, 1] * (1 - means[:, 1]) / sizes),
        customdata=sizes,
        hovertemplate="says %{x:.0%}, is %{y:.0%}<br>%{customdata:,} rows<extra></extra>",
    )
    figure.update_xaxes(title_text=says, range=[-0.02, 1.02], tickformat=".0%")
    figure.update_yaxes(title_text="observed", range=[-0.04, 1.04], tickformat=".0%")
    error, most = (language.percent(share) for share in _off(sure, right, parts))
    return figure, (
        "Above the diagonal the champion is too timid, below it too sure. Its probabilities are off by "
        f"{error} on average; a perfect model shows up to {most} on so many rows."
    )


def _classified(record: SweepRecord) -> pd.DataFrame | None:
    """Return the predictions of a classification; None for a regression, or without predictions."""
    table = record.predictions
    return None if table is None or table.empty or not named(table, PROBABILITY) else table


def _claims(record: SweepRecord, table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, str]:
    """Return predicted probabilities, whether each came true, and the label of their axis."""
    columns = named(table, PROBABILITY)
    truth = table["truth"].astype(str).to_numpy()
    if len(columns) == TWO_CLASSES:
        second = columns[1].removeprefix(PROBABILITY)
        says = f"predicted probability of {_class(record, second)}"
        return table[columns[1]].to_numpy(), truth == second, says
    right = table["prediction"].astype(str).to_numpy() == truth
    return table[columns].max(axis=1).to_numpy(), right, "probability it gave its class"


def miscalibration(record: SweepRecord) -> tuple[float, float] | None:
    """Return the mean distance of the drawn points from the diagonal, weighted by their rows, and noise.

    Noise is what a perfect model stays below 19 times in 20 on these rows. Its claims are chances: in a
    point the count of what comes true is a sum of coin tosses, about normal with variance v = sum of
    p (1 - p). Its absolute value has mean sqrt(2 v / pi) and variance (1 - 2 / pi) v; points are
    independent. None where there are no predicted classes.
    """
    table = _classified(record)
    if table is None:
        return None
    sure, right, _ = _claims(record, table)
    return _off(sure, right, _points(sure))


def _off(sure: np.ndarray, right: np.ndarray, points: Sequence[np.ndarray]) -> tuple[float, float]:
    """Return error and noise as `miscalibration` does, for probabilities in these bins."""
    error = float(sum(abs((sure - right)[part].sum()) for part in points) / len(sure))
    variance = np.array([(sure * (1 - sure))[part].sum() for part in points])
    mean = np.sqrt(2 * variance / np.pi).sum()
    spread = np.sqrt((1 - 2 / np.pi) * variance.sum())
    above = ONE_IN_TWENTY + SKEWED / np.sqrt(len(variance))
    return error, float((mean + above * spread) / len(sure))


def _points(sure: np.ndarray) -> list[np.ndarray]:
    """Return the row numbers of each bin, by predicted probability: bins of equal size."""
    points = int(np.clip(len(sure) // FEWEST_IN_BIN, 1, BINS))
    return np.array_split(np.argsort(sure, kind="stable"), points)
