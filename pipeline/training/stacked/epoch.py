"""The end of an epoch on the device: early stopping, the best weights kept, divergence."""

from __future__ import annotations

from typing import Any

from keras import ops

from pipeline.core.records import Direction
from pipeline.training.metrics import VAL_AUC
from pipeline.training.settings import Settings
from pipeline.training.stacked.step import State

RAW = ("loss", "metric", "val_loss", "val_metric")
"""The curves that a program measures, in this order; `metric` is mae or accuracy."""


def measured(settings: Settings) -> tuple[str, ...]:
    """Return the curves that a program measures, in its order."""
    return (*RAW, VAL_AUC) if settings.objective.metric == VAL_AUC else RAW


class EpochEnd:
    """The decisions on a member after an epoch, by the rules of run.Run."""

    def __init__(self, settings: Settings, places: list[tuple[bool, int]]) -> None:
        """Bind the fixed parts of a program; `places` is that of template.Template.places."""
        self._metric = settings.objective.metric
        self._sign = 1.0 if settings.objective.direction is Direction.min else -1.0
        self._places = places

    def __call__(
        self, state: State, measured: dict[str, Any], row_losses: Any, member: State, rules: State
    ) -> tuple[State, Any]:
        """Return the state with the best values so far, and which members improved, (members,).

        Args:
            state: After the last step of the epoch.
            measured: The curves of RAW at this epoch, (members,).
            row_losses: (members, validation rows).
            member: `limit`, the most epochs.
            rules: `patience`, `min_delta`, and `scale` of the target.
        """
        epoch = state["epoch"]
        value = self._sign * self._objective(measured, rules["scale"])
        sound = ops.isfinite(measured["loss"]) & ops.isfinite(measured["val_loss"])
        going = state["live"] & sound
        better = going & ops.isfinite(value) & (value + rules["min_delta"] < state["best_value"])
        best_epoch = ops.where(better, epoch, state["best_epoch"])
        waited = epoch - best_epoch >= rules["patience"]
        current = [state["weights" if own else "rest"][at] for own, at in self._places]
        pairs = zip(current, state["best"], strict=True)
        return {
            **state,
            "best": [_chosen(better, new, old) for new, old in pairs],
            "best_rows": _chosen(better, row_losses, state["best_rows"]),
            "best_value": ops.where(better, value, state["best_value"]),
            "best_epoch": best_epoch,
            "live": going & ~waited & (epoch + 1 < member["limit"]),
            "epoch": epoch + 1,
            "sums": ops.zeros_like(state["sums"]),
        }, better

    def _objective(self, measured: dict[str, Any], scale: Any) -> Any:
        """Return the objective, as logged (metrics.finished_curves)."""
        if self._metric == VAL_AUC:
            return measured[VAL_AUC]
        prefix = "val_" if self._metric.startswith("val_") else ""
        kind = self._metric.removeprefix("val_")
        if kind == "rmse":
            return ops.sqrt(measured[f"{prefix}loss"]) * scale
        if kind == "mae":
            return measured[f"{prefix}metric"] * scale
        return measured[f"{prefix}{'loss' if kind == 'loss' else 'metric'}"]


def _chosen(better: Any, new: Any, old: Any) -> Any:
    """Return the new slice of every member that is better."""
    return ops.where(ops.reshape(better, (-1, *[1] * (len(new.shape) - 1))), new, old)
