"""Tables that every figure draws from: fits with a score, trials, and the best trial a capacity."""

from __future__ import annotations

import functools
import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from pipeline.config.choices import Prefer
from pipeline.config.schema_search import PER_TRIAL
from pipeline.core.records import Capacity, Direction, Fit, Objective, Outcome, Scored, Trial
from pipeline.figures.remark import setting
from pipeline.figures.tables import lowest, rows
from pipeline.ledger.read import SweepRecord
from pipeline.search.choose import Rule, evidence_of, longest
from pipeline.search.decide import Evidence, median_execution
from pipeline.search.ranking import ranking

T = TypeVar("T")
_KNOWN: ContextVar[dict[object, object] | None] = ContextVar("known", default=None)

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
STANDING = ("score", "executions", "loss", "se", "gap", "gap_se", "seed_share", "stands", "note")
NUISANCE = tuple(PER_TRIAL)
"""Hyperparameters beside capacity and learning rate, where a sweep varied them."""


def objective(record: SweepRecord) -> Objective:
    """Return the objective of the sweep; val_loss where it is not recorded."""
    metric, _, direction = str(record.config.get("objective", "val_loss")).partition(":")
    return Objective(metric or "val_loss", Direction(direction or "min"))


def done_fits(record: SweepRecord) -> pd.DataFrame:
    """Return the fits that were not cut by a budget or signal."""
    fits = record.fits
    return fits[fits["outcome"] != Outcome.cut.value]


def failed_fits(record: SweepRecord) -> pd.DataFrame:
    """Return the fits that diverged or were too large."""
    fits = record.fits
    return fits[fits["outcome"].isin([Outcome.diverged.value, Outcome.infeasible.value])]


def counted_fits(record: SweepRecord) -> pd.DataFrame:
    """Return the fits that were not cut; where a budget ended the sweep, also those it cut with a score.

    The champion may be among the latter. A fit that was trained again after a resume counts once.
    """
    fits, done = record.fits, done_fits(record)
    if record.summary.get("status") != "budget":
        return done
    same = [name for name in ("trial", "execution", "max_epochs") if name in fits]
    cut = fits[(fits["outcome"] == Outcome.cut.value) & (fits["best_epoch"] >= 0)]
    cut = cut.drop_duplicates(same, keep="last")
    is_repeated = pd.MultiIndex.from_frame(cut[same]).isin(pd.MultiIndex.from_frame(done[same]))
    counted: pd.DataFrame = fits.loc[fits.index.isin([*done.index, *cut.index[~is_repeated]])]
    return counted


def scored_fits(record: SweepRecord) -> pd.DataFrame:
    """Return the fits with a usable score, in a further column `score` in the objective's unit.

    Where a budget ended the sweep, also those that it cut after an epoch or more.
    """
    fits = counted_fits(record)
    column = f"best_{objective(record).metric}"
    if fits.empty or column not in fits:
        return fits.iloc[:0].assign(score=pd.Series(dtype=float))
    scored = fits.assign(score=pd.to_numeric(fits[column], errors="coerce"))
    ranked = scored["outcome"].isin([Outcome.completed.value, Outcome.cut.value])
    is_usable = ranked & np.isfinite(scored["score"])
    usable: pd.DataFrame = scored[is_usable]
    return usable


def champion_fits(record: SweepRecord) -> pd.DataFrame:
    """Return the scored fits of the champion's trial."""
    fits = scored_fits(record)
    return fits[fits["trial"] == champion_entry(record).get("trial")]


@contextmanager
def remembered() -> Iterator[None]:
    """Cache the results of functions made with `once` inside this context: records do not change there."""
    token = _KNOWN.set({})
    try:
        yield
    finally:
        _KNOWN.reset(token)


def once(function: Callable[[SweepRecord], T]) -> Callable[[SweepRecord], T]:
    """Decorate a function of a record so that `remembered` caches its result."""

    @functools.wraps(function)
    def remembering(record: SweepRecord) -> T:
        known = _KNOWN.get()
        if known is None:
            return function(record)
        key = (function, id(record))
        if key not in known:
            known[key] = function(record)
        return known[key]  # type: ignore[return-value]

    return remembering


