"""Size against loss: the Pareto front, and under- and over-fitting by capacity."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.core import language
from pipeline.figures import palette
from pipeline.figures.capacity import MOST_LABELS, NOTHING_USABLE
from pipeline.figures.tables import rows, view
from pipeline.figures.trials import (
    capacities,
    leader,
    median_runs,
    objective,
    pareto,
    role,
    scored_fits,
)
from pipeline.ledger.read import SweepRecord

WIDE_RANGE = 1.2
"""Powers of ten from which one axis label a power is enough."""


NOT_KNOWN = "The training loss of the weights that are kept is not known."
"""Caption where there is no network, or for fits of older versions, which recorded no such loss."""


class Losses(NamedTuple):
    """Training and validation loss of the weights that are kept, both measured in inference mode."""

    train: float
    validation: float
    sample: int = 0
    """Training rows that were measured, where those are a sample; 0: all."""

    @property
    def gap(self) -> float:
        """Validation minus training loss, as a share of the validation loss."""
        return (self.validation - self.train) / self.validation if self.validation > 0 else math.nan

    @property
    def clause(self) -> str:
        """A clause that states the gap: `training loss lies 12 % below its validation loss`."""
        side = "below" if self.gap >= 0 else "above"
        rows = f" on {self.sample:,} sampled rows" if self.sample else ""
        return (
            f"training loss{rows} lies {language.percent(abs(self.gap))} {side} its validation loss"
        )


def front(record: SweepRecord) -> palette.Drawing:
    """Draw the score of every fit over its size, with the Pareto front of the capacities."""
    title = "Loss against parameters"
    fits, table = scored_fits(record), capacities(record)
    if table.empty:
        return palette.empty(title, NOTHING_USABLE)
    figure = palette.blank(title)
    palette.dots(
        figure,
        fits["parameters"],
        fits["score"],
        palette.fade(palette.DEPTHS[2], 0.35),
        6,
        name="every fit",
        text=[palette.plain(f"{fit.trial} #{fit.execution}") for fit in rows(fits)],
        hovertemplate="%{text}<br>%{x:,} parameters<br>%{y:.4g}<extra></extra>",
    )
    best = pareto(record)
    palette.dots(
        figure,
        best["parameters"],
        best["score"],
        palette.INK,
        8,
        name="Pareto front",
        mode="lines+markers",
        line={"width": 1.5, "shape": "hv"},
        text=[palette.plain(name) for name in best["capacity"]],
        customdata=_latencies(record, best),
        hovertemplate="%{text}<br>%{x:,} parameters%{customdata}<br>%{y:.4g}<extra></extra>",
    )
    chosen = leader(record)
    name = f"{role(record)} {palette.plain(chosen['capacity'])}"
    x, y = [chosen["parameters"]], [chosen["score"]]
    palette.dots(figure, x, y, "", 22, name=name, marker=palette.ring())
    limits = view(table["score"], table["loss"])
    figure.update_yaxes(title_text=objective(record).metric, range=limits)
    figure.update_xaxes(title_text="trainable parameters", **_log_axis(fits["parameters"]))
    verb = "has" if len(best) == 1 else "have"
    return figure, f"{len(best)} of {len(table)} capacities {verb} no smaller one that is as good."


def _latencies(record: SweepRecord, best: pd.DataFrame) -> list[str]:
    """Return the predicted time of a row for each capacity of the front, where the summary has it."""
    entries = zip(
        record.summary.get("pareto", ()), record.summary.get("pareto_us_a_row", ()), strict=False
    )
    known = {str(trial).partition(" lr ")[0]: seconds for trial, seconds in entries}
    return [f", {known[name]:.2g} µs a row" if name in known else "" for name in best["capacity"]]


def _log_axis(sizes: pd.Series) -> dict[str, object]:
    low, high = (math.log10(max(size, 1)) for size in (sizes.min(), sizes.max()))
    margin = max(0.12, (high - low) * 0.06)
    ticks = 1 if high - low > WIDE_RANGE else "D2"
    span = [low - margin, high + margin]
    return {"type": "log", "range": span, "dtick": ticks, "tickformat": "~s"}


def losses_by_size(record: SweepRecord) -> pd.DataFrame:
    """Return training and validation loss of each capacity's best trial, its median execution.

    Columns: capacity, parameters, layers, loss, val_loss, sample, gap (share of the validation loss).
    """
    runs = median_runs(record)
    known = ((row, best_losses(record, runs.get(row.trial))) for row in rows(capacities(record)))
    return pd.DataFrame(
        [
            (row.capacity, row.parameters, row.layers, *losses, losses.gap)
            for row, losses in known
            if losses is not None
        ],
        columns=["capacity", "parameters", "layers", "loss", "val_loss", "sample", "gap"],
    )


def leader_losses(record: SweepRecord) -> Losses | None:
    """Return training and validation loss of the leader's median execution."""
    first = leader(record)
    losses = None if first is None else best_losses(record, median_runs(record).get(first["trial"]))
    return losses if losses is not None and losses.validation > 0 else None


