"""How the champion stands to the models beside it, as `summary.json` has it: one verdict for every page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from pipeline.core.language import finite, number, percent, with_error
from pipeline.evaluation.baselines import BASELINES

CONSTANT = "constant"
CLEARLY = 2.0
"""Standard errors of a paired difference from which a sentence says that two models differ: of equally
good ones chance alone sets one pair in twenty as far apart. A promotion looks again and again and asks
for more (`tracking/judge.py`)."""

WORTH = 0.1
"""Share of a constant's loss (of its AUC, ...): only where a gain this large is ruled out as well is a table
called noise; else there are too few rows to tell it from a signal."""

METRICS = {"val_auc": "AUC", "val_accuracy": "accuracy", "val_mae": "MAE", "val_rmse": "RMSE"}
"""How objectives other than the loss are called."""


class Stand(NamedTuple):
    """One model beside the champion."""

    model: str
    """Its name in the summary."""
    part: str
    """`test`, or `validation` where nothing was tested."""
    value: float
    """Its own objective on those rows."""
    own: float
    """The champion's."""
    lag: float
    """By how much it is worse than the champion (negative: better), on the same rows."""
    se: float
    """Standard error of the lag, paired; of sweeps that have none, of two independent scores."""

    @property
    def is_worse(self) -> bool:
        """Whether the champion is better beyond noise."""
        return self.lag > CLEARLY * self.se

    @property
    def is_better(self) -> bool:
        """Whether it beats the champion beyond noise."""
        return -self.lag > CLEARLY * self.se

    @property
    def words(self) -> str:
        """Its name for people."""
        return self.model.replace("_", " ")

    @property
    def noise(self) -> str:
        """What was compared: `0.012 ± 0.020 apart`."""
        return f"{with_error(abs(self.lag), self.se)} apart"


def stands(summary: Mapping[str, Any]) -> list[Stand]:
    """Return the baselines that were scored, the best first."""
    champion = summary.get("champion") or {}
    tested = finite(champion.get("test_loss"))
    part, prefix = ("test", "test") if tested is not None else ("validation", "val")
    beside = summary.get("baselines") or {}
    own = beside.get(champion.get("kind", "single")) or {}
    metric = str(champion.get("objective", "val_loss")).removeprefix("val_")
    found = []
    for name in BASELINES:
        scores = beside.get(name) or {}
        lag, error = (finite(scores.get(f"{prefix}_{word}")) for word in ("lag", "lag_se"))
        paired = lag is not None and error is not None
        key = f"{prefix}_{metric if paired else 'loss'}"  # before they were compared in pairs
        value, mine = finite(scores.get(key)), finite(own.get(key, champion.get(key)))
        if value is None or mine is None:
            continue
        if lag is None or error is None:
            pair = (finite(scores.get(f"{key}_se")), finite(champion.get(f"{key}_se")))
            lag, error = value - mine, math.hypot(*(spread or 0.0 for spread in pair))
        found.append(Stand(name, part, value, mine, lag, error))
    return sorted(found, key=lambda stand: stand.lag)


class Plain(NamedTuple):
    """The champion's score that people ask for first: in the target's own unit, as a share, or the loss."""

    name: str
    """In `summary.json`, without the part: `rmse`, `accuracy`, `loss`."""
    part: str
    """`test`, or `validation` where nothing was tested."""
    own: float
    beside: Mapping[str, float]
    """That of each model in `baselines` of the summary that has one, the champion's own included."""

    @property
    def label(self) -> str:
        """Its name for people."""
        return METRICS.get(f"val_{self.name}", self.name)

    def written(self, value: float) -> str:
        """Write such a score as people do: an accuracy is a share."""
        return percent(value) if self.name == "accuracy" else number(value)


