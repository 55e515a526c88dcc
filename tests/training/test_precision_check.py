"""16-bit arithmetic is used where it learns the same, and refused where it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pipeline.core.errors import ConfigError
from pipeline.core.records import FitResult, Outcome
from pipeline.training.families.mlp import of_widths
from pipeline.training.precision_check import EPOCHS, check_precision
from pipeline.training.settings import Settings

if TYPE_CHECKING:
    from pipeline.core.records import Arrays, Stack

SMALL = of_widths(8)


class Scripted:
    """An engine whose 16-bit arithmetic ends at a given loss; float32 ends at 1."""

    def __init__(self, short: float) -> None:
        """Keep the loss."""
        self.short = short
        self.epochs: list[int] = []

    def __call__(
        self, stack: Stack, _a: Any, _f: Any, settings: Settings, _c: Any
    ) -> list[FitResult]:
        """Return one fit of one epoch."""
        self.epochs.append(stack.fits[0].epochs)
        loss = self.short if settings.mixed_precision else 1.0
        curves = {"loss": np.ones(1), "val_loss": np.array([loss])}
        return [FitResult(stack.fits[0], Outcome.completed, curves, 0, None, None, 0.0)]


@pytest.mark.parametrize("short", [1.2, 0.8, float("nan")])
def test_another_result_is_refused(
    short: float, regression: Arrays, make_family: Any, make_fits: Any
) -> None:
    """In both directions: a better loss by rounding is luck. The message says what to set."""
    family = make_family(regression)
    (fit, *_) = make_fits(family, SMALL)
    engine = Scripted(short)
    with pytest.raises(ConfigError, match=r"training\.mixed_precision=false"):
        check_precision(fit, regression, family, Settings(mixed_precision=True), engine)
    assert engine.epochs == [min(EPOCHS, fit.epochs)] * 2


def test_the_same_result_is_accepted(regression: Arrays, make_family: Any, make_fits: Any) -> None:
    """Rounding shows in the third digit."""
    family = make_family(regression)
    (fit, *_) = make_fits(family, SMALL)
    check_precision(fit, regression, family, Settings(mixed_precision=True), Scripted(1.004))


def test_a_standardised_table_passes(regression: Arrays, make_family: Any, make_fits: Any) -> None:
    """With the real engine."""
    family = make_family(regression)
    (fit, *_) = make_fits(family, SMALL)
    check_precision(fit, regression, family, Settings(mixed_precision=True))
