"""Seeded repeats of a trial: equal executions of all trials share seed and fold, so they pair."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

from pipeline.core.records import NO_FOLD, Fit, Trial

SEED_BITS = 31
"""Every framework takes a seed that fits a signed 32-bit integer."""


@lru_cache(maxsize=4096)
def fit_seed(sweep_seed: int, execution: int) -> int:
    """Return the seed of an execution; it follows from the sweep's seed (0 included) and the number."""
    digest = hashlib.blake2b(f"{sweep_seed}/{execution}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> (64 - SEED_BITS)


@dataclass(frozen=True)
class Executions:
    """How often a trial is trained, and the fits that follow."""

    seed: int
    """Seed of the sweep."""
    epochs: int
    """Most epochs of a fit."""
    first: int
    """Executions of a trial that may be chosen, >= 1; with k-fold the folds of all repeats."""
    most: int
    """Executions that a close decision may buy, >= first."""
    folds: int = 0
    """Folds of a k-fold split, whose fits are the executions, repeat by repeat; 0: executions are seeds."""
    screen: int = 0
    """Executions of every trial; 0: `first`."""

    @property
    def fewest(self) -> int:
        """Executions of every trial."""
        return self.screen or self.first

    def fit(self, trial: Trial, execution: int) -> Fit:
        """Return one fit of a trial."""
        fold = execution if self.folds else NO_FOLD
        return Fit(trial, execution, fit_seed(self.seed, execution), self.epochs, fold)

    def after(self, executions: int) -> int:
        """Return the executions that a close decision buys next: twice as many and one, up to `most`."""
        return min(self.most, 2 * executions + 1)
