"""`summary.json`: what a sweep found, in one document with stable keys (product contract)."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pipeline.core.records import Decision, Trial
    from pipeline.evaluation.final import Verdicts
    from pipeline.search import Choice


@dataclass
class Totals:
    """What the sweep has done so far."""

    trials: int = 0
    fits: int = 0
    epochs: int = 0


def totals(fits: Sequence[tuple[str, int]]) -> Totals:
    """Count done fits, given (trial name, epochs trained) of each."""
    return Totals(
        trials=len({trial for trial, _ in fits}),
        fits=len(fits),
        epochs=sum(epochs for _, epochs in fits),
    )


class Part(NamedTuple):
    """One network of the saved model."""

    trial: Trial
    run_id: str
    weight: int
    """How often it counts in the average."""


def champion_entry(
    choice: Choice,
    run_id: str,
    verdicts: Verdicts,
    kind: str,
    *,
    parts: Sequence[Part] = (),
    metric: str = "val_loss",
    loss: tuple[float, float] | None = None,
) -> dict[str, Any]:
    """Return the `champion` part.

    Args:
        choice: What the search chose and why.
        run_id: The child run of its median execution, which is saved as the single model.
        verdicts: The pass over the test rows.
        kind: `single`, `ensemble` or `greedy`: whose test scores stand here.
        parts: The networks that the saved model averages; `parameters` is that of the chosen trial.
        metric: The objective.
        loss: Mean validation loss of the trial's executions and its standard error, where that is
            not the objective.
    """
    val_loss, val_loss_se = (
        (choice.score, choice.se) if metric == "val_loss" else loss or (None, None)
    )
    trial = choice.trial
    test = verdicts.test.get(kind, {})
    return {
        "trial": trial.name,
        "run_id": run_id,
        "model_uri": None,  # of the artefact that takes raw rows, as soon as it is saved
        "kind": kind,
        **_axes(trial.capacity),
        "capacity": trial.capacity.label,
        "parameters": trial.parameters,
        "networks": len(parts),
        "total_parameters": sum(part.trial.parameters for part in parts),
        "parts": [
            {
                "trial": part.trial.name,
                "run_id": part.run_id,
                "parameters": part.trial.parameters,
                "weight": part.weight,
            }
            for part in parts
        ],
        "learning_rate": trial.learning_rate,
        **dict(trial.nuisance),
        "execution": choice.execution,
        "objective": metric,
        "score": choice.shown,
        "score_se": choice.se,
        "val_loss": val_loss,
        "val_loss_se": val_loss_se,
        "test_loss": test.get("loss"),
        "test_loss_se": test.get("loss_se"),
        "test_metrics": {k: v for k, v in test.items() if not k.startswith("loss")},
        "reason": choice.reason,
    }


def _axes(capacity: Any) -> dict[str, Any]:
    """Return the family's axes; `layers` and `units` are always there (contract)."""
    axes = {name: list(v) if isinstance(v, tuple) else v for name, v in capacity.values}
    axes.setdefault("layers", axes.get("blocks", 0))
    axes.setdefault("units", axes.get("filters", 0))
    return axes


def prefixed(prefix: str, scores: Mapping[str, float]) -> dict[str, float]:
    """Return the scores under names such as `test_rmse`."""
    return {f"{prefix}_{name}": value for name, value in scores.items()}


def decision_entries(decisions: Sequence[Decision]) -> list[dict[str, Any]]:
    """Return the `decisions` part."""
    return [asdict(decision) for decision in decisions]


def write(path: Path, content: str) -> None:
    """Write a document whole or not at all: a reader never sees half of it, nor does a full disk keep it.

    Raises:
        OSError: It cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".tmp")
    try:
        beside.write_text(content, encoding="utf-8")
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


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
