"""The reference engine on small data: exact steps, outcomes, and nothing that leaks between fits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pipeline.core.records import Direction, Objective, Outcome, Stack
from pipeline.training.engine import engine
from pipeline.training.engine import train as train_or_split
from pipeline.training.families.mlp import of_widths
from pipeline.training.models import initial_weights, rebuild
from pipeline.training.order import epoch_order
from pipeline.training.settings import Settings

if TYPE_CHECKING:
    from pipeline.core.records import Arrays, FitResult

pytestmark = pytest.mark.slow

SMALL = of_widths(8)
BATCH = 32


@pytest.fixture(scope="module")
def ramp() -> np.ndarray:
    """Weights that differ from row to row."""
    return np.linspace(0.5, 3.0, 75).astype(np.float32)


def by_hand(arrays: Arrays, weights: list[np.ndarray], seed: int, epochs: int, rate: float) -> Any:
    """Train a linear regression by SGD in NumPy; return loss and val_loss of every epoch."""
    kernel, bias = (w.astype(np.float64) for w in weights)
    rows = len(arrays.x_train)
    row_weight = np.ones(rows) if arrays.train_weight is None else arrays.train_weight
    row_weight = row_weight / row_weight.mean()
    losses, val_losses = [], []
    for epoch in range(epochs):
        order, total = epoch_order(seed, epoch, rows), 0.0
        for start in range(0, rows, BATCH):
            batch = order[start : start + BATCH]
            x, w = arrays.x_train[batch], row_weight[batch, None]
            error = x @ kernel + bias - arrays.y_train[batch]
            total += float((w * error**2).sum())
            kernel = kernel - rate * 2 * x.T @ (w * error) / len(batch)
            bias = bias - rate * 2 * (w * error).sum(axis=0) / len(batch)
        losses.append(total / rows)
        error = (arrays.x_val @ kernel + bias - arrays.y_val)[:, 0] ** 2
        val_losses.append(float(np.average(error, weights=arrays.val_weight)))
    return losses, val_losses


@pytest.mark.parametrize("weighted", [False, True])
def test_every_step_is_the_one_of_the_textbook(
    regression: Arrays,
    ramp: np.ndarray,
    make_family: Any,
    make_fits: Any,
    train: Any,
    weighted: bool,
) -> None:
    """Batch order, the small last batch, running means, row weights: against plain NumPy."""
    arrays = (
        replace(regression, train_weight=ramp, val_weight=ramp[:40]) if weighted else regression
    )
    family = make_family(arrays)
    fits = make_fits(family, of_widths(), rates=(0.05,), epochs=4, seeds=2)
    for result in train(fits, arrays, family, optimizer="sgd"):
        first = initial_weights(family, result.fit.trial, result.fit.seed)
        losses, val_losses = by_hand(arrays, first, result.fit.seed, 4, 0.05)
        assert result.curves["loss"] == pytest.approx(losses, rel=1e-5)
        assert result.curves["val_loss"] == pytest.approx(val_losses, rel=1e-5)


@pytest.fixture(scope="module")
def family(regression: Arrays, make_family: Any) -> Any:
    """The MLP on the regression."""
    return make_family(regression)


@pytest.fixture(scope="module")
def trained(regression: Arrays, family: Any, make_fits: Any, train: Any) -> list[FitResult]:
    """Two seeds at a fair rate, which stop early, and two at a rate that overflows."""
    fits = make_fits(family, SMALL, rates=(0.03, 1e30), epochs=60, seeds=2)
    return train(fits, regression, family, patience=2)


@pytest.fixture
def fair(trained: list[FitResult]) -> FitResult:
    """Seed 0 at the fair rate."""
    return trained[0]


def test_results_come_in_the_order_of_the_fits(trained: list[FitResult]) -> None:
    """With an outcome each."""
    assert [(r.fit.trial.learning_rate, r.fit.seed) for r in trained] == [
        (0.03, 0),
        (0.03, 1),
        (1e30, 0),
        (1e30, 1),
    ]
    assert [r.outcome for r in trained] == [Outcome.completed] * 2 + [Outcome.diverged] * 2


def test_patience_ends_a_fit_and_the_best_epoch_is_kept(fair: FitResult) -> None:
    """Exactly two epochs after the best one."""
    assert fair.epochs == fair.best_epoch + 1 + 2 < 60
    assert fair.best("val_loss") == fair.curves["val_loss"].min()


def test_the_kept_weights_are_those_of_the_best_epoch(
    fair: FitResult, family: Any, regression: Arrays
) -> None:
    """A plain model with them reproduces val_loss; so do the losses per row."""
    model = rebuild(family, fair.fit.trial, fair.weights)
    error = (np.asarray(model(regression.x_val)) - regression.y_val) ** 2
    assert error.mean() == pytest.approx(fair.best("val_loss"), rel=1e-5)
    assert fair.row_losses == pytest.approx(error[:, 0], rel=1e-4, abs=1e-6)
    assert fair.row_losses.dtype == np.float32


def test_curves_are_logged_for_every_epoch(fair: FitResult) -> None:
    """All names of the task, in the target's own unit (scale 5)."""
    assert set(fair.curves) == {"loss", "mae", "rmse", "val_loss", "val_mae", "val_rmse"}
    assert {len(curve) for curve in fair.curves.values()} == {fair.epochs}
    assert fair.curves["val_rmse"] == pytest.approx(5 * np.sqrt(fair.curves["val_loss"]))


