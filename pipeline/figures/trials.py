"""Tables that every figure draws from: fits with a score, trials, and the best trial a capacity."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline.core.records import Direction, Objective, Outcome
from pipeline.figures.evidence import evidence
from pipeline.figures.remark import setting
from pipeline.figures.tables import lowest
from pipeline.search.choose import leads
from pipeline.search.decide import difference, luck, standard_error

if TYPE_CHECKING:
    from pipeline.ledger.read import SweepRecord

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


def done_fits(record: SweepRecord) -> pd.DataFrame:
    """Return the fits that ended by themselves; one cut by a budget or signal is trained again."""
    fits = record.fits
    return fits[fits["outcome"] != Outcome.cut.value]


def counted_fits(record: SweepRecord) -> pd.DataFrame:
    """Return the fits that ended by themselves; and, where a budget ended the sweep, what it cut.

    The champion may be among those. A fit that was trained again since, after a resume, counts once.
    """
    fits, done = record.fits, done_fits(record)
    if record.summary.get("status") != "budget":
        return done
    same = [name for name in ("trial", "execution", "max_epochs") if name in fits]
    cut = fits[(fits["outcome"] == Outcome.cut.value) & (fits["best_epoch"] >= 0)]
    cut = cut.drop_duplicates(same, keep="last")
    again = pd.MultiIndex.from_frame(cut[same]).isin(pd.MultiIndex.from_frame(done[same]))
    found: pd.DataFrame = fits.loc[fits.index.isin([*done.index, *cut.index[~again]])]
    return found


def scored_fits(record: SweepRecord) -> pd.DataFrame:
    """Return the fits that took part in decisions, with a column `score` in the objective's unit.

    Where a budget ended the sweep, also those that it cut after an epoch or more.
    """
    fits = counted_fits(record)
    column = f"best_{objective(record).metric}"
    if fits.empty or column not in fits:
        return fits.iloc[:0].assign(score=pd.Series(dtype=float))
    scored = fits.assign(score=pd.to_numeric(fits[column], errors="coerce"))
    ranked = scored["outcome"].isin([Outcome.completed.value, Outcome.cut.value])
    usable = ranked & np.isfinite(scored["score"])
    found: pd.DataFrame = scored[usable]
    return found


def standing_fits(record: SweepRecord) -> pd.DataFrame:
    """Return the scored fits that stand for their trial, as the search counts them.

    A trial with an execution that failed is out; of one trained for different numbers of epochs
    (Hyperband) the longest counts.
    """
    fits = scored_fits(record)
    done = done_fits(record)
    failed = set(done.loc[done["outcome"] != Outcome.completed.value, "trial"])
    fits = fits[~fits["trial"].isin(failed)]
    if "max_epochs" in fits and len(fits):
        fits = fits[fits["max_epochs"] == fits.groupby("trial")["max_epochs"].transform("max")]
    return fits


def trials(record: SweepRecord) -> pd.DataFrame:
    """Return one row a usable trial, best score first.

    Columns: trial, capacity, layers, units, parameters, learning_rate, round, phase and the
    nuisance values as far as the fits carry them; score (mean over the executions), executions,
    loss (the score, lower is better).
    """
    fits = standing_fits(record)
    if fits.empty:
        return pd.DataFrame(columns=[*DESCRIPTION, "score", "executions", "loss"])
    grouped = fits.groupby("trial", sort=False)
    table = grouped[[name for name in (*DESCRIPTION[1:], *NUISANCE) if name in fits]].first()
    table["score"] = grouped["score"].mean()
    table["executions"] = grouped.size()
    table["loss"] = objective(record).as_loss(1.0) * table["score"]
    order = ["loss", "parameters"]
    return table.reset_index().sort_values(order, kind="stable", ignore_index=True)


def capacities(record: SweepRecord) -> pd.DataFrame:
    """Return the trial that stands for each capacity by the search's rule, smallest network first.

    Columns: those of `trials`; se (standard error of the score by itself), gap (how far it lies
    behind the best), gap_se (standard error of that difference, paired by seed and row) and
    seed_share (share of the squared gap_se that more executions would reduce).
    """
    fits = standing_fits(record)
    if fits.empty:
        return trials(record).assign(se=[], gap=[], gap_se=[], seed_share=[])
    known = evidence(record, fits, objective(record))
    enough = min(_first_executions(record), max(one.executions for one in known.values()))
    found = leads([one for one in known.values() if one.executions >= enough])
    is_folded = "fold" in fits and is_varied(fits["fold"])
    folds = int(setting(record, "data.folds") or 0) if is_folded else 0
    names = {id(one): name for name, one in known.items()}
    pool = luck([one for one in known.values() if one.executions >= enough], folds=folds)
    gaps = [difference(one, found[0], folds=folds, pool=pool) for one in found]
    statistics = pd.DataFrame(
        {
            "trial": [names[id(one)] for one in found],
            "se": [standard_error(one, folds=folds, pool=pool) or math.nan for one in found],
            "gap": [gap.mean for gap in gaps],
            "gap_se": [gap.se if math.isfinite(gap.se) else math.nan for gap in gaps],
            "seed_share": [gap.seed_share for gap in gaps],
        }
    )
    table = trials(record).merge(statistics, on="trial", how="inner")
    return table.sort_values(["parameters", "loss"], kind="stable", ignore_index=True)


def _first_executions(record: SweepRecord) -> int:
    """Return the executions of a first measurement; a lower mean over fewer may be luck."""
    folds = str(record.config.get("data.folds", ""))
    if folds.isdigit():  # each is an execution
        return int(folds) * int(setting(record, "data.repeats") or 1)
    wanted = int(setting(record, "training.executions") or 1)
    return min(wanted, int(setting(record, "search.first_executions") or wanted))


def leader(record: SweepRecord) -> Any:
    """Return the champion's row of `trials`, or the best so far; None without a usable trial."""
    table = trials(record)
    chosen = table[table["trial"] == champion_entry(record).get("trial")]
    if len(chosen):
        return chosen.iloc[0]
    return None if table.empty else lowest(capacities(record), "loss")


def role(record: SweepRecord) -> str:
    """Return what the leader is called: the champion once it is chosen, else the best so far."""
    return "champion" if champion_entry(record) else "best so far"


def champion_entry(record: SweepRecord) -> dict[str, object]:
    """Return the summary's champion; empty when there is none."""
    entry = dict(record.summary.get("champion") or {})
    return {"networks": 1, **entry} if entry else {}  # older sweeps do not say how many


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
    fits = standing_fits(record).sort_values("score", kind="stable")
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