def best_losses(record: SweepRecord, run: str | None) -> Losses | None:
    """Return training and validation loss of a run; None where they are not known."""
    own = record.fits[record.fits["run_id"] == run]
    names = ["best_train_loss", "best_val_loss"]
    if own.empty or names[0] not in own or not np.isfinite(own[names].to_numpy(float)).all():
        return None
    sample = language.finite(own["train_sample"].iloc[0]) if "train_sample" in own else None
    train, validation = (float(own[name].iloc[0]) for name in names)
    return Losses(train, validation, int(sample or 0))


def fitting(record: SweepRecord) -> palette.Drawing:
    """Draw training and validation loss of each capacity as the ends of a line.

    The caption names the capacities with the smallest and the widest gap.
    """
    title = "Under- and over-fitting at each capacity"
    table = losses_by_size(record)
    if table.empty:
        return palette.empty(title, NOT_KNOWN)
    figure = palette.blank(title)
    places = list(range(len(table)))
    ends = [value for row in rows(table) for value in (row.loss, row.val_loss, None)]
    across = [value for place in places for value in (place, place, None)]
    palette.line(figure, across, ends, palette.fade(palette.FAINT, 0.8), 2)
    for column, name, colour in (
        ("loss", "training", palette.DEPTHS[1]),
        ("val_loss", "validation", palette.DEPTHS[4]),
    ):
        palette.dots(
            figure,
            places,
            table[column],
            colour,
            name=f"{name} loss",
            text=[
                f"{palette.plain(row.capacity)}: {Losses(row.loss, row.val_loss, row.sample).clause}"
                for row in rows(table)
            ],
            hovertemplate=f"%{{text}}<br>{name} %{{y:.4g}}<extra></extra>",
        )
    step = -(-len(table) // (MOST_LABELS // 2))
    figure.update_xaxes(
        tickvals=places[::step],
        ticktext=[palette.plain(name) for name in table["capacity"][::step]],
        title_text="capacity, smallest first",
        showgrid=False,
    )
    figure.update_yaxes(title_text="loss", range=_range(table))
    if len(table) <= 1:
        return figure, "One capacity alone shows no trend."
    ordered = table.sort_values("gap", kind="stable")
    narrow, wide = ordered.iloc[0], ordered.iloc[-1]
    if wide["gap"] <= 0:
        return figure, "Training loss lies below validation loss nowhere."
    losses = Losses(wide["loss"], wide["val_loss"], wide["sample"])
    return figure, (
        "Both high: under-fitting. Far apart: over-fitting. The gap is smallest for "
        f"{narrow['capacity']} and widest for {wide['capacity']}, whose {losses.clause}."
    )


def _range(table: pd.DataFrame) -> tuple[float, float] | None:
    """Return an axis range that shows both losses, without hopeless capacities; None: all fit."""
    limits = view(table["val_loss"], table["val_loss"])
    if limits is None:
        return None
    low = float(table["loss"].min())
    return min(limits[0], low - 0.05 * (limits[1] - low)), limits[1]
