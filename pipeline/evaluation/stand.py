"""How the champion compares with the baselines, from `summary.json`: one verdict for every page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from pipeline.core.language import finite, number, percent, with_error
from pipeline.evaluation.baselines import BASELINES

CONSTANT = "constant"
CLEARLY = 2.0
"""Standard errors of a paired difference from which a sentence says that two models differ: one pair of
equally good models in twenty differs as much by chance. A promotion, which is tested repeatedly, requires
more (`registry/judge.py`)."""

WORTH = 0.1
"""Share of a constant's loss (or AUC, ...): a table is called noise only where a gain this large can be ruled
out; else there are too few rows to tell."""

METRICS = {"val_auc": "AUC", "val_accuracy": "accuracy", "val_mae": "MAE", "val_rmse": "RMSE"}
"""Display names of objectives other than the loss."""


class Stand(NamedTuple):
    """One baseline compared with the champion."""

    model: str
    """Its name in the summary."""
    part: str
    """`test`, or `validation` where nothing was tested."""
    value: float
    """Objective of the baseline on those rows."""
    own: float
    """Objective of the champion on the same rows."""
    lag: float
    """By how much the baseline is worse than the champion; negative: better."""
    se: float
    """Standard error of `lag`, paired; for older sweeps that of two independent scores."""

    @property
    def is_worse(self) -> bool:
        """Whether the champion is better beyond noise."""
        return self.lag > CLEARLY * self.se

    @property
    def is_better(self) -> bool:
        """Whether the baseline beats the champion beyond noise."""
        return -self.lag > CLEARLY * self.se

    @property
    def label(self) -> str:
        """Display name."""
        return self.model.replace("_", " ")

    @property
    def noise(self) -> str:
        """Absolute difference and its standard error: `0.012 ± 0.020 apart`."""
        return f"{with_error(abs(self.lag), self.se)} apart"


def stands(summary: Mapping[str, Any]) -> list[Stand]:
    """Return the baselines that were scored, the best first."""
    champion = summary.get("champion") or {}
    tested = finite(champion.get("test_loss"))
    part, prefix = ("test", "test") if tested is not None else ("validation", "val")
    beside = summary.get("baselines") or {}
    own = beside.get(champion.get("kind", "single")) or {}
    metric = str(champion.get("objective", "val_loss")).removeprefix("val_")
    result = []
    for name in BASELINES:
        scores = beside.get(name) or {}
        lag, error = (finite(scores.get(f"{prefix}_{word}")) for word in ("lag", "lag_se"))
        paired = lag is not None and error is not None
        key = f"{prefix}_{metric if paired else 'loss'}"  # before they were compared in pairs
        value, champion_value = finite(scores.get(key)), finite(own.get(key, champion.get(key)))
        if value is None or champion_value is None:
            continue
        if lag is None or error is None:
            pair = (finite(scores.get(f"{key}_se")), finite(champion.get(f"{key}_se")))
            lag, error = value - champion_value, math.hypot(*(spread or 0.0 for spread in pair))
        result.append(Stand(name, part, value, champion_value, lag, error))
    return sorted(result, key=lambda stand: stand.lag)


class Plain(NamedTuple):
    """The champion's score in the plainest metric: in the target's unit, as a share, or the loss."""

    name: str
    """In `summary.json`, without the part: `rmse`, `accuracy`, `loss`."""
    part: str
    """`test`, or `validation` where nothing was tested."""
    own: float
    beside: Mapping[str, float]
    """The same metric of each model in `baselines` of the summary, the champion included."""

    @property
    def label(self) -> str:
        """Display name of the metric."""
        return METRICS.get(f"val_{self.name}", self.name)

    def written(self, value: float) -> str:
        """Format a value of this metric: an accuracy as a percentage."""
        return percent(value) if self.name == "accuracy" else number(value)


def plainly(summary: Mapping[str, Any]) -> Plain | None:
    """Return the champion's score in the first metric that it has: its objective, RMSE, accuracy, loss."""
    champion = summary.get("champion") or {}
    tested = finite(champion.get("test_loss")) is not None
    part, prefix = ("test", "test_") if tested else ("validation", "val_")
    everything = summary.get("baselines") or {}
    metrics = dict(champion.get("test_metrics") or {}) if tested else {}
    own = {f"{prefix}{key}": value for key, value in metrics.items()}
    own |= everything.get(champion.get("kind", "single")) or {}
    objective = str(champion.get("objective", "val_loss")).removeprefix("val_")
    names = [name for name in (objective, "rmse", "accuracy") if name != "loss"]
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
    """Return the best baseline; None without any."""
    return next(iter(stands(summary)), None)


