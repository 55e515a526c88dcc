"""Hyperparameters against loss: learning rates per capacity, and what mattered at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline.core import language
from pipeline.core.records import Outcome
from pipeline.figures import palette
from pipeline.figures.scale import view
from pipeline.figures.trials import (
    NUISANCE,
    is_varied,
    leader,
    objective,
    role,
    scored_fits,
    trials,
)

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from pipeline.ledger.read import SweepRecord

LEVELS = 6
"""Values of a hyperparameter that are told apart; more are put into as many equal groups."""
SEED = "seed (noise)"
FEWEST_FITS = 8
"""Fits below which shares of a variance say nothing."""
MOST_TICKS = 9
"""Learning rates that are each named on the axis."""


def learning_rates(record: SweepRecord) -> go.Figure:
    """Draw loss over learning rate, one line a capacity; diverged rates stand at the upper edge."""
    title = "Learning rate against loss, for each capacity"
    table = trials(record)
    failed = record.fits[record.fits["outcome"] == Outcome.diverged.value]
    if table.empty and failed.empty:
        return palette.empty(title, "No trial was usable: there is no loss to draw.")
    figure = palette.blank(title, 400)
    chosen = leader(record)
    name = None if chosen is None else chosen["capacity"]
    order = table.sort_values("parameters", kind="stable")["capacity"].unique()
    known: set[int] = set()
    for capacity in sorted(order, key=lambda one: one == name):
        rows = table[table["capacity"] == capacity].sort_values("learning_rate")
        layers = int(rows["layers"].iloc[0])
        called = role(record) if capacity == name else ""
        depth = palette.depth(layers, blocks="blocks" in record.fits)
        _capacity(figure, rows, (called, depth), named=layers not in known)
        known.add(layers)
    _diverged(figure, failed)
    limits = view(table["score"], table["loss"])
    figure.update_yaxes(title_text=objective(record).metric, range=limits)
    ticks = np.unique(record.fits["learning_rate"].to_numpy(dtype=float))
    if len(ticks) <= MOST_TICKS:
        figure.update_xaxes(tickvals=ticks, ticktext=[language.rate(tick) for tick in ticks])
    return figure.update_xaxes(title_text="learning rate", type="log", tickformat=".3~g")


def _capacity(
    figure: go.Figure, rows: pd.DataFrame, names: tuple[str, str], *, named: bool
) -> None:
    """Draw one capacity; the legend has one entry a depth, and the leader by what it is called."""
    called, depth = names
    layers = int(rows["layers"].iloc[0])
    label = palette.plain(rows["capacity"].iloc[0])
    colour = palette.CHAMPION if called else palette.depth_colour(layers)
    figure.add_scatter(
        x=rows["learning_rate"],
        y=rows["score"],
        mode="lines+markers",
        name=f"{called} {label}" if called else depth,
        legendgroup=called or depth,
        showlegend=bool(called) or named,
        line={"color": colour, "width": 3 if called else 1.4},
        marker={"size": 9 if called else 6, "color": colour},
        hovertemplate=f"{label}<br>learning rate %{{x:.3g}}<br>%{{y:.4g}}<extra></extra>",
    )


def _diverged(figure: go.Figure, failed: pd.DataFrame) -> None:
    if failed.empty:
        return
    counts = failed.groupby(["capacity", "learning_rate"]).size().reset_index(name="fits")
    figure.add_scatter(
        x=counts["learning_rate"],
        y=[0.98] * len(counts),
        yaxis="y2",
        mode="markers",
        name="diverged",
        marker={"symbol": "x-thin", "size": 9, "line": {"width": 2, "color": palette.BAD}},
        text=[palette.plain(name) for name in counts["capacity"]],
        customdata=counts["fits"],
        hovertemplate="%{text}: %{customdata} diverged at %{x:.3g}<extra></extra>",
    )
    figure.update_layout(
        yaxis2={"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True}
    )


def importance(record: SweepRecord) -> pd.Series:
    """Return the share of the variance of scores that each hyperparameter explains by itself.

    The estimate is omega squared of a one-way analysis of variance over all scored fits, which
    unlike eta squared does not credit a hyperparameter for having many values. Shares need not add
    up to one: a search visits good regions more often, and hyperparameters act together. The entry
    `seed (noise)` is what executions of one trial differ by.
    """
    fits = scored_fits(record)
    if len(fits) < FEWEST_FITS:
        return pd.Series(dtype=float)
    scores = _comparable(fits["score"])
    shares = {
        column.replace("_", " "): _explained(scores, _levels(fits[column]))
        for column in ("layers", "units", "learning_rate", *NUISANCE)
        if column in fits and is_varied(fits[column])
    }
    if fits.groupby("trial").size().gt(1).any() and is_varied(fits["trial"]):
        within = scores - scores.groupby(fits["trial"]).transform("mean")
        total = float(((scores - scores.mean()) ** 2).sum())
        shares[SEED] = float((within**2).sum()) / total if total > 0 else 0.0
    return pd.Series(shares, dtype=float).sort_values()


def importances(record: SweepRecord) -> go.Figure:
    """Draw the importance of each hyperparameter as bars."""
    title = "What mattered: share of the variance each explains by itself"
    shares = importance(record)
    if shares.empty:
        return palette.empty(title, "Too few fits say what mattered.")
    figure = palette.blank(title, 400)
    colours = [palette.FAINT if name == SEED else palette.DEPTHS[3] for name in shares.index]
    figure.add_bar(
        x=shares,
        y=list(shares.index),
        orientation="h",
        marker={"color": colours, "cornerradius": 3},
        text=[language.percent(share) for share in shares],
        textposition="outside",
        cliponaxis=False,
        hoverinfo="skip",
        width=0.55,
    )
    figure.update_xaxes(range=[0, max(0.1, shares.max()) * 1.18], visible=False)
    return figure.update_yaxes(showgrid=False, tickfont={"color": palette.INK, "size": 13})


def _comparable(scores: pd.Series) -> pd.Series:
    """Return scores on a scale where one hopeless trial does not drown the others: their ranks."""
    return scores.rank()


def _levels(values: pd.Series) -> pd.Series:
    """Return the groups of a hyperparameter's values."""
    if values.nunique() <= LEVELS or not pd.api.types.is_numeric_dtype(values):
        return values.astype(str)
    return pd.qcut(values.rank(method="dense"), LEVELS, labels=False, duplicates="drop").astype(str)


def _explained(scores: pd.Series, levels: pd.Series) -> float:
    """Return omega squared of scores over levels, 0 to 1."""
    groups = scores.groupby(levels)
    between = float((groups.transform("mean") - scores.mean()).pow(2).sum())
    total = float((scores - scores.mean()).pow(2).sum())
    freedom = len(scores) - groups.ngroups
    if total <= 0 or freedom <= 0:
        return 0.0
    noise = (total - between) / freedom
    share = (between - (groups.ngroups - 1) * noise) / (total + noise)
    return float(np.clip(share, 0.0, 1.0))
