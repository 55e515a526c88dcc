"""Grid, random and Hyperband are counted without KerasTuner, and come out as KerasTuner does it."""

from __future__ import annotations

from collections import Counter

import pytest

from pipeline.config.choices import SearchKind
from pipeline.config.schema_search import LearningRateConfig, NuisanceConfig, OtherSearchConfig
from pipeline.forecast.rounds import counted_rounds
from pipeline.search.executions import Executions
from tests.search.toy import Noisy, ToyFamily, walk


def wavy(trial) -> float:
    """Score trials so that none is like another."""
    return 1.0 + 0.1 * trial.learning_rate + 1e-4 * trial.parameters


def counts(rounds) -> list[Counter[int]]:
    """Return fits by their epochs, round for round."""
    return [Counter(fit.epochs for fit in one.fits) for one in rounds]


@pytest.mark.parametrize(
    ("kind", "epochs", "changes"),
    [
        ("grid", 9, {"trials": 100, "round": 5}),
        ("grid", 9, {"trials": 7, "round": 5}),
        ("grid", 9, {"trials": 100, "round": 50, "nuisance": NuisanceConfig(dropout=[0.0, 0.2])}),
        ("random", 9, {"trials": 23, "round": 10}),
    ],
)
def test_the_counts_are_those_of_the_search(kind: str, epochs: int, changes: dict) -> None:
    """Rounds, fits and the epochs of every rung."""
    pytest.importorskip("keras_tuner")
    from pipeline.search.others import KerasTunerSearch

    rates = LearningRateConfig(low=1e-4, high=1e-2, points=3)
    config = OtherSearchConfig(**{"kind": SearchKind[kind], "learning_rate": rates, **changes})
    executions = Executions(0, epochs, 2, 2)
    walked = walk(KerasTunerSearch(config, ToyFamily(), executions), Noisy(wavy))
    (counted,) = counted_rounds(config, ToyFamily(), executions)
    assert counts(counted) == counts(walked.rounds)
    if kind == "grid" and config.trials == 100:
        fits = {fit.name for one in walked.rounds for fit in one.fits}
        assert {fit.name for one in counted for fit in one.fits} == fits


@pytest.mark.parametrize(
    ("epochs", "changes"),
    [
        (9, {"trials": 40, "round": 7}),
        (27, {"trials": 60, "round": 20}),
        (27, {"trials": 40, "round": 1}),
        (100, {"trials": 200, "round": 15}),
        (30, {"trials": 30, "round": 10, "factor": 4}),
        (9, {"trials": 40, "round": 7, "learning_rate": LearningRateConfig(values=[0.001])}),
    ],
)
def test_the_work_of_hyperband_lies_between_two_bounds(epochs: int, changes: dict) -> None:
    """As many fits as either, and epochs between theirs."""
    pytest.importorskip("keras_tuner")
    from pipeline.search.others import KerasTunerSearch

    config = OtherSearchConfig(**{"kind": SearchKind.hyperband, **changes})
    executions = Executions(0, epochs, 2, 2)
    rounds = walk(KerasTunerSearch(config, ToyFamily(), executions), Noisy(wavy)).rounds
    low, high = counted_rounds(config, ToyFamily(), executions)
    least, true, most = (
        [fit.epochs for one in each for fit in one.fits] for each in (low, rounds, high)
    )
    assert sum(least) <= sum(true) <= sum(most)
    assert len(least) == len(true) == len(most)


def test_a_space_of_listed_points_ends_a_search() -> None:
    """Six networks at one rate are six trials, however many are asked for."""
    config = OtherSearchConfig(
        kind=SearchKind.random, trials=50, learning_rate=LearningRateConfig(values=[0.001])
    )
    ((only,),) = counted_rounds(config, ToyFamily(), Executions(0, 9, 3, 3))
    assert len(only.fits) == 18
