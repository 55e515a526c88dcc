"""What is said of the epoch that is kept, and of rates to try next: planted, and the opposite."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pipeline.core.records import Capacity, Fit, Objective, Outcome, Trial
from pipeline.training.diagnose.causes import diverged, rate_too_low
from pipeline.training.diagnose.symptoms import first_epoch, lucky_epoch

CAPACITY = Capacity("1x8", (("layers", 1), ("units", 8)))


def fit(rate: float, outcome: Outcome = Outcome.completed, **values: Any) -> Any:
    """Return a fit as far as the rules look at it."""
    known = {"curves": {}, "best_epoch": 0, "epochs": 0} | values
    return SimpleNamespace(fit=Fit(Trial(CAPACITY, rate, 9), 0, 0, 30), outcome=outcome, **known)


def case(result: Any, *siblings: Any, **values: Any) -> Any:
    """Return what a rule looks at."""
    return SimpleNamespace(
        result=result,
        siblings=(result, *siblings),
        rate=result.fit.trial.learning_rate,
        settings=SimpleNamespace(objective=Objective()),
        one=lambda name: values.get(name, np.nan),
        per_layer=lambda _: np.empty(0),
        objectives=result.curves.get("val_loss", np.empty(0)),
        beats_constant=True,
    )


def kept(curve: list[float]) -> Any:
    """Return a fit with this curve, kept at its lowest epoch."""
    best = int(np.argmin(curve))
    return fit(0.01, curves={"val_loss": np.array(curve)}, best_epoch=best, epochs=len(curve))


@pytest.mark.parametrize(
    ("curve", "first", "lucky"),
    [
        ([0.5, 0.6, 0.7, 0.8], True, False),
        ([0.5, 0.4, 0.45, 0.5], False, False),
        ([0.5, 0.6], False, False),  # two epochs say nothing yet
        ([0.9, 0.7, 0.61, 0.6, 0.35, 0.6, 0.59, 0.6], False, True),
        ([0.9, 0.7, 0.61, 0.6, 0.58, 0.6, 0.59, 0.6], False, False),
        ([0.9, 0.5, 0.3, 0.2, 0.15, 0.2, 0.3, 0.5], False, False),  # a steep valley is no spike
        ([1.0, 0.9, 0.8, 0.7, 0.6], False, False),  # the last epoch: nothing on its other side
    ],
)
def test_a_first_or_lucky_epoch_is_named(curve: list[float], first: bool, lucky: bool) -> None:
    """The first of several epochs, or one far below those on both sides of it."""
    found = case(kept(curve))
    assert (first_epoch(found) is not None, lucky_epoch(found) is not None) == (first, lucky)


def advice(rate: float, *siblings: Any) -> str:
    """Return what is said to a fit that diverged."""
    found = diverged(case(fit(rate, Outcome.diverged, epochs=2), *siblings))
    assert found is not None
    return found.sentence


def test_a_rate_that_was_dropped_in_the_same_round_is_not_proposed() -> None:
    """0.00949 / 10 is what its neighbour tried, and what was taken out."""
    assert advice(0.00949).endswith("try 0.00095")
    dropped = fit(0.000949, Outcome.dropped)
    assert advice(0.00949, dropped).endswith("0.00095 did not train to its end either; try 9.5e-05")
    trained = fit(0.001)
    assert advice(0.00949, dropped, trained).endswith(
        "0.001 is the largest lower rate that trained"
    )


def test_a_higher_rate_that_diverged_in_the_same_round_is_not_proposed() -> None:
    """Between the two there is still a rate that was not tried."""

    def said(*siblings: Any) -> str:
        slow = case(fit(1e-6, epochs=9), *siblings, moved=1e-4, initial_loss=1.0, sample_loss=0.99)
        found = rate_too_low(slow)
        assert found is not None
        return found.sentence

    assert said().endswith("raise the rate, for example to 1e-05")
    broken = fit(1e-5, Outcome.diverged)
    assert said(broken).endswith("try a rate between, for example 3.2e-06")
    assert said(broken, fit(1e-4)).endswith("0.0001 of the same round trained")