def test_a_fit_that_overflows_has_diverged(trained: list[FitResult]) -> None:
    """No weights, no best epoch, and a sentence."""
    result = trained[2]
    assert (result.weights, result.row_losses, result.best_epoch) == (None, None, -1)
    assert "learning rate 1e+30 diverged in epoch 1" in result.message
    assert [found.code for found in result.findings] == ["diverged"]
    assert "0.03 is the largest lower rate that trained" in result.findings[0].sentence


def test_seeds_differ(trained: list[FitResult]) -> None:
    """0 and 1 start and go on differently."""
    assert trained[0].curves["loss"][0] != trained[1].curves["loss"][0]


def test_a_fit_does_not_depend_on_its_neighbours(
    trained: list[FitResult], fair: FitResult, regression: Arrays, family: Any, train: Any
) -> None:
    """Trained alone in another program it is the same, bit for bit."""
    alone = train((fair.fit,), regression, family, patience=2)[0]
    assert {name: curve.tolist() for name, curve in alone.curves.items()} == {
        name: curve.tolist() for name, curve in fair.curves.items()
    }
    assert all(np.array_equal(a, b) for a, b in zip(alone.weights, fair.weights, strict=True))


def test_dropout_and_pauses_are_reproducible(
    regression: Arrays, make_family: Any, make_fits: Any, train: Any
) -> None:
    """With dropout and momentum, interrupted to compare rates or not: the same course."""
    family = make_family(regression)
    fits = make_fits(family, SMALL, rates=(0.01, 0.012), epochs=4, seeds=2, dropout=0.5)
    told = {"optimizer": "sgd", "momentum": 0.9}
    through = train(fits, regression, family, **told)
    paused = train(fits, regression, family, **told, drop_after=2, drop_margin=1e9)
    for one, other in zip(through, paused, strict=True):
        assert one.curves["loss"].tolist() == other.curves["loss"].tolist()
        assert one.curves["val_loss"].tolist() == other.curves["val_loss"].tolist()


def test_a_rate_that_falls_behind_is_dropped(
    regression: Arrays, family: Any, make_fits: Any, train: Any
) -> None:
    """It ends after drop_after epochs, keeps its weights, and says why."""
    fits = make_fits(family, SMALL, rates=(1e-6, 0.03), epochs=4, seeds=3)
    slow, _, _, quick, *_ = train(fits, regression, family, drop_after=2)
    assert (slow.outcome, slow.epochs) == (Outcome.dropped, 2)
    assert slow.weights is not None
    assert slow.message.startswith("learning rate 1e-06 was behind 0.03 by")
    assert (quick.outcome, quick.epochs) == (Outcome.completed, 4)


