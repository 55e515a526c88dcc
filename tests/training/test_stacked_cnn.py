"""Convolutional networks in the stacked engine against the reference.

TensorFlow trains one member a core; JAX maps over members.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pipeline.config.schema import ModelConfig
from pipeline.config.schema_search import CapacityConfig, SpaceConfig
from pipeline.core.records import Arrays, Outcome, Stack
from pipeline.training.cost import Workload
from pipeline.training.engine import engine
from pipeline.training.families import family as family_of
from pipeline.training.planner import Limits, plan_stacks
from pipeline.training.settings import Settings
from tests.training.agreement import agree

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.core.family import Family
    from pipeline.core.records import Fit, FitResult

pytestmark = pytest.mark.slow

ON_JAX = os.environ["KERAS_BACKEND"] == "jax"
SIDE = 9
"""Odd, so that pooling leaves a row and a column out."""


@pytest.fixture(scope="module")
def bars() -> Arrays:
    """75 training images (a last batch of 11) and 40 others: bars that lie, stand, or are not there."""
    rng = np.random.default_rng(3)
    x = rng.uniform(0, 90, (115, SIDE, SIDE, 1)).astype(np.float32)
    kind = rng.integers(0, 3, 115)
    for image, label, at in zip(x, kind, rng.integers(0, SIDE, 115), strict=True):
        if label == 1:
            image[at] += 150
        if label == 2:
            image[:, at] += 150
    y = np.eye(3, dtype=np.float32)[kind]
    return Arrays(x[:75], y[:75], x[75:], y[75:], regression=False)


def cnn(arrays: Arrays, **model: Any) -> Any:
    """Return CNNs for some images, with 6 units in the head."""
    space = SpaceConfig(units_min=1, head_units=6)
    config, shapes = CapacityConfig(space=space), {"standard": arrays.input_shape}
    return family_of(ModelConfig(family="cnn", **model), config, shapes, arrays.outputs, False)


def both(
    fits: Sequence[Fit], arrays: Arrays, family: Family, control: Any, **options: Any
) -> tuple[list[FitResult], list[FitResult]]:
    """Train with both engines."""
    told = Settings(**{"patience": 100, "batch_size": 32, **options})
    stack = Stack(0, tuple(fits))
    stacked = engine("stacked")(stack, arrays, family, told, control)
    return stacked, engine("fit")(stack, arrays, family, told, control)


@pytest.mark.parametrize(
    ("model", "options", "blocks"),
    [
        ({}, {"optimizer": "sgd", "momentum": 0.5}, 0),
        ({}, {"patience": 1}, 2),
        ({"batch_normalization": True, "activation": "tanh"}, {}, 1),
    ],
    ids=["no block, SGD with momentum", "two blocks, stops early", "BatchNormalization, tanh"],
)
def test_the_reference_finds_the_same(
    model: dict[str, Any],
    options: dict[str, Any],
    blocks: int,
    bars: Arrays,
    make_fits: Callable[..., tuple[Fit, ...]],
    stopping_control: type,
) -> None:
    """Rates and seeds of one capacity train as each would alone, weighted rows included."""
    weight = np.random.default_rng(1).uniform(0.3, 3.0, 75).astype(np.float32)
    arrays = replace(bars, train_weight=weight)
    family = cnn(arrays, **model)
    fits = make_fits(family, family.of(blocks, 3), (0.003, 0.03), 5, seeds=2)
    for one, other in zip(*both(fits, arrays, family, stopping_control(), **options), strict=True):
        agree(one, other, close=1e-4)


@pytest.mark.rare
def test_members_end_in_their_own_way(
    bars: Arrays, make_fits: Callable[..., tuple[Fit, ...]], stopping_control: type
) -> None:
    """A rate diverges, one is dropped, one goes on: each as with the reference."""
    family = cnn(bars)
    fits = make_fits(family, family.of(1, 4), (1e-5, 0.03, 1e25), 10, seeds=3)
    options = {"patience": 9, "drop_after": 7, "drop_margin": 0.5}
    stacked, reference = both(fits, bars, family, stopping_control(), **options)
    for one, other in zip(stacked, reference, strict=True):
        agree(one, other, close=1e-3)
    outcomes = {result.outcome for result in stacked}
    assert outcomes == {Outcome.completed, Outcome.dropped, Outcome.diverged}


def test_the_same_fit_again_is_equal_bit_for_bit(
    bars: Arrays, make_fits: Callable[..., tuple[Fit, ...]], stopping_control: type
) -> None:
    """Alone or with others beside it, shifted images and dropout too: what replay relies on."""
    family = cnn(bars, augment=True)
    fits = make_fits(family, family.of(2, 3), (0.01,), 4, seeds=3, dropout=0.3)
    told = Settings(patience=100, batch_size=32)
    fits_again = fits if ON_JAX else fits[2:]  # JAX: a stack is rebuilt whole
    first = engine("stacked")(Stack(0, fits), bars, family, told, stopping_control())
    again = engine("stacked")(Stack(0, fits_again), bars, family, told, stopping_control())
    assert np.array_equal(first[-1].curves["val_loss"], again[-1].curves["val_loss"])
    pairs = zip(first[-1].weights or (), again[-1].weights or (), strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)


def test_a_stack_holds_one_capacity(
    bars: Arrays, make_fits: Callable[..., tuple[Fit, ...]]
) -> None:
    """Filters are not padded: rates and seeds of a capacity share a stack, capacities do not."""
    family = cnn(bars)
    fits = [
        fit
        for blocks, filters in ((1, 4), (1, 5), (2, 4))
        for fit in make_fits(family, family.of(blocks, filters), (0.01, 0.1), seeds=2)
    ]
    plan = plan_stacks(fits, Workload(family, Settings(), 75, 40), Limits(2**30, 2))
    assert plan.engine == "stacked"
    assert [len({fit.trial.capacity for fit in stack.fits}) for stack in plan.stacks] == [1, 1, 1]
    assert all(stack.padding == 0 for stack in plan.stacks)
    assert [fit for stack in plan.stacks for fit in stack.fits] == fits
