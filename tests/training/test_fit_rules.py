"""The rules that both engines share, without training: stopping, dropping, order."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.records import Arrays, Direction, Fit, Objective, Outcome, Trial
from pipeline.training.dropping import behind
from pipeline.training.families.mlp import of_widths
from pipeline.training.order import batch_size, epoch_order, steps
from pipeline.training.run import Run
from pipeline.training.settings import Settings

MAXIMISED = Objective("val_accuracy", Direction.max)
TRIAL = Trial(of_widths(2), 0.01, 10)
ROW = np.zeros((1, 2), np.float32)
CLASSES = Arrays(ROW, ROW, ROW, ROW, regression=False)


def run_of(arrays: Arrays, losses: list[float], **settings: Any) -> tuple[Run, list[int]]:
    """Tell a run scripted validation losses; return it and the epochs whose weights it asked for."""
    run = Run(Fit(TRIAL, 0, 0, epochs=100), Settings(**settings), arrays)
    asked: list[int] = []
    for epoch, loss in enumerate(losses, start=1):
        assert run.is_open, f"ended before epoch {epoch}"
        run.judge(
            {"loss": 1.0, "mae": 1.0, "val_loss": loss, "val_mae": 1.0},
            lambda epoch=epoch: asked.append(epoch) or [np.array(epoch)],
        )
    return run, asked


def test_early_stopping_exactly_as_in_the_course(regression: Arrays) -> None:
    """Best 0.6513 in epoch 9, patience 2: stops after 11 and keeps the weights of epoch 9."""
    falling = [0.80, 0.75, 0.72, 0.70, 0.69, 0.68, 0.67, 0.66, 0.6513, 0.66, 0.6514]
    run, asked = run_of(regression, falling, patience=2)
    result = run.result()
    assert result.outcome is Outcome.completed
    assert result.epochs == 11
    assert result.best_epoch == 8
    assert result.best("val_loss") == 0.6513
    assert result.weights == [9]
    assert asked == list(range(1, 10))


def test_a_nan_in_the_first_epoch_is_never_the_best(regression: Arrays) -> None:
    """The fit has diverged at once and has no best epoch."""
    run, _ = run_of(regression, [float("nan")])
    result = run.result()
    assert (result.outcome, result.best_epoch, result.weights) == (Outcome.diverged, -1, None)
    assert result.message == "learning rate 0.01 diverged in epoch 1: the loss is not finite"


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_later_nan_leaves_no_model(regression: Arrays, bad: float) -> None:
    """The best epoch is still named, its weights are not offered."""
    run, _ = run_of(regression, [0.5, 0.4, bad])
    result = run.result()
    assert (result.outcome, result.best_epoch, result.weights) == (Outcome.diverged, 1, None)
    assert not np.isfinite(result.curves["val_loss"][2])


def test_an_objective_that_is_never_a_number_is_infeasible(binary: Arrays) -> None:
    """The area under the curve of one class, say."""
    told = Settings(objective=Objective("val_auc", Direction.max), patience=2)
    run = Run(Fit(TRIAL, 0, 0, epochs=2), told, binary)
    for _ in range(2):
        values = {"loss": 1.0, "accuracy": 1.0, "val_loss": 1.0, "val_accuracy": 1.0}
        run.judge({**values, "val_auc": float("nan")}, list)
    assert run.outcome is Outcome.infeasible
    assert "val_auc was not finite in any of 2 epochs" in run.message


@given(
    values=st.lists(st.integers(0, 8).map(lambda n: n / 4), min_size=1, max_size=30),
    patience=st.integers(1, 5),
    min_delta=st.sampled_from([0.0, 0.25, 0.6]),
    direction=st.sampled_from(Direction),
)
def test_stopping_is_keras_early_stopping(
    values: list[float], patience: int, min_delta: float, direction: Direction
) -> None:
    """The same best epoch and the same last epoch for any finite course."""
    theirs = keras.callbacks.EarlyStopping(
        "v", patience=patience, min_delta=min_delta, mode=direction
    )
    theirs.set_model(SimpleNamespace(stop_training=False))
    theirs.on_train_begin()
    told = Settings(
        patience=patience, min_delta=min_delta, objective=Objective("val_loss", direction)
    )
    ours = Run(Fit(TRIAL, 0, 0, epochs=100), told, CLASSES)
    for epoch, value in enumerate(values):
        theirs.on_epoch_end(epoch, {"v": value})
        ours.judge({"loss": 1.0, "val_loss": value}, list)
        assert bool(theirs.model.stop_training) != ours.is_open
        if not ours.is_open:
            break
    assert ours.best_epoch == theirs.best_epoch
    assert ours.best == theirs.best


@given(seed=st.integers(0, 2**40), epoch=st.integers(0, 500), rows=st.integers(1, 300))
def test_an_epoch_visits_every_row_once(seed: int, epoch: int, rows: int) -> None:
    """A permutation, the same for the same seed and epoch."""
    order = epoch_order(seed, epoch, rows)
    assert sorted(order) == list(range(rows))
    assert order.dtype == np.int32
    assert np.array_equal(order, epoch_order(seed, epoch, rows))


def test_seed_zero_is_a_seed_and_epochs_differ() -> None:
    """0 is neither random nor 1, and no epoch repeats the one before."""
    orders = [epoch_order(seed, epoch, 50).tolist() for seed in (0, 1) for epoch in (0, 1)]
    assert len({tuple(order) for order in orders}) == 4


@pytest.mark.parametrize(
    ("rows", "size"),
    [(5, 5), (8_000, 32), (8_001, 64), (32_000, 64), (32_001, 128), (128_001, 256), (10**7, 256)],
)
def test_the_batch_follows_the_rows(rows: int, size: int) -> None:
    """32 up to 8,000 rows, then doubling with every fourfold table up to 256."""
    assert batch_size(None, rows) == size


def test_a_batch_is_at_most_the_table() -> None:
    """A configured size counts; the last batch of an epoch may be smaller."""
    assert [batch_size(50, 120), batch_size(500, 120)] == [50, 120]
    assert [steps(50, 120), steps(60, 120)] == [3, 2]
    told = Settings(batch_size=50)
    smaller = Trial(of_widths(2), 0.01, 10, (("batch_size", 16),))
    assert [told.batch_of(TRIAL, 120), told.batch_of(smaller, 120)] == [50, 16]


def curves(rates: dict[float, list[list[float]]]) -> tuple[list[Fit], list[np.ndarray]]:
    """Return fits and objectives of rates with one curve per seed."""
    pairs = [
        (Fit(TRIAL.with_rate(rate), seed, seed, 20), np.array(curve))
        for rate, seeds in rates.items()
        for seed, curve in enumerate(seeds)
    ]
    return [fit for fit, _ in pairs], [curve for _, curve in pairs]


FAR_BEHIND = {0.1: [[0.5, 0.4], [0.6, 0.5]], 0.001: [[1.0, 0.99], [1.1, 1.1]]}


def test_a_rate_clearly_behind_is_dropped_with_its_numbers() -> None:
    """Both of its seeds, and no fit of the leader; the error of two seeds is a wide one."""
    dropped = behind(*curves(FAR_BEHIND), Settings(drop_after=2))
    assert set(dropped) == {2, 3}
    assert dropped[2].startswith(
        "learning rate 0.001 was behind 0.1 by 0.595 (standard error 0.0092)"
    )


def test_a_maximised_objective_drops_the_lower_rate() -> None:
    """Direction counts: the same curves, read as accuracies, drop the other rate."""
    dropped = behind(*curves(FAR_BEHIND), Settings(drop_after=2, objective=MAXIMISED))
    assert set(dropped) == {0, 1}


@pytest.mark.parametrize(
    "rates",
    [
        pytest.param({0.1: [[0.5, 0.4]], 0.001: [[1.0, 0.99]]}, id="one seed"),
        pytest.param({0.1: [[0.5, 0.4], [0.6, 0.5]], 1e-3: [[2, 0.6], [2, 0.7]]}, id="catching up"),
        pytest.param({0.1: [[0.9, 0.9], [0.1, 0.1]], 1e-3: [[1, 1.0], [1, 1.0]]}, id="noise"),
        pytest.param({0.1: [[0.5, 0.4], [0.6, 0.5]], 1e-3: [[1.0], [1.1]]}, id="stopped before"),
        pytest.param(
            {0.1: [[0.5, 0.4], [0.6, 0.5]], 1e-3: [[1, np.nan], [1, np.inf]]}, id="diverged"
        ),
    ],
)
def test_a_rate_that_is_not_clearly_behind_is_kept(rates: dict[float, list[list[float]]]) -> None:
    """Without a second seed, while it catches up, within noise, or when it has ended anyway."""
    assert behind(*curves(rates), Settings(drop_after=2)) == {}


def test_how_much_a_rate_must_catch_up_is_configured() -> None:
    """Its gap has shrunk from 1.45 to 0.2: to 0.14 of it."""
    rates = {0.1: [[0.5, 0.4], [0.6, 0.5]], 1e-3: [[2, 0.6], [2, 0.7]]}
    assert behind(*curves(rates), Settings(drop_after=2, drop_kept=0.15)) == {}
    assert set(behind(*curves(rates), Settings(drop_after=2, drop_kept=0.13))) == {2, 3}


def test_nothing_is_dropped_where_that_is_switched_off() -> None:
    """drop_after 0 means never."""
    assert behind(*curves(FAR_BEHIND), Settings(drop_after=0)) == {}