def test_the_area_under_the_curve_can_be_the_objective(
    binary: Arrays, ramp: np.ndarray, make_family: Any, make_fits: Any, train: Any
) -> None:
    """Exact, weighted, and the epoch with the largest one is kept."""
    from sklearn.metrics import roc_auc_score

    arrays = replace(binary, val_weight=ramp[:40])
    family = make_family(arrays)
    objective = Objective("val_auc", Direction.max)
    result = train(make_fits(family, SMALL), arrays, family, objective=objective)[0]
    assert result.best_epoch == result.curves["val_auc"].argmax()
    model = rebuild(family, result.fit.trial, result.weights)
    scores = np.asarray(model(arrays.x_val))[:, 1]
    theirs = roc_auc_score(arrays.y_val[:, 1], scores, sample_weight=ramp[:40])
    assert result.best("val_auc") == pytest.approx(theirs)
    chosen = scores > 0.5
    accuracy = np.average(chosen == arrays.y_val[:, 1], weights=ramp[:40])
    assert result.best("val_accuracy") == pytest.approx(accuracy)


def test_a_stop_cuts_what_is_unfinished(
    regression: Arrays, family: Any, make_fits: Any, train: Any, stopping_control: Any
) -> None:
    """The running fit is cut after its last whole epoch, whose best it keeps; the first is done."""
    fits = make_fits(family, SMALL, epochs=3, seeds=3)
    # Asked once at the start, once before every fit, and once an epoch of a few steps.
    control = stopping_control(1 + 4 + 3)
    done, running, waiting = train(fits, regression, family, control=control)
    assert (done.outcome, done.epochs) == (Outcome.completed, 3)
    assert (running.outcome, running.epochs) == (Outcome.cut, 2)
    assert (waiting.outcome, waiting.epochs) == (Outcome.cut, 0)
    assert waiting.weights is None
    assert running.row_losses.mean() == pytest.approx(running.best("val_loss"), rel=1e-5)
    assert waiting.message == "the budget has ended"


class Broken:
    """A family whose networks cannot be built."""

    def __init__(self, family: Any, error: Exception) -> None:
        """Fail with this error."""
        self.family, self.error = family, error

    def build(self, trial: Any) -> Any:  # noqa: ARG002
        """Fail."""
        raise self.error


def test_out_of_memory_makes_a_fit_infeasible(
    regression: Arrays, family: Any, make_fits: Any, stopping_control: Any
) -> None:
    """With its size in the message; nothing is raised."""
    stack = Stack(0, make_fits(family, SMALL, seeds=3))
    broken: Any = Broken(family, MemoryError("8 GB"))
    fit = engine("fit")
    results = train_or_split(fit, stack, regression, broken, Settings(), stopping_control())
    assert [result.outcome for result in results] == [Outcome.infeasible] * 3
    assert results[0].message == "1x8 (41 parameters) does not fit into memory: 8 GB"


def test_an_error_in_the_program_is_raised(
    regression: Arrays, family: Any, make_fits: Any, train: Any
) -> None:
    """Never recorded as a bad trial."""
    with pytest.raises(ZeroDivisionError):
        train(make_fits(family, SMALL), regression, Broken(family, ZeroDivisionError()))


def test_mixed_precision_keeps_float32_weights(
    regression: Arrays, family: Any, make_fits: Any, train: Any
) -> None:
    """The course is near that of float32, the policy of the process is left alone."""
    import keras

    fits = make_fits(family, SMALL, rates=(0.03,))
    exact = train(fits, regression, family)[0]
    mixed = train(fits, regression, family, mixed_precision=True)[0]
    assert mixed.weights[0].dtype == np.float32
    assert mixed.curves["val_loss"] == pytest.approx(exact.curves["val_loss"], rel=0.1)
    assert mixed.curves["val_loss"].tolist() != exact.curves["val_loss"].tolist()
    assert keras.config.dtype_policy().name == "float32"
