"""Tables that every figure draws from: fits with a score, trials, and the best trial a capacity."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline.records import Direction, Objective, Outcome

if TYPE_CHECKING:
    from pipeline.tracking.read import SweepRecord

DESCRIPTION = (
    "trial",
    "capacity",
    "layers",
    "units",
    "parameters",
    "learning_rate",
    "round",
    "phase",
)
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
    found: pd.DataFrame = scored[usable]
    return found


def trials(record: SweepRecord) -> pd.DataFrame:
    """Return one row a usable trial, best score first.

    Columns: trial, capacity, layers, units, parameters, learning_rate, round, phase and the
    nuisance values as far as the fits carry them; score (mean over the executions), se (standard
    error of that mean; NaN where it cannot be known), executions, loss (the score, lower is better).
    """
    fits = scored_fits(record)
    if fits.empty:
        return pd.DataFrame(columns=[*DESCRIPTION, "score", "executions", "se", "loss"])
    grouped = fits.groupby("trial", sort=False)
    table = grouped[[name for name in (*DESCRIPTION[1:], *NUISANCE) if name in fits]].first()
    table["score"] = grouped["score"].mean()
    table["executions"] = grouped.size()
    table["se"] = _standard_errors(record, fits)
    table["loss"] = objective(record).as_loss(1.0) * table["score"]
    order = ["loss", "parameters"]
    return table.reset_index().sort_values(order, kind="stable", ignore_index=True)


def _standard_errors(record: SweepRecord, fits: pd.DataFrame) -> pd.Series:
    """Return the standard error of each trial's mean over seeds and validation rows.

    The variance of the per-seed means / seeds + the variance of the per-row means / rows; folds
    validate every row once, so that rows alone count (docs/architecture.md).
    """
    found = {}
    for trial, group in fits.groupby("trial", sort=False):
        scores = group["score"].to_numpy()
        folds = "fold" in group and is_varied(group["fold"])
        over_seeds = 0.0 if folds or len(scores) == 1 else scores.var(ddof=1) / len(scores)
        losses = [record.row_losses[run] for run in group["run_id"] if run in record.row_losses]
        variance = over_seeds + _row_variance(losses, folds=folds)
        found[trial] = math.sqrt(variance) if variance > 0 else math.nan
    return pd.Series(found, dtype=float)


def _row_variance(losses: list[np.ndarray], *, folds: bool) -> float:
    """Return the variance of the per-row means / rows; 0 where no row losses were kept."""
    if not losses or (not folds and len({len(one) for one in losses}) > 1):
        return 0.0
    rows = np.concatenate(losses) if folds else np.mean(losses, axis=0, dtype=np.float64)
    return float(rows.var(ddof=1, dtype=np.float64)) / rows.size if rows.size > 1 else 0.0


def capacities(record: SweepRecord) -> pd.DataFrame:
    """Return the best trial of each capacity, smallest network first."""
    best = trials(record).drop_duplicates("capacity")
    return best.sort_values(["parameters", "loss"], kind="stable", ignore_index=True)


def leader(record: SweepRecord) -> Any:
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


def neighbours(record: SweepRecord) -> tuple[Any, Any]:
    """Return the best trials one size smaller and one larger than the leader's, or None."""
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


def median_runs(record: SweepRecord) -> dict[str, str]:
    """Return, for each usable trial, the run of its median execution: the one that stands for it."""
    fits = scored_fits(record).sort_values("score", kind="stable")
    runs = fits.groupby("trial", sort=False)["run_id"]
    found = {str(trial): str(group.iloc[len(group) // 2]) for trial, group in runs}
    entry = champion_entry(record)
    if entry.get("run_id") and entry.get("trial") in found:
        found[str(entry["trial"])] = str(entry["run_id"])
    return found


def is_varied(values: pd.Series) -> bool:
    """Return whether a column holds more than one value."""
    return bool(len(values) and (values != values.iloc[0]).any())


def pareto(record: SweepRecord) -> pd.DataFrame:
    """Return the capacities than which no smaller one is as good, smallest first."""
    table = capacities(record)
    best_before = table["loss"].cummin().shift(fill_value=math.inf)
    return table[table["loss"] < best_before].reset_index(drop=True)
