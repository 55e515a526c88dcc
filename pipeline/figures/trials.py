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


@contextmanager
def remembered() -> Iterator[None]:
    """Compute each table once while a page is made: nothing changes its record meanwhile."""
    token = _KNOWN.set({})
    try:
        yield
    finally:
        _KNOWN.reset(token)


def once(function: Callable[[SweepRecord], T]) -> Callable[[SweepRecord], T]:
    """Make a function of a record answer once while a page is made (`remembered`)."""

    @functools.wraps(function)
    def found(record: SweepRecord) -> T:
        known = _KNOWN.get()
        if known is None:
            return function(record)
        key = (function, id(record))
        if key not in known:
            known[key] = function(record)
        return known[key]  # type: ignore[return-value]

    return found


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
    known = {name: evidence_of(longest(one)) for name, one in finished.items()}
    return {name: found for name, found in known.items() if found is not None}


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
    names = {id(one): name for name, one in known.items()}
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
    found = first.reset_index().merge(table, on="trial", how="inner")
    return found.sort_values(["loss", "parameters"], kind="stable", ignore_index=True)


def capacities(record: SweepRecord) -> pd.DataFrame:
    """Return the rows of `trials` that stand for their capacity by the search's rule, smallest first."""
    table = trials(record)
    heads = table[table["stands"].astype(bool)]
    return heads.sort_values(["parameters", "loss"], kind="stable", ignore_index=True)


def rule(record: SweepRecord) -> Rule:
    """Return the rule by which the sweep chooses; that of the capacity search where it does not say."""
    is_folded = "fold" in record.fits and is_varied(record.fits["fold"])
    folds = int(setting(record, "data.folds") or 0) if is_folded else 0
    prefer = Prefer(record.config.get("search.prefer", Prefer.smallest))
    return Rule(prefer, setting(record, "search.one_se") or 1.0, folds)


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


@once
def median_runs(record: SweepRecord) -> dict[str, str]:
    """Return, for each usable trial, the run of its median execution: the one that stands for it."""
    runs = counted_fits(record).drop_duplicates(["trial", "execution"], keep="last")
    ids: Any = runs.set_index(["trial", "execution"])["run_id"] if len(runs) else {}
    found = {
        name: str(ids[name, median_execution(known)]) for name, known in evidence(record).items()
    }
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
