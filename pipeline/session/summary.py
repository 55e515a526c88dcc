"""`summary.json`: the results of a sweep in one document with stable keys (product contract)."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from pipeline.config.choices import ChampionRows
from pipeline.core.records import Capacity, Fit, Objective
from pipeline.data.columns import recorded
from pipeline.data.dataset import Dataset
from pipeline.data.fewrows import attention, few_rows
from pipeline.evaluation.final import Member, Verdicts, optimism
from pipeline.evaluation.stand import stated
from pipeline.ledger.ledger import Ledger
from pipeline.runtime.budget import Budget
from pipeline.search import executions_of, front, mean_of
from pipeline.search.choose import longest
from pipeline.search.executions import Executions
from pipeline.search.protocol import Choice
from pipeline.session.allrows import trained_rows
from pipeline.session.standing import SearchResult
from pipeline.session.trainer import Trainer
from pipeline.training.cost import latency

ROWS = {
    ChampionRows.train: "",
    ChampionRows.refit: " It was then trained once more on all rows that are not test rows, for as many"
    " epochs as were best.",
    ChampionRows.folds: " It was then trained as folds of all rows that are not test rows, each stopped on"
    " its own validation rows; the average predicts, and its validation loss is out-of-fold.",
}
"""Sentences on the rows that a champion was trained on after the choice."""


def summarise(
    result: SearchResult,
    verdicts: Verdicts,
    kind: str,
    models: Mapping[str, Sequence[Member]],
    ledger: Ledger,
    trainer: Trainer,
    budget: Budget,
) -> dict[str, Any]:
    """Return `summary.json` without the keys that follow from saving the artefact.

    Args:
        result: The end of the search; it has a choice.
        verdicts: The scores on the test rows.
        kind: The key in `models` of the model that is saved as the champion.
        models: The networks of `single`, `ensemble` and `greedy`.
    """
    choice, config = result.choice, trainer.config
    assert choice is not None  # noqa: S101 - checked by finish
    executions, seconds = executions_of(config), functools.partial(latency, trainer.family)
    metric, test = trainer.settings.objective.metric, verdicts.test.get(kind, {})
    of_trial = (choice.score, choice.se)
    loss = of_trial if metric == "val_loss" else _mean_loss(choice, ledger, executions)
    rows = trained_rows(models[kind])
    if rows is ChampionRows.folds:
        loss = (verdicts.validation[kind]["loss"], verdicts.validation[kind]["loss_se"])
    (single,) = models["single"]
    about = {
        **_counts(result.status, ledger, budget),
        "not_tried": result.reason,
        "data": _data(trainer.dataset, config.data.folds),
        "champion": {
            **champion_entry(choice, single.searched.fit, models[kind], ledger, metric),
            "kind": kind,
            "rows": str(rows),
            "reason": choice.reason + ROWS[rows],
            "val_loss": loss and loss[0],
            "val_loss_se": loss and loss[1],
            "test_loss": test.get("loss"),
            "test_loss_se": test.get("loss_se"),
            "test_metrics": {k: v for k, v in test.items() if not k.startswith("loss")},
        },
        "optimism": optimism(verdicts, kind),
        "optimism_beside": {
            name: {"more": rise.mean, "more_se": rise.se} for name, rise in verdicts.rises.items()
        },
        "decisions": [asdict(decision) for decision in result.decisions],
        "pareto": [trial.name for trial in choice.pareto],
        "pareto_us_a_row": [1e6 * seconds(trial) for trial in choice.pareto],
        "pareto_by_latency": [
            trial.name for trial in front(ledger.standing(), executions, seconds)
        ],
        "baselines": _baselines(verdicts),
    }
    return about | {"verdict": stated(about)}


def partial_summary(
    choice: Choice, best: Member, ledger: Ledger, metric: str, budget: Budget
) -> dict[str, Any]:
    """Return the summary of a sweep whose store was lost; nothing was tested."""
    champion = champion_entry(choice, best.fit, [best], ledger, metric)
    return _counts("store lost", ledger, budget) | {"champion": champion}


def _counts(status: str, ledger: Ledger, budget: Budget) -> dict[str, Any]:
    return {
        "sweep_run_id": ledger.run_id,
        "experiment": ledger.store.experiment,
        "status": status,
        "seconds": round(budget.spent(), 1),
        "trials": len({entry.fit.trial.name for entry in ledger.done}),
        "fits": len(ledger.done),
        "epochs": sum(entry.result.epochs for entry in ledger.done),
        "cut": len(ledger.cut),
        "cost": budget.cost(),
    }


def _data(dataset: Dataset, folds: int | None) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "target": dataset.target,
        "classes": dataset.classes,
        "rows": dataset.rows,
        "digest": dataset.digest,
        "dropped": dict(dataset.dropped),
        "columns": recorded(dataset.facts),
        "attention": attention(dataset, dataset.facts),
        "validation": {
            "rows": len(dataset.split.validation),
            "folds": folds,
            **few_rows(dataset)._asdict(),
        },
    }


def champion_entry(
    choice: Choice, single: Fit, saved: Sequence[Member], ledger: Ledger, metric: str
) -> dict[str, Any]:
    """Return the keys of `champion` that follow from the search.

    Args:
        single: The median execution, which is saved as the single model: `run_id` is its child run,
            `train_loss` the loss of its weights.
        saved: The networks that the saved model averages; `parameters` are those of the chosen trial.
    """
    trial, done = choice.trial, ledger.find(single)
    return {
        "trial": trial.name,
        "run_id": _run_id(ledger, single),
        "model_uri": None,  # of the artefact that takes raw rows, as soon as it is saved
        "kind": "single",
        **_axes(trial.capacity),
        "capacity": trial.capacity.label,
        "parameters": trial.parameters,
        "networks": len(saved),
        "total_parameters": sum(member.fit.trial.parameters for member in saved),
        "parts": [
            {
                "trial": member.fit.trial.name,
                "run_id": _run_id(ledger, member.fit),
                "parameters": member.fit.trial.parameters,
            }
            for member in saved
        ],
        "learning_rate": trial.learning_rate,
        **dict(trial.nuisance),
        "execution": choice.execution,
        "objective": metric,
        "score": choice.shown,
        "score_se": choice.se,
        "train_loss": done.result.train_loss if done else None,
        "reason": choice.reason,
    }


def _run_id(ledger: Ledger, fit: Fit) -> str:
    done = ledger.find(fit)
    return done.run_id if done else ""


def _axes(capacity: Capacity) -> dict[str, Any]:
    """Return the family's axes, and always `layers` and `units` (contract)."""
    axes = {name: list(v) if isinstance(v, tuple) else v for name, v in capacity.values}
    axes.setdefault("layers", axes.get("blocks", 0))
    axes.setdefault("units", axes.get("filters", 0))
    return axes


