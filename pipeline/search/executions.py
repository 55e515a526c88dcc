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
    """Executions that whoever may be chosen gets, >= 1; with k-fold the folds of all repeats."""
    most: int
    """Executions that a close decision may buy, >= first."""
    folds: int = 0
    """Of a k-fold split: the executions are its fits, repeat after repeat; 0: they are seeds."""
    screen: int = 0
    """Executions that every trial gets; 0: `first`."""

    @property
    def fewest(self) -> int:
        """Executions that every trial gets."""
        return self.screen or self.first

    def fit(self, trial: Trial, execution: int) -> Fit:
        """Return one fit of a trial."""
        fold = execution if self.folds else NO_FOLD
        return Fit(trial, execution, fit_seed(self.seed, execution), self.epochs, fold)

    def after(self, executions: int) -> int:
        """Return how many a close decision buys next: a good twice as many, up to the most."""
        return min(self.most, 2 * executions + 1)