@once
def evidence(record: SweepRecord) -> dict[str, Evidence]:
    """Return the search's own record of each usable trial, by its name.

    A trial with an execution that failed is out; of one trained for different numbers of epochs
    (Hyperband) the longest counts.
    """
    aim, fits = objective(record), counted_fits(record)
    if fits.empty:
        return {}
    column = f"best_{aim.metric}"
    scores = fits[column] if column in fits else pd.Series(math.nan, fits.index)
    scores = pd.to_numeric(scores, errors="coerce")
    most = fits["max_epochs"] if "max_epochs" in fits else pd.Series(0, fits.index)
    losses = record.row_losses if aim.is_loss else {}
    varied = [name for name in NUISANCE if name in fits and is_varied(fits[name])]
    finished: dict[str, list[Scored]] = defaultdict(list)
    for fit, score, epochs in zip(rows(fits), scores, most, strict=True):
        nuisance = tuple((name, getattr(fit, name)) for name in varied)
        capacity, rate = Capacity(str(fit.capacity), ()), float(fit.learning_rate)
        trial = Trial(capacity, rate, int(fit.parameters), nuisance)
        finished[str(fit.trial)].append(
            Scored(
                Fit(trial, int(fit.execution), seed=0, epochs=int(epochs)),
                Outcome(fit.outcome),
                aim.as_loss(float(score)),
                losses.get(fit.run_id),
                sign=aim.sign,
                units=record.units.get(fit.run_id),
            )
        )
    return {
        name: usable
        for name, executions in finished.items()
        if (usable := evidence_of(longest(executions))) is not None
    }


@once
def trials(record: SweepRecord) -> pd.DataFrame:
    """Return one row a usable trial, best score first.

    Columns: trial, capacity, layers, units, parameters, learning_rate, round, phase and the
    nuisance values as far as the fits carry them; score (mean over the executions), executions,
    loss (the score, lower is better); se (standard error of the score by itself), gap (how far it lies
    behind the best), gap_se (standard error of that difference, paired by seed and row), seed_share
    (share of the squared gap_se that more executions would reduce), stands (whether it is what stands
    for its capacity) and note (why it stands where it does).
    """
    known = evidence(record)
    if not known:
        return pd.DataFrame(columns=[*DESCRIPTION, *STANDING])
    taken = known.get(str(champion_entry(record).get("trial")))
    ranked = ranking(list(known.values()), taken, rule(record), _first_executions(record))
    names = {id(entry): name for name, entry in known.items()}
    table = pd.DataFrame(
        {
            "trial": names[id(entry.evidence)],
            "score": entry.evidence.shown,
            "executions": entry.evidence.executions,
            "loss": entry.evidence.score,
            "se": entry.se or math.nan,
            "gap": entry.gap.mean,
            "gap_se": entry.gap.se if math.isfinite(entry.gap.se) else math.nan,
            "seed_share": entry.gap.seed_share,
            "stands": entry.stands,
            "note": entry.note,
        }
        for entry in ranked
    )
    about = [name for name in (*DESCRIPTION[1:], *NUISANCE) if name in record.fits]
    first = record.fits.groupby("trial", sort=False)[about].first()
    described = first.reset_index().merge(table, on="trial", how="inner")
    return described.sort_values(["loss", "parameters"], kind="stable", ignore_index=True)


def capacities(record: SweepRecord) -> pd.DataFrame:
    """Return the best trial of each capacity by the search's rule, smallest first; columns of `trials`."""
    table = trials(record)
    heads = table[table["stands"].astype(bool)]
    return heads.sort_values(["parameters", "loss"], kind="stable", ignore_index=True)


def rule(record: SweepRecord) -> Rule:
    """Return the sweep's rule of choice; the default of the capacity search where it is not recorded."""
    is_folded = "fold" in record.fits and is_varied(record.fits["fold"])
    folds = int(setting(record, "data.folds") or 0) if is_folded else 0
    prefer = Prefer(record.config.get("search.prefer", Prefer.smallest))
    return Rule(prefer, setting(record, "search.one_se") or 1.0, folds)


def _first_executions(record: SweepRecord) -> int:
    """Return the number of executions that a trial gets first; a mean over fewer may be luck."""
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
    """Return the name of the leader's role: `champion`, or `best so far` before the choice."""
    return "champion" if champion_entry(record) else "best so far"


def champion_entry(record: SweepRecord) -> dict[str, Any]:
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
    return (None if smaller.empty else smaller.iloc[-1], None if larger.empty else larger.iloc[0])


@once
def median_runs(record: SweepRecord) -> dict[str, str]:
    """Return the run id of the median execution of each usable trial, by trial name."""
    runs = counted_fits(record).drop_duplicates(["trial", "execution"], keep="last")
    ids: Any = runs.set_index(["trial", "execution"])["run_id"] if len(runs) else {}
    medians = {
        name: str(ids[name, median_execution(known)]) for name, known in evidence(record).items()
    }
    entry = champion_entry(record)
    if entry.get("run_id") and entry.get("trial") in medians:
        medians[str(entry["trial"])] = str(entry["run_id"])
    return medians


def is_varied(values: pd.Series) -> bool:
    """Return whether a column holds more than one value."""
    return bool(len(values) and (values != values.iloc[0]).any())


def pareto(record: SweepRecord) -> pd.DataFrame:
    """Return the Pareto front: capacities without a smaller one that is as good, smallest first."""
    table = capacities(record)
    best_before = table["loss"].cummin().shift(fill_value=math.inf)
    return table[table["loss"] < best_before].reset_index(drop=True)
