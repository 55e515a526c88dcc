"""What the training tests share: a silent control, small families and arrays, one call to train."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pipeline.config.schema import ModelConfig
from pipeline.config.schema_search import CapacityConfig
from pipeline.core.records import Arrays, Capacity, Fit, FitResult, Stack, Trial
from pipeline.training.engine import engine
from pipeline.training.families import family as family_of
from pipeline.training.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.core.control import Progress
    from pipeline.core.family import Family
    from pipeline.core.names import Grid


class Quiet:
    """A control that listens and never stops, or stops after so many questions."""

    def __init__(self, stop_after: int | None = None) -> None:
        """Stop after so many questions; None: never."""
        self.reports: list[Progress] = []
        self.asked = 0
        self.stop_after = stop_after

    def report(self, progress: Progress) -> None:
        """Keep the report."""
        self.reports.append(progress)

    def stop_reason(self) -> str:
        """Count the question and answer it."""
        self.asked += 1
        stop = self.stop_after is not None and self.asked > self.stop_after
        return "the budget has ended" if stop else ""


@pytest.fixture(scope="session")
def stopping_control() -> type[Quiet]:
    """`stopping_control()` never stops, `stopping_control(n)` from question n + 1 on."""
    return Quiet


def _family(arrays: Arrays, grid: Grid | None = None, **model: Any) -> Family:
    config = ModelConfig(**model)
    shapes = {"standard": arrays.input_shape}
    grids = {"standard": grid} if grid is not None else {}
    return family_of(config, CapacityConfig(), shapes, arrays.outputs, arrays.regression, grids)


@pytest.fixture(scope="session")
def make_family() -> Callable[..., Family]:
    """`make_family(arrays, grid, activation=..., ...)`: a family bound to arrays, its numbers embedded."""
    return _family


@pytest.fixture(scope="session")
def make_fits() -> Callable[..., tuple[Fit, ...]]:
    """`make_fits(family, capacity, rates, epochs, seeds, **nuisance)`: rates x seeds."""

    def fits(
        family: Family,
        capacity: Capacity,
        rates: tuple[float, ...] = (0.01,),
        epochs: int = 5,
        seeds: int = 1,
        **nuisance: Any,
    ) -> tuple[Fit, ...]:
        trial = Trial(capacity, 1.0, family.parameters(capacity), tuple(sorted(nuisance.items())))
        return tuple(
            Fit(trial.with_rate(rate), seed, seed, epochs)
            for rate in rates
            for seed in range(seeds)
        )

    return fits


@pytest.fixture(scope="session")
def train() -> Callable[..., list[FitResult]]:
    """`train(fits, arrays, family, engine="fit", control=..., **settings)`."""

    def run(
        fits: tuple[Fit, ...],
        arrays: Arrays,
        family: Family,
        kind: str = "fit",
        control: Any = None,
        **settings: Any,
    ) -> list[FitResult]:
        told = Settings(**{"patience": 100, **settings})
        return engine(kind)(Stack(0, fits), arrays, family, told, control or Quiet())

    return run


@pytest.fixture(scope="session")
def regression() -> Arrays:
    """75 training rows (the last of 3 batches is not full), 40 validation rows, 3 inputs."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(115, 3)).astype(np.float32)
    y = (x[:, :1] - 2 * np.maximum(x[:, 1:2], 0) + 0.1 * rng.normal(size=(115, 1))).astype("f4")
    return Arrays(x[:75], y[:75], x[75:], y[75:], regression=True, target_scale=5.0)


@pytest.fixture(scope="session")
def binary(regression: Arrays) -> Arrays:
    """The same inputs with two classes."""
    classes = np.eye(2, dtype=np.float32)
    return replace(
        regression,
        y_train=classes[(regression.y_train[:, 0] > 0).astype(int)],
        y_val=classes[(regression.y_val[:, 0] > 0).astype(int)],
        regression=False,
        target_scale=1.0,
    )
