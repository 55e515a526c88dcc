"""Parameters, tags and metrics of the child run of a fit, within the limits of MLflow."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import numpy as np

from pipeline.core import language
from pipeline.core.records import Fit, FitResult, Outcome, Trial
from pipeline.ledger.encoding import encode_fit
from pipeline.ledger.environment import SOURCE, user
from pipeline.ledger.facts import SweepFacts

LONGEST_TAG = 8000
"""MLflow cuts longer tags without a word."""

LONGEST_PARAM = 6000
"""MLflow cuts longer parameters without a word."""

MOST_METRICS = 30
"""Metric keys a run; more make the runs table unreadable."""

ESSENTIAL = (
    *("loss", "val_loss", "best_val_loss", "best_train_loss", "best_epoch", "best_val_rmse"),
    *("epochs", "parameters", "seconds"),
)
"""Metrics that are never left out."""

DERIVED = ("rmse", "val_rmse")
"""Curves that are the root of another one, and therefore not written: points are most of MLflow's cost."""

STATUS = {
    Outcome.completed: "FINISHED",
    Outcome.dropped: "FINISHED",
    Outcome.diverged: "FAILED",
    Outcome.infeasible: "FAILED",
    Outcome.cut: "KILLED",
}
"""MLflow status of the run by outcome (docs/architecture.md)."""


@dataclass(frozen=True)
class Place:
    """The position of a fit in its sweep."""

    sweep: str
    """Id of the parent run."""
    round: int
    phase: str
    position: int
    """Index in the round: the recorded order."""
    stack: int
    key: str
    """The fit key."""
    together: tuple[int, ...] = ()
    """Positions in the round of the fits that it was trained with, where a budget left time for only part
    of its planned stack. Empty: the whole stack."""


def parameters(place: Place, fit: Fit) -> dict[str, str]:
    """Return the parameters of a fit by name; at most 30."""
    values: dict[str, object] = {
        **trial_parameters(fit.trial),
        "execution": fit.execution,
        "fold": fit.fold,
        "seed": fit.seed,
        "max_epochs": fit.epochs,
        "round": place.round,
        "phase": place.phase,
    }
    return {name: str(value)[:LONGEST_PARAM] for name, value in values.items()}


def trial_parameters(trial: Trial) -> dict[str, str]:
    """Return the parameters of a trial by name; the learning rate is rounded for people."""
    values: dict[str, object] = {
        "capacity": trial.capacity.label,
        **{name: _axis(value) for name, value in trial.capacity.values},
        "parameters": trial.parameters,
        "learning_rate": language.rate(trial.learning_rate),
        **dict(trial.nuisance),
    }
    return {name: str(value)[:LONGEST_PARAM] for name, value in values.items()}


def tags(place: Place, result: FitResult) -> dict[str, str]:
    """Return the tags of a fit; the tag `fit` restores it exactly, `fit_key` identifies it."""
    fit = result.fit
    values = {
        "mlflow.parentRunId": place.sweep,
        "mlflow.user": user(),
        "mlflow.source.name": SOURCE,
        "sweep": place.sweep,
        "trial": fit.trial.name,
        "capacity": fit.trial.capacity.label,
        "phase": place.phase,
        "round": str(place.round),
        "position": str(place.position),
        "stack": str(place.stack),
        "execution": str(fit.execution),
        "outcome": result.outcome.value,
        "fit_key": place.key,
        "fit": json.dumps(encode_fit(fit)),
    }
    if result.findings:
        values["diagnosis"] = ", ".join(dict.fromkeys(finding.code for finding in result.findings))
        values["findings"] = _findings(result)
    if result.message:
        values["message"] = result.message
    if result.outcome is Outcome.diverged:
        values["diverged"] = "1"
    if note := _note(result):
        values["mlflow.note.content"] = note
    return {name: value[:LONGEST_TAG] for name, value in values.items()}


def step_of(epoch: int) -> int:
    """Return the step in MLflow of an epoch counted from 0; for no epoch (-1) the first step."""
    return max(epoch, 0) + 1


def metrics(result: FitResult, facts: SweepFacts) -> dict[str, dict[int, float]]:
    """Return the values of every metric of a fit by step: whole curves, and scalars at the best epoch.

    The step is the epoch, counted from 1, so that `best_epoch` is a step of the curve, and the model is
    linked to its own scores. Values that are not finite are left out: MLflow would draw infinity as 1.8e308
    and NaN as 0. Of more than `MOST_METRICS` a user's own are left out.
    """
    metric = facts.objective.metric
    values = {
        name: dict(enumerate(np.asarray(curve, dtype=np.float64).tolist(), start=1))
        for name, curve in result.curves.items()
        if name not in DERIVED or name == metric
    }
    best = step_of(result.best_epoch)
    values |= {name: {best: value} for name, value in scalars(result, facts).items()}
    first = {*ESSENTIAL, metric, f"best_{metric}"}
    finite = {
        name: {step: value for step, value in own.items() if math.isfinite(value)}
        for name, own in values.items()
    }
    known = [name for name, own in finite.items() if own]
    allowed = sorted(known, key=lambda name: name not in first)[: MOST_METRICS - 1]  # and `rank`
    return {name: finite[name] for name in known if name in allowed}


def scalars(result: FitResult, facts: SweepFacts) -> dict[str, float]:
    """Return the metrics of a fit that are one number; what is unknown is not finite."""
    values: dict[str, float] = {}
    if result.best_epoch >= 0:
        names = dict.fromkeys(["val_loss", facts.objective.metric])
        names |= dict.fromkeys(name for name in result.curves if name.startswith("val_"))
        values = {f"best_{name}": result.best(name) for name in names}
        values["best_epoch"] = float(step_of(result.best_epoch))
        values["best_train_loss"] = result.train_loss
        if result.train_sample:
            values["train_sample"] = float(result.train_sample)
        if facts.task == "regression" and result.fit.fold < len(facts.target_scales):
            scale = facts.target_scales[result.fit.fold]
            values["best_val_rmse"] = math.sqrt(max(result.best("val_loss"), 0.0)) * scale
    return values | {
        "epochs": float(result.epochs),
        "parameters": float(result.fit.trial.parameters),
        "seconds": result.seconds,
    }


def _axis(value: int | tuple[int, ...]) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _findings(result: FitResult) -> str:
    """Return the findings as JSON, as many as a tag can hold."""
    listed = [vars(finding) for finding in result.findings]
    while len(text := json.dumps(listed)) > LONGEST_TAG:
        listed.pop()
    return text


def _note(result: FitResult) -> str:
    lines = [result.message] if result.message else []
    lines += [
        f"- **{finding.code}** ({finding.severity}): {finding.sentence}"
        for finding in result.findings
    ]
    return "\n".join(lines)
