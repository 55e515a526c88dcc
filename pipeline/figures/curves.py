"""Curves over epochs: the champion between its neighbours, and training against validation."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from pipeline.core import language
from pipeline.figures import palette
from pipeline.figures.sizes import NOT_KNOWN, leader_losses
from pipeline.figures.tables import rows
from pipeline.figures.trials import counted_fits, leader, median_runs, neighbours, objective, role
from pipeline.ledger.read import SweepRecord

NO_CURVES = "No usable fit left a curve."
SIDES = {"smaller": palette.SMALLER, "larger": palette.LARGER}
RATE_COLOURS = (palette.SMALLER, palette.LARGER, *palette.DEPTHS[1:])
SPIKE = 1.5
"""How far above the start a curve may reach before the picture is cut there."""


def by_size(record: SweepRecord) -> palette.Drawing:
    """Lay the val_loss curves of the champion, one size smaller and one larger over each other.

    A sweep of one capacity has no sizes to compare: then the other learning rates are drawn.
    """
    metric = objective(record).metric
    figure = palette.blank(f"{metric} by epoch: champion, one size smaller, one larger")
    drawn = [
        curve
        for trial, called, colour in _beside(record)
        for curve in _trial(figure, record, trial, called, colour)
    ]
    first = leader(record)
    if first is not None:
        name = f"{role(record)} {palette.plain(first['capacity'])}"
        drawn += _trial(figure, record, first["trial"], name, palette.CHAMPION)
    caption = (
        "Bold is the median execution, faint are the others; a dot marks the epoch that is kept."
    )
    if all(side is None for side in neighbours(record)):
        caption = "One capacity, at the learning rates that were tried; a dot marks the epoch kept."
    return _finish(figure, drawn, metric, caption)


def _beside(record: SweepRecord) -> list[tuple[str, str, str]]:
    """Return what the leader is compared with: trial, what it is called, its colour."""
    sides = [
        (str(row["trial"]), f"{called} {palette.plain(row['capacity'])}", colour)
        for row, (called, colour) in zip(neighbours(record), SIDES.items(), strict=True)
        if row is not None
    ]
    return sides or _other_rates(record)


def _other_rates(record: SweepRecord) -> list[tuple[str, str, str]]:
    """Return the trials at other learning rates, also those that diverged."""
    first, fits = leader(record), counted_fits(record)
    if "learning_rate" not in fits:
        return []
    own = None if first is None else first["trial"]
    others = fits[fits["trial"] != own].drop_duplicates("trial").sort_values("learning_rate")
    return [
        (str(fit.trial), f"learning rate {language.rate(fit.learning_rate)}", colour)
        for fit, colour in zip(rows(others), RATE_COLOURS, strict=False)
    ]


def training(record: SweepRecord) -> palette.Drawing:
    """Draw training and validation loss of the leader's median execution, and say what the gap means."""
    title = "Training against validation"
    chosen = leader(record)
    run = None if chosen is None else median_runs(record).get(chosen["trial"])
    curve = record.curves.get(run) if run else None
    if curve is None or not {"loss", "val_loss"} <= set(curve):
        return palette.empty(title, NO_CURVES)
    figure = palette.blank(title)
    drawn = [curve["val_loss"].to_numpy(), curve["loss"].to_numpy()]
    for column, name, dash in (("loss", "training", "dot"), ("val_loss", "validation", "solid")):
        hover = f"epoch %{{x}}<br>{name} %{{y:.4g}}<extra></extra>"
        called = "training loss while it ran" if column == "loss" else f"{name} loss"
        look: dict[str, Any] = {"name": called, "dash": dash, "hovertemplate": hover}
        palette.line(figure, curve["epoch"] + 1, curve[column], palette.CHAMPION, **look)
    best_epoch = int(record.fits.loc[record.fits["run_id"] == run, "best_epoch"].iloc[0])
    figure.add_vline(
        x=best_epoch + 1,
        line={"color": palette.FAINT, "width": 1, "dash": "dash"},
        annotation={
            "text": f"kept: epoch {best_epoch + 1}",
            "yanchor": "top",
            "xanchor": "right" if 2 * best_epoch > len(curve) else "left",
        },
    )
    figure.update_xaxes(range=[0, len(curve) + 1])
    losses = leader_losses(record)
    if losses is None:
        return _finish(figure, drawn, "loss", NOT_KNOWN)
    hover = "of the weights kept<br>training %{y:.4g}<extra></extra>"
    dot: dict[str, Any] = {"name": "training loss, kept", "hovertemplate": hover}
    palette.dots(figure, [best_epoch + 1], [losses.train], palette.CHAMPION, **dot)
    drawn.append(np.array([losses.train]))
    return _finish(figure, drawn, "loss", f"At the epoch that is kept (dot), {losses.clause}.")


def _trial(
    figure: go.Figure, record: SweepRecord, trial: str, name: str, colour: str
) -> list[np.ndarray]:
    """Draw one trial: its median execution in full colour, the others faint behind it."""
    aim, fits, drawn = objective(record), counted_fits(record), []
    runs = [str(run) for run in fits.loc[fits["trial"] == trial, "run_id"]]
    middle = median_runs(record).get(trial, runs[0])
    for run in sorted(runs, key=lambda run: run == middle):
        curve = record.curves.get(run)
        if curve is None or aim.metric not in curve:
            continue
        epochs, values = curve["epoch"] + 1, curve[aim.metric].to_numpy()
        drawn.append(values)
        if run != middle:
            palette.line(figure, epochs, values, palette.fade(colour, 0.3), 1, legendgroup=name)
            continue
        hover = "%{y:.4g} in epoch %{x}<extra></extra>"
        look: dict[str, Any] = {"name": name, "legendgroup": name, "hovertemplate": hover}
        palette.line(figure, epochs, values, colour, 2.4, **look)
        if np.isfinite(values).any():  # the epoch whose weights are kept
            best = int(np.nanargmin(aim.sign * values))
            edge = {"line": {"width": 2, "color": palette.PAPER}}
            at = [epochs.iloc[best]]
            palette.dots(figure, at, [values[best]], colour, legendgroup=name, marker=edge)
    return drawn


def _finish(
    figure: go.Figure, drawn: list[np.ndarray], metric: str, caption: str
) -> palette.Drawing:
    """Label the axes; cut the picture where a first epoch or a spike would flatten the rest."""
    if not drawn:
        return palette.empty(figure.layout.title.text, NO_CURVES)
    values = np.concatenate(drawn)
    values = values[np.isfinite(values)]
    if values.size:
        low, high = values.min(), np.quantile(values, 0.98)
        span = max(high - low, 1e-9)
        if values.max() > low + SPIKE * span:
            figure.update_yaxes(range=[low - 0.06 * span, low + SPIKE * span])
    figure.update_yaxes(title_text=metric)
    return figure.update_xaxes(title_text="epoch", rangemode="tozero", tickformat="d"), caption
