"""The table of all trials, their fits and curves, as data that the page's script sorts and draws."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from typing import Any

import pandas as pd

from pipeline.core import language
from pipeline.core.records import Outcome
from pipeline.figures.tables import rows
from pipeline.figures.trials import (
    NUISANCE,
    champion_entry,
    is_varied,
    median_runs,
    objective,
    trials,
)
from pipeline.ledger.read import SweepRecord

MOST_POINTS = 150
"""Points a curve has in the page: longer ones are thinned, as a screen has no more to show."""
NUMBERS = frozenset({"place", "score", "behind", "parameters", "rate", "seeds"})
"""Columns of numbers: they stand to the right and are sorted as numbers."""
FIT_COLUMNS = {
    "execution": "Execution",
    "best_val_loss": "val_loss",
    "best_train_loss": "Training loss",
    "best_val_rmse": "RMSE",
    "best_val_accuracy": "Accuracy",
    "outcome": "Outcome",
    "codes": "Diagnosis",
    "best_epoch": "Best epoch",
    "epochs": "Epochs",
    "seconds": "Seconds",
}
"""What is shown of the fits of a trial that is unfolded."""


def trial_table(record: SweepRecord) -> dict[str, Any] | None:
    """Return headings and data of the table; None without a fit."""
    if record.fits.empty:
        return None
    metric, fits = objective(record).metric, _fits(record)
    varied = [name for name in NUISANCE if name in fits and is_varied(fits[name])]
    inner = {key: heading for key, heading in FIT_COLUMNS.items() if key in fits}
    if metric != "val_loss" and f"best_{metric}" in fits:
        inner = {"execution": "Execution", f"best_{metric}": metric, **inner}
    known = {row.trial: row for row in rows(trials(record))}
    champion, medians = champion_entry(record).get("trial"), median_runs(record)
    own: dict[Any, pd.DataFrame] = dict(iter(fits.groupby("trial", sort=False)))
    order = sorted(known, key=lambda name: (name != champion, known[name].loss))
    lines = []
    for place, name in enumerate(dict.fromkeys([*order, *own]), start=1):
        row = known.get(name)
        cells = _cells(place, row, own[name], varied)
        lines.append(
            {
                "cells": [  # what is not finite becomes null in JSON
                    [value if isinstance(value, str) else language.finite(value), text]
                    for value, text in cells.values()
                ],
                "head": bool(row is None or row.stands),
                "champion": name == champion,
                "cut": bool((own[name]["outcome"] == Outcome.cut.value).all()),
                "run": medians.get(name, str(own[name]["run_id"].iloc[0])),
                "fits": [
                    {"run": fit["run_id"], "cells": [_cell(key, fit[key]) for key in inner]}
                    for _, fit in own[name].iterrows()
                ],
            }
        )
    headings = {"place": "#", "score": metric, "why": "Why here", "seeds": "Fits"}
    named = {key: headings.get(key, key.replace("_", " ").capitalize()) for key in cells}
    charts, runs = (_web(link) for link in (record.summary.get("link"), record.run_link))
    return {
        "columns": [{"key": k, "name": name, "number": k in NUMBERS} for k, name in named.items()],
        "inner": list(inner.values()),
        "rows": lines,
        "link": runs,
        "metric": metric,
        "charts": charts,
        "curves": json.dumps(_curves(record), separators=(",", ":")),
    }


def _cells(
    place: int, row: Any, fits: pd.DataFrame, varied: list[str]
) -> dict[str, tuple[Any, str]]:
    """Return (sort key, text) of each column of a trial's row; `row` is None for an unusable trial."""
    first = fits.iloc[0]
    rate = first.get("learning_rate")
    said = {key: str(first[key]) for key in varied}
    said["diagnosis"] = ", ".join(dict.fromkeys(code for codes in fits["codes"] for code in codes))
    said["phase"] = str(first.get("phase", ""))
    nothing, texts = (None, language.NOTHING), {key: (text, text) for key, text in said.items()}
    why = ", ".join(sorted(fits["outcome"].unique())) if row is None else row.note
    behind = nothing
    if row is not None:
        behind = (row.gap, language.with_error(row.gap, row.gap_se) if row.gap else "")
    return {
        "place": nothing if row is None else (place, str(place)),
        "trial": (str(first["trial"]), language.trial(str(first["trial"]))),
        "score": nothing if row is None else (row.score, language.with_error(row.score, row.se)),
        "behind": behind,
        "why": (why, why),
        "parameters": (first.get("parameters"), language.count(first.get("parameters"))),
        "rate": (rate, language.rate(rate)),
        "seeds": (len(fits), str(len(fits))),
        **texts,
    }


def _web(address: object) -> str:
    """Return an http(s) address for a link; an empty string for any other."""
    return str(address) if str(address).startswith(("http://", "https://")) else ""


def _cell(key: str, value: Any) -> str:
    if isinstance(value, str | list):
        return value if isinstance(value, str) else ", ".join(value)
    if key in {"execution", "best_epoch", "epochs"}:
        return language.count(value)
    return language.number(value, 4)


def _fits(record: SweepRecord) -> pd.DataFrame:
    fits = record.fits.copy()
    findings = fits["findings"] if "findings" in fits else [()] * len(fits)
    fits["codes"] = [[finding["code"] for finding in of_fit] for of_fit in findings]
    if "best_epoch" in fits:  # people count epochs from one; -1 means that there is none
        fits["best_epoch"] = (fits["best_epoch"] + 1).where(fits["best_epoch"] >= 0)
    return fits


def _curves(record: SweepRecord) -> dict[str, dict[str, list[Any]]]:
    """Return the objective's and the training curve of every fit, thinned and rounded."""
    metric = objective(record).metric
    curves: dict[str, dict[str, list[Any]]] = defaultdict(dict)
    for run, curve in record.curves.items():
        if metric not in curve:
            continue
        thin = curve.iloc[:: max(1, -(-len(curve) // MOST_POINTS))]
        curves[run] = {"epoch": [int(epoch) + 1 for epoch in thin["epoch"]]}
        curves[run]["score"] = [_short(value) for value in thin[metric]]
        if "loss" in thin and metric == "val_loss":
            curves[run]["loss"] = [_short(value) for value in thin["loss"]]
    return curves


def _short(value: float) -> float | None:
    return float(f"{value:.4g}") if math.isfinite(value) else None
