"""Tables that every figure draws from: fits with a score, trials, and the best trial a capacity."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline.records import Direction, Objective, Outcome

if TYPE_CHECKING:
    from pipeline.tracking.read import SweepRecord

NUISANCE = ("dropout", "weight_decay", "batch_size", "encoding")
"""Hyperparameters beside capacity and learning rate, where a sweep varied them."""


def objective(record: SweepRecord) -> Objective:
    """Return what the sweep's trials were compared by; val_loss where it does not say."""
    metric, _, direction = str(record.config.get("objective", "val_loss")).partition(":")
    return Objective(metric or "val_loss", Direction(direction or "min"))


def scored_fits(record: SweepRecord) -> pd.DataFrame:
    """Return the fits that took part in decisions, with a column `score` in the objective's unit."""
    fits = record.fits
    column = f"best_{objective(record).metric}"
    if fits.empty or column not in fits:
        return fits.iloc[:0].assign(score=pd.Series(dtype=float))
    scored = fits.assign(score=pd.to_numeric(fits[column], errors="coerce"))
    usable = (scored["outcome"] == Outcome.completed.value) & np.isfinite(scored["score"])
    return scored[usable]


def trials(record: SweepRecord) -> pd.DataFrame:
    """Return one row a usable trial, best score first.

    Columns: trial, capacity, layers, units, parameters, learning_rate, score (mean over the
    executions), se (standard error of that mean; NaN where it cannot be known), executions,
    seconds, epochs, round, phase, and the nuisance values that the fits carry.
    """
    fits = scored_fits(record)
    keep = [name for name in ("capacity", "layers", "units", "parameters") if name in fits]
    keep += [name for name in ("learning_rate", "round", "phase", *NUISANCE) if name in fits]
    grouped = fits.groupby("trial", sort=False)
    table = grouped[keep].first()
    table["score"] = grouped["score"].mean()
    table["executions"] = grouped.size()
    table["se"] = [_standard_error(rows) for _, rows in grouped]
    for name in ("seconds", "epochs"):
        table[name] = grouped[name].mean() if name in fits else math.nan
    table["loss"] = [objective(record).as_loss(score) for score in table["score"]]
    order = ["loss", "parameters"]
    return table.reset_index().sort_values(order, kind="stable", ignore_index=True)


def _standard_error(rows: pd.DataFrame) -> float:
    """Return the standard error of a trial's mean: over seeds and, where recorded, over rows."""
    seeds = float(rows["score"].var(ddof=1)) / len(rows) if len(rows) > 1 else 0.0
    own = rows["score_se"].dropna() if "score_se" in rows else pd.Series(dtype=float)
    over_rows = float((own**2).mean()) if len(own) else 0.0
    total = math.sqrt(seeds + over_rows)
    return total if total > 0 else math.nan


def capacities(record: SweepRecord) -> pd.DataFrame:
    """Return the best trial of each capacity, smallest network first."""
    best = trials(record).drop_duplicates("capacity")
    return best.sort_values(["parameters", "loss"], kind="stable", ignore_index=True)


def leader(record: SweepRecord) -> pd.Series | None:
    """Return the champion's row of `trials`, or the best so far; None without a usable trial."""
    table = trials(record)
    chosen = table[table["trial"] == champion_entry(record).get("trial")]
    if len(chosen):
        return chosen.iloc[0]
    return None if table.empty else table.iloc[0]


def role(record: SweepRecord) -> str:
    """Return what the leader is called: the champion once it is chosen, else the best so far."""
    return "champion" if champion_entry(record) else "best so far"


def champion_entry(record: SweepRecord) -> dict[str, object]:
    """Return the summary's champion; empty when there is none."""
    return dict(record.summary.get("champion") or {})


def neighbours(record: SweepRecord) -> tuple[pd.Series | None, pd.Series | None]:
    """Return the best trials one size smaller and one size larger than the leader's."""
    chosen, table = leader(record), capacities(record)
    if chosen is None:
        return None, None
    others = table[table["capacity"] != chosen["capacity"]]
    smaller = others[others["parameters"] < chosen["parameters"]]
    larger = others[others["parameters"] > chosen["parameters"]]
    return (
        None if smaller.empty else smaller.iloc[-1],
        None if larger.empty else larger.iloc[0],
    )


def median_run(record: SweepRecord, trial: str) -> str | None:
    """Return the run of a trial's median execution: the one that stands for it."""
    entry = champion_entry(record)
    if entry.get("trial") == trial and entry.get("run_id"):
        return str(entry["run_id"])
    fits = scored_fits(record)
    rows = fits[fits["trial"] == trial].sort_values("score", kind="stable")
    return None if rows.empty else str(rows["run_id"].iloc[len(rows) // 2])


def is_varied(values: pd.Series) -> bool:
    """Return whether a column holds more than one value."""
    return bool(len(values) and (values != values.iloc[0]).any())


def pareto(record: SweepRecord) -> pd.DataFrame:
    """Return the capacities than which no smaller one is as good, smallest first."""
    table = capacities(record)
    best_before = table["loss"].cummin().shift(fill_value=math.inf)
    return table[table["loss"] < best_before].reset_index(drop=True)
