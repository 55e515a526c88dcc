"""Size against loss, fit by fit: the Pareto front, and who under- and who over-fits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline.core import language
from pipeline.figures import palette
from pipeline.figures.capacity import MOST_LABELS, NOTHING_USABLE, ring
from pipeline.figures.scale import view
from pipeline.figures.tables import rows
from pipeline.figures.trials import (
    capacities,
    leader,
    median_runs,
    objective,
    pareto,
    role,
    scored_fits,
)

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from pipeline.ledger.read import SweepRecord

WIDE_RANGE = 1.2
"""Powers of ten from which one axis label a power is enough."""


def loss_against_parameters(record: SweepRecord) -> go.Figure:
    """Draw every fit over its network's size, with the Pareto front of the capacities."""
    title = "Loss against parameters"
    fits, table = scored_fits(record), capacities(record)
    if table.empty:
        return palette.empty(title, NOTHING_USABLE)
    figure = palette.blank(title, 400)
    figure.add_scatter(
        x=fits["parameters"],
        y=fits["score"],
        mode="markers",
        name="every fit",
        marker={"size": 6, "color": palette.fade(palette.DEPTHS[2], 0.35)},
        text=[palette.plain(f"{fit.trial} #{fit.execution}") for fit in rows(fits)],
        hovertemplate="%{text}<br>%{x:,} parameters<br>%{y:.4g}<extra></extra>",
    )
    front = pareto(record)
    figure.add_scatter(
        x=front["parameters"],
        y=front["score"],
        mode="lines+markers",
        name="Pareto front",
        line={"color": palette.INK, "width": 1.5, "shape": "hv"},
        marker={"size": 8, "color": palette.INK},
        text=[palette.plain(name) for name in front["capacity"]],
        customdata=_latencies(record, front),
        hovertemplate="%{text}<br>%{x:,} parameters%{customdata}<br>%{y:.4g}<extra></extra>",
    )
    chosen = leader(record)
    if chosen is not None:
        figure.add_scatter(
            x=[chosen["parameters"]],
            y=[chosen["score"]],
            mode="markers",
            name=f"{role(record)} {palette.plain(chosen['capacity'])}",
            marker=ring(),
            hoverinfo="skip",
        )
    limits = view(table["score"], table["loss"])
    figure.update_yaxes(title_text=objective(record).metric, range=limits)
    return figure.update_xaxes(title_text="trainable parameters", **_log_axis(fits["parameters"]))


def _latencies(record: SweepRecord, front: pd.DataFrame) -> list[str]:
    """Return the predicted time of a row for each capacity of the front, where the summary has it."""
    entries = zip(
        record.summary.get("pareto", ()), record.summary.get("pareto_us_a_row", ()), strict=False
    )
    known = {str(trial).partition(" lr ")[0]: seconds for trial, seconds in entries}
    return [f", {known[name]:.2g} µs a row" if name in known else "" for name in front["capacity"]]


def _log_axis(sizes: pd.Series) -> dict[str, object]:
    low, high = (math.log10(max(size, 1)) for size in (sizes.min(), sizes.max()))
    margin = max(0.12, (high - low) * 0.06)
    ticks = 1 if high - low > WIDE_RANGE else "D2"
    return {
        "type": "log",
        "range": [low - margin, high + margin],
        "dtick": ticks,
        "tickformat": "~s",
    }


def train_and_validation_by_size(record: SweepRecord) -> pd.DataFrame:
    """Return training and validation loss at the best epoch of each capacity's best trial.

    Columns: capacity, parameters, layers, loss, val_loss, gap (share of the validation loss).
    """
    found = []
    runs = median_runs(record)
    for row in rows(capacities(record)):
        losses = best_losses(record, runs.get(row.trial))
        if losses is not None:
            train, val = losses
            gap = (val - train) / val if val > 0 else math.nan
            found.append((row.capacity, row.parameters, row.layers, train, val, gap))
    columns = ["capacity", "parameters", "layers", "loss", "val_loss", "gap"]
    return pd.DataFrame(found, columns=columns)


def leader_losses(record: SweepRecord) -> tuple[float, float] | None:
    """Return training and validation loss at the best epoch of the leader's median execution."""
    first = leader(record)
    return None if first is None else best_losses(record, median_runs(record).get(first["trial"]))


def best_losses(record: SweepRecord, run: str | None) -> tuple[float, float] | None:
    """Return training and validation loss of a run at its lowest validation loss."""
    curve = record.curves.get(run) if run else None
    if curve is None or not {"loss", "val_loss"} <= set(curve):
        return None
    train, val = (curve[name].to_numpy(dtype=float) for name in ("loss", "val_loss"))
    if np.isnan(val).all():
        return None
    best = int(np.nanargmin(val))
    return (float(train[best]), float(val[best])) if math.isfinite(train[best]) else None


def under_and_over_fitting(record: SweepRecord) -> go.Figure:
    """Draw training and validation loss of each capacity as the ends of a line."""
    title = "Under- and over-fitting at each capacity"
    table = train_and_validation_by_size(record)
    if table.empty:
        return palette.empty(title, "No usable fit left a curve.")
    figure = palette.blank(title, 400)
    places = list(range(len(table)))
    gaps = [value for row in rows(table) for value in (row.loss, row.val_loss, None)]
    figure.add_scatter(
        x=[value for place in places for value in (place, place, None)],
        y=gaps,
        mode="lines",
        showlegend=False,
        line={"color": palette.fade(palette.FAINT, 0.8), "width": 2},
        hoverinfo="skip",
    )
    for column, name, colour in (
        ("loss", "training", palette.DEPTHS[1]),
        ("val_loss", "validation", palette.DEPTHS[4]),
    ):
        figure.add_scatter(
            x=places,
            y=table[column],
            mode="markers",
            name=f"{name} loss",
            marker={"size": 9, "color": colour},
            text=[
                f"{palette.plain(row.capacity)}: training {language.percent(row.gap)} lower"
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
    return figure.update_yaxes(title_text="loss", range=_range(table))


def _range(table: pd.DataFrame) -> tuple[float, float] | None:
    """Return a range that shows both losses of all capacities but the hopeless."""
    limits = view(table["val_loss"], table["val_loss"])
    if limits is None:
        return None
    low = float(table["loss"].min())
    return min(limits[0], low - 0.05 * (limits[1] - low)), limits[1]
