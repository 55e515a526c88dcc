"""Hyperparameters against loss: learning rates per capacity, and what mattered at all."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pipeline.core import language
from pipeline.core.records import Outcome
from pipeline.figures import palette
from pipeline.figures.capacity import NOTHING_USABLE
from pipeline.figures.tables import view
from pipeline.figures.trials import (
    NUISANCE,
    capacities,
    is_varied,
    leader,
    objective,
    role,
    scored_fits,
    trials,
)
from pipeline.ledger.read import SweepRecord

LEVELS = 6
"""Most values of a hyperparameter that are levels by themselves; more are put into as many equal groups."""
SEED = "seed (noise)"
FEWEST_FITS = 8
"""Fits below which shares of a variance say nothing."""
LABEL_FACTOR = 1.9
"""By how much two learning rates must differ for both to be named on the axis."""


def learning_rates(record: SweepRecord) -> palette.Drawing:
    """Draw loss over learning rate, one line a capacity; diverged rates stand at the upper edge.

    The caption says, from this sweep's numbers, why rates are searched at each capacity.
    """
    title = "Learning rate against loss, for each capacity"
    table = trials(record)
    failed = record.fits[record.fits["outcome"] == Outcome.diverged.value]
    if table.empty and failed.empty:
        return palette.empty(title, NOTHING_USABLE)
    figure = palette.blank(title)
    chosen = leader(record)
    name = None if chosen is None else chosen["capacity"]
    word = "blocks" if "blocks" in record.fits else "hidden layers"
    order = table.sort_values(["layers", "parameters"], kind="stable")["capacity"].unique()
    known: set[str] = set()
    for capacity in sorted(order, key=lambda capacity: capacity == name):
        rows = table[table["capacity"] == capacity].sort_values("learning_rate")
        label, layers = palette.plain(capacity), int(rows["layers"].iloc[0])
        called = f"{role(record)} {label}" if capacity == name else f"{layers} {word}"
        colour = palette.CHAMPION if capacity == name else palette.depth_colour(layers)
        palette.dots(
            figure,
            rows["learning_rate"],
            rows["score"],
            colour,
            9 if capacity == name else 6,
            mode="lines+markers",
            name=called,
            legendgroup=called,
            showlegend=called not in known,
            line={"width": 3 if capacity == name else 1.4},
            text=[language.rate(rate) for rate in rows["learning_rate"]],
            hovertemplate=f"{label}<br>learning rate %{{text}}<br>%{{y:.4g}}<extra></extra>",
        )
        known.add(called)
    _diverged(figure, failed)
    limits = view(table["score"], table["loss"])
    figure.update_yaxes(title_text=objective(record).metric, range=limits)
    ticks = _ticks(record.fits["learning_rate"])
    figure.update_xaxes(tickvals=ticks, ticktext=[language.rate(tick) for tick in ticks])
    figure.update_xaxes(title_text="learning rate", type="log")
    best = capacities(record)["learning_rate"]
    if best.empty:
        return figure, "Every rate that was tried failed, at every capacity."
    if not is_varied(best):
        return figure, "The same rate was best at every capacity that was tried."
    low, high = language.rate(best.min()), language.rate(best.max())
    return figure, (
        f"The best rate was {low} to {high}, depending on the capacity; each is compared at its own."
    )


def _ticks(rates: pd.Series) -> list[float]:
    """Return the learning rates that are named on the axis: far enough apart to be read."""
    ticks: list[float] = []
    for rate in np.unique(rates.to_numpy(dtype=float)):
        if not ticks or rate >= LABEL_FACTOR * ticks[-1]:
            ticks.append(float(rate))
    return ticks


def _diverged(figure: go.Figure, failed: pd.DataFrame) -> None:
    if failed.empty:
        return
    counts = failed.groupby(["capacity", "learning_rate"]).size().reset_index(name="fits")
    palette.dots(
        figure,
        counts["learning_rate"],
        [0.98] * len(counts),
        palette.BAD,
        name="diverged",
        yaxis="y2",
        marker={"symbol": "x-thin", "line": {"width": 2, "color": palette.BAD}},
        text=[palette.plain(name) for name in counts["capacity"]],
        customdata=counts["fits"],
        hovertemplate="%{text}: %{customdata} diverged at %{x:.3g}<extra></extra>",
    )
    above = {"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True}
    figure.update_layout(yaxis2=above)


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
    scores = fits["score"].rank()  # so that one hopeless trial does not drown the others
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


def importances(record: SweepRecord) -> palette.Drawing:
    """Draw the importance of each hyperparameter as bars; noise is a line that they must exceed.

    The caption names the most important one, or says that none exceeds the noise.
    """
    title = "What mattered: share of the variance each explains by itself"
    shares = importance(record)
    levers = shares.drop(SEED, errors="ignore")
    if levers.empty:
        return palette.empty(title, "Too few fits to tell what mattered.")
    figure = palette.blank(title, 140 + 46 * len(levers))
    figure.add_bar(
        x=levers,
        y=list(levers.index),
        orientation="h",
        marker={"color": palette.DEPTHS[3], "cornerradius": 3},
        text=[language.percent(share) for share in levers],
        textposition="outside",
        cliponaxis=False,
        hoverinfo="skip",
        width=0.55,
    )
    if SEED in shares:
        figure.add_vline(
            x=shares[SEED],
            line={"color": palette.MUTED, "width": 1.2, "dash": "dash"},
            annotation={
                "text": f"seeds alone: {language.percent(shares[SEED])}",
                "yanchor": "bottom",
            },
        )
    figure.update_xaxes(range=[0, max(0.1, shares.max()) * 1.18], visible=False)
    figure.update_yaxes(showgrid=False, tickfont={"color": palette.INK, "size": 13})
    said = f"{levers.idxmax()} mattered most"
    if levers.max() <= shares.get(SEED, 0.0):
        said = "none explains more than the random seed does"
    return figure, (
        f"Share of the variance of ranked scores that each setting explains by itself; {said}. Shares "
        "overlap, so they do not add up to 100 %."
    )


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