def _mean_loss(
    choice: Choice, ledger: Ledger, executions: Executions
) -> tuple[float, float] | None:
    """Return mean and standard error of the champion's validation loss, whatever the objective."""
    counted = {scored.fit for scored in longest(ledger.standing())}
    done = [entry for entry in (*ledger.done, *ledger.cut) if entry.fit in counted]
    own = [entry for entry in done if entry.fit.trial == choice.trial]
    by_loss = [replace(entry, objective=Objective()).scored() for entry in own]
    return mean_of(by_loss, executions)


def _baselines(verdicts: Verdicts) -> dict[str, dict[str, float]]:
    """Return validation and test scores of the models that the champion is compared with, by name."""
    entries: dict[str, dict[str, float]] = {}
    for part, short in (("validation", "val"), ("test", "test")):
        scores: Mapping[str, Mapping[str, float]] = getattr(verdicts, part)
        for name, own in scores.items():
            entry = entries.setdefault(name, {})
            entry |= {f"{short}_{score}": value for score, value in own.items()}
            if (lag := verdicts.lags.get(part, {}).get(name)) is not None:
                entry |= {f"{short}_lag": lag.mean, f"{short}_lag_se": lag.se}
    for name in entries.keys() & verdicts.shares.keys():
        entries[name]["iterations_share"] = verdicts.shares[name]
    return entries


def dumps(summary: dict[str, Any]) -> str:
    """Return strict JSON: what is not finite becomes null."""
    return json.dumps(_finite(summary), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    """Return the value with NaN and infinity as None, NumPy scalars as Python's own."""
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
