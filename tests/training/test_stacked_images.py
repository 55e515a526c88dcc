"""MLPs on images in the stacked engine against the reference: rows that fill up a step do not count."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pipeline.core.records import Arrays, Outcome, Stack
from pipeline.training.engine import engine
from pipeline.training.families.mlp import of_widths
from pipeline.training.planner import why_not_stacked
from pipeline.training.settings import Settings
from tests.training.agreement import agree

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.core.family import Family
    from pipeline.core.records import Fit


@pytest.fixture(scope="module")
def pictures() -> Arrays:
    """70 training images (a last batch of 6) and 40 others, brighter for the second class."""
    rng = np.random.default_rng(4)
    kind = rng.integers(0, 2, 110)
    x = rng.uniform(0, 150, (110, 6, 6, 1)) + 60 * kind[:, None, None, None]
    y = np.eye(2, dtype=np.float32)[kind]
    x = x.astype(np.float32)
    return Arrays(x[:70], y[:70], x[70:], y[70:], regression=False)


@pytest.mark.parametrize(
    "mixed",
    [pytest.param(False, id="32 bits"), pytest.param(True, id="16 bits", marks=pytest.mark.rare)],
)
def test_batch_normalization_of_images_counts_the_rows_of_the_table(
    mixed: bool,
    pictures: Arrays,
    make_family: Callable[..., Family],
    make_fits: Callable[..., tuple[Fit, ...]],
    stopping_control: type,
) -> None:
    """Behind Flatten too, where Keras drops the masks of rows; and under 16-bit arithmetic."""
    family = make_family(pictures, batch_normalization=True)
    fits = [
        fit
        for widths in ((9, 5), (16, 12))
        for fit in make_fits(family, of_widths(*widths), (0.003,), 4, seeds=2)
    ]
    told = Settings(patience=100, batch_size=32, mixed_precision=mixed)
    found: Any = [
        engine(kind)(Stack(0, tuple(fits)), pictures, family, told, stopping_control())
        for kind in ("stacked", "fit")
    ]
    for one, other in zip(*found, strict=True):
        if not mixed:
            agree(one, other)
            continue
        means = [result.weights[3] for result in (one, other)]  # running ones, of the first layer
        np.testing.assert_allclose(*means, rtol=0.02, atol=0.002)


def test_shifted_images_are_stacked_where_xla_can_shift(
    pictures: Arrays,
    make_family: Callable[..., Family],
    make_fits: Callable[..., tuple[Fit, ...]],
    train: Any,
) -> None:
    """On JAX; TensorFlow has no kernel for it, so that `fit` trains them there."""
    family = make_family(pictures, augment=True)
    on_jax = os.environ["KERAS_BACKEND"] == "jax"
    assert (why_not_stacked(family, Settings()) == "") == on_jax
    fits = make_fits(family, of_widths(9), (0.003,), 2, seeds=2)
    results = train(fits, pictures, family, "stacked")
    assert [result.outcome for result in results] == [Outcome.completed] * 2