def is_noise(summary: Mapping[str, Any]) -> bool:
    """Return whether the champion is no better than a constant prediction beyond noise."""
    return any(stand.model == CONSTANT and not stand.is_worse for stand in stands(summary))


def called(summary: Mapping[str, Any]) -> str:
    """Return the display name of the objective that baselines were compared by: `loss`, `AUC`."""
    paired = any(
        "lag" in key for scores in (summary.get("baselines") or {}).values() for key in scores
    )
    metric = str((summary.get("champion") or {}).get("objective", "val_loss"))
    return METRICS.get(metric, "loss") if paired else "loss"


def sentence(summary: Mapping[str, Any]) -> str:
    """Compare the champion with a constant and with the best baseline; empty without baselines.

    It begins with a small letter and has no full stop: report, card and note insert it into sentences.
    """
    baselines = stands(summary)
    if not baselines:
        return ""
    first, name, unfair = baselines[0], called(summary), out_of_time(summary)
    rows = f"on the {first.part} rows " if first.part != "test" else ""
    if is_noise(summary):
        (constant,) = (stand for stand in baselines if stand.model == CONSTANT)
        return f"{rows}{_beside_constant(constant, first, name)}{unfair}"
    said = f"{rows}{first.label}, the best baseline, has {name} {number(first.value)}"
    if first.is_better:
        return f"{said} and is better ({first.noise}): prefer it"
    if first.is_worse and unfair:
        return f"{said} and is worse ({first.noise}){unfair}: that says little"
    if first.is_worse:
        own = "network" if (summary.get("champion") or {}).get("layers") else "model"
        return f"{said}: the {own} is worth having ({first.noise})"
    return f"{said}: no different beyond noise ({first.noise}){unfair}"


def out_of_time(summary: Mapping[str, Any]) -> str:
    """Return a clause on baselines that the budget stopped before their last iteration; empty for none."""
    beside = summary.get("baselines") or {}
    shares = {name: finite((beside.get(name) or {}).get("iterations_share")) for name in BASELINES}
    clauses = [
        f"{name.replace('_', ' ')} had time for {percent(share)} of its iterations"
        for name, share in shares.items()
        if share is not None and share < 1.0
    ]
    return f", but {' and '.join(clauses)}" if clauses else ""


def _beside_constant(constant: Stand, first: Stand, name: str) -> str:
    """Say that the champion is no better than a constant, and whether a baseline is."""
    how = "is worse than" if constant.is_better else "is no better than"
    noise = "" if constant.is_better else " beyond noise"
    said = (
        f"it {how} a constant prediction{noise} ({name} {number(constant.own)} against "
        f"{number(constant.value)}; {constant.noise})"
    )
    if first.is_better and first is not constant:
        return f"{said}, and {first.label} is better, {name} {number(first.value)}: prefer it"
    if constant.is_better:
        return f"{said}: prefer that"
    if constant.lag + CLEARLY * constant.se > WORTH * abs(constant.value):
        return f"{said}, nor does any baseline do clearly better: these rows are too few to tell"
    return f"{said}, nor does any baseline do clearly better: to these models the columns are pure noise"


def stated(summary: Mapping[str, Any]) -> str:
    """Return `sentence` as a whole sentence; empty without baselines."""
    said = sentence(summary)
    return f"{said[0].upper()}{said[1:]}." if said else ""