def plainly(summary: Mapping[str, Any]) -> Plain | None:
    """Return the champion's score in the plainest unit there is: its objective, RMSE, accuracy, loss."""
    champion = summary.get("champion") or {}
    tested = finite(champion.get("test_loss")) is not None
    part, prefix = ("test", "test_") if tested else ("validation", "val_")
    everything = summary.get("baselines") or {}
    metrics = dict(champion.get("test_metrics") or {}) if tested else {}
    own = {f"{prefix}{key}": value for key, value in metrics.items()}
    own |= everything.get(champion.get("kind", "single")) or {}
    asked = str(champion.get("objective", "val_loss")).removeprefix("val_")
    names = [name for name in (asked, "rmse", "accuracy") if name != "loss"]
    for name in (*names, "loss"):
        value = finite(own.get(f"{prefix}{name}", champion.get(f"{prefix}{name}")))
        if value is not None:
            known = {
                key: finite(scores.get(f"{prefix}{name}")) for key, scores in everything.items()
            }
            beside = {key: score for key, score in known.items() if score is not None}
            return Plain(name, part, value, beside)
    return None


def best(summary: Mapping[str, Any]) -> Stand | None:
    """Return the baseline that comes nearest to the champion, or is furthest ahead of it."""
    return next(iter(stands(summary)), None)


def is_noise(summary: Mapping[str, Any]) -> bool:
    """Return whether the champion is no better than a constant prediction beyond noise."""
    return any(stand.model == CONSTANT and not stand.is_worse for stand in stands(summary))


def called(summary: Mapping[str, Any]) -> str:
    """Return how the objective is called: `loss`, `AUC`."""
    paired = any("lag" in key for one in (summary.get("baselines") or {}).values() for key in one)
    metric = str((summary.get("champion") or {}).get("objective", "val_loss"))
    return METRICS.get(metric, "loss") if paired else "loss"


def sentence(summary: Mapping[str, Any]) -> str:
    """Say how the champion stands to a constant and to the best baseline; empty without baselines.

    It begins with a small letter and has no full stop: report, card and note put it where it fits.
    """
    found = stands(summary)
    if not found:
        return ""
    first, name, unfair = found[0], called(summary), out_of_time(summary)
    rows = f"on the {first.part} rows " if first.part != "test" else ""
    if is_noise(summary):
        (constant,) = (stand for stand in found if stand.model == CONSTANT)
        return f"{rows}{_beside_constant(constant, first, name)}{unfair}"
    said = f"{rows}{first.words}, the best baseline, has {name} {number(first.value)}"
    if first.is_better:
        return f"{said} and is better ({first.noise}): prefer it"
    if first.is_worse and unfair:
        return f"{said} and is worse ({first.noise}){unfair}: that says little"
    if first.is_worse:
        own = "network" if (summary.get("champion") or {}).get("layers") else "model"
        return f"{said}: the {own} is worth having ({first.noise})"
    return f"{said}: no different beyond noise ({first.noise}){unfair}"


def out_of_time(summary: Mapping[str, Any]) -> str:
    """Return a clause on the baselines that a budget left no time for all of their iterations."""
    beside = summary.get("baselines") or {}
    shares = {name: finite((beside.get(name) or {}).get("iterations_share")) for name in BASELINES}
    told = [
        f"{name.replace('_', ' ')} had time for {percent(share)} of its iterations"
        for name, share in shares.items()
        if share is not None and share < 1.0
    ]
    return f", but {' and '.join(told)}" if told else ""


def _beside_constant(constant: Stand, first: Stand, name: str) -> str:
    """Say that the champion is no better than a constant, and whether a baseline is."""
    how = "is worse than" if constant.is_better else "is no better than"
    noise = "" if constant.is_better else " beyond noise"
    said = (
        f"it {how} a constant prediction{noise} ({name} {number(constant.own)} against "
        f"{number(constant.value)}; {constant.noise})"
    )
    if first.is_better and first is not constant:
        return f"{said}, and {first.words} is better, {name} {number(first.value)}: prefer it"
    if constant.is_better:
        return f"{said}: prefer that"
    if constant.lag + CLEARLY * constant.se > WORTH * abs(constant.value):
        return f"{said}, nor does any baseline do clearly better: these rows are too few to tell"
    return f"{said}, nor does any baseline do clearly better: to these models the columns are pure noise"


def stated(summary: Mapping[str, Any]) -> str:
    """Return `sentence` as a sentence of its own; empty without baselines."""
    said = sentence(summary)
    return f"{said[0].upper()}{said[1:]}." if said else ""
