"""Trains fits on a table, and keeps the networks that may be chosen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pipeline.compute.local import limits, run_here
from pipeline.config import objective
from pipeline.config.choices import ComputeKind
from pipeline.config.schema import SweepConfig
from pipeline.core.control import Control, GoOn, always
from pipeline.core.family import Family
from pipeline.core.records import Arrays, Fit, FitResult, Stack, StackPlan
from pipeline.data.dataset import Dataset
from pipeline.forecast.timemodel import family_of
from pipeline.ledger.ledger import Ledger
from pipeline.training.cost import Workload
from pipeline.training.models import rebuild
from pipeline.training.planner import plan_stacks
from pipeline.training.settings import Settings


@dataclass(frozen=True)
class Trainer:
    """Trains the fits of a configuration on its table."""

    config: SweepConfig
    dataset: Dataset
    family: Family
    settings: Settings

    @classmethod
    def of(cls, config: SweepConfig, dataset: Dataset) -> Trainer:
        """Return the trainer of a table, which was read with the values of `config.data`."""
        settings = Settings.from_config(config, objective(config))
        return cls(config, dataset, family_of(config, dataset), settings)

    def arrays(self, fit: Fit, go_on: GoOn = always) -> Arrays:
        """Return the arrays that a fit is trained on; `go_on` as of `Dataset.encode`."""
        weighting = str(self.config.training.class_weight)
        return self.dataset.arrays(fit.trial.encoding, fit.fold, weighting, go_on)

    def plan(self, fits: Sequence[Fit]) -> StackPlan:
        """Pack a whole round into stacks, finished fits included."""
        training = self.config.training
        sizes = self.dataset.split.largest
        workload = Workload(self.family, self.settings, *sizes, str(training.engine))
        return plan_stacks(fits, workload, limits(training, self.config.compute))

    def run(self, plan: StackPlan, control: Control) -> Iterator[tuple[Stack, list[FitResult]]]:
        """Train stacks where `compute` says; yield each as it ends, with the results of its fits."""
        compute, bound = self.config.compute, (self.family, self.settings, control)
        if compute.kind is ComputeKind.ray:
            from pipeline.compute.ray import run_on_ray

            return run_on_ray(plan, self.arrays, *bound, compute)
        return run_here(plan, self.arrays, *bound, compute)


def cut_to_fits(plan: StackPlan, pending: Sequence[Fit], left: int | None) -> tuple[StackPlan, str]:
    """Return the stacks with unfinished fits, and of these as many as the budget allows.

    A stack with one fit missing is trained whole, so that its numbers are those of an uninterrupted
    sweep; only the budget of fits may shorten the last one.

    Args:
        plan: The plan of the whole round.
        pending: The fits that are not done.
        left: Number of fits that may still be trained; None without a limit.

    Returns:
        The plan, and a clause where the budget ends with it, else an empty string.
    """
    wanted = set(pending)
    stacks = [stack for stack in plan.stacks if wanted.intersection(stack.fits)]
    if left is None or left >= len(pending):
        return replace(plan, stacks=tuple(stacks)), ""
    kept: list[Stack] = []
    for stack in stacks:
        new = [fit for fit in stack.fits if fit in wanted][:left]
        left -= len(new)
        if new:
            whole = len(new) == len(wanted.intersection(stack.fits))
            kept.append(stack if whole else replace(stack, fits=tuple(new)))
    return replace(plan, stacks=tuple(kept)), "budget.fits ended"


MOST_BYTES = 1 << 30
"""Weights kept in memory; beyond it the oldest go, and are read back from the ledger if needed."""


class Networks:
    """The weights of finished fits: from memory, or from the ledger where they are not in memory."""

    def __init__(self, family: Family, ledger: Ledger) -> None:
        """Start empty."""
        self._family = family
        self._ledger = ledger
        self._weights: dict[Fit, list[np.ndarray]] = {}
        self._bytes = 0

    def keep(self, result: FitResult) -> None:
        """Keep the weights of a fit, if it has any."""
        if result.weights is None or result.fit in self._weights:
            return
        self._weights[result.fit] = result.weights
        self._bytes += _size(result.weights)
        while self._bytes > MOST_BYTES and len(self._weights) > 1:
            oldest = next(iter(self._weights))
            self._bytes -= _size(self._weights.pop(oldest))

    def weights(self, fit: Fit) -> list[np.ndarray] | None:
        """Return the best epoch's weights of a fit; None where they were not kept."""
        return self._weights.get(fit) or self._ledger.weights(fit)

    def kept(self, fit: Fit) -> bool:
        """Return whether the weights of a fit are in memory."""
        return fit in self._weights

    def model(self, fit: Fit) -> Any | None:
        """Return a fit's network as a plain keras.Model, or None."""
        weights = self.weights(fit)
        return None if weights is None else rebuild(self._family, fit.trial, weights)


def _size(weights: list[np.ndarray]) -> int:
    return sum(array.nbytes for array in weights)
