"""Baselines are fitted on training rows and predict in the units of the arrays."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.core.records import Arrays
from pipeline.evaluation import baselines
from pipeline.evaluation.baselines import BASELINES, fit_baselines
from pipeline.evaluation.scores import all_scores


def _arrays(*, regression: bool, rows: int = 400) -> Arrays:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 4)).astype(np.float32)
    signal = x[:, 0] + 2 * (x[:, 1] > 0)
    if regression:
        y = signal[:, None].astype(np.float32)
    else:
        y = np.eye(3, dtype=np.float32)[np.digitize(signal, [0.3, 1.8])]
    half = rows // 2
    return Arrays(x[:half], y[:half], x[half:], y[half:], regression=regression)


@pytest.mark.parametrize("regression", [True, False])
def test_better_baselines_score_better_on_a_plain_relation(*, regression: bool) -> None:
    """Constant, linear, boosting: in this order of skill on a step function."""
    arrays = _arrays(regression=regression)
    losses = []
    for name, predict in fit_baselines(arrays, seed=0).items():
        predicted = predict(arrays.x_val)
        assert predicted.shape == arrays.y_val.shape, name
        losses.append(all_scores(arrays.y_val, predicted, regression=regression)["loss"])
    assert len(losses) == len(BASELINES)
    assert losses[0] > losses[1] > losses[2]


def test_a_class_absent_from_training_gets_probability_zero() -> None:
    """Columns stay aligned with the classes of the table."""
    arrays = _arrays(regression=False)
    keep = arrays.y_train[:, 2] == 0
    without = Arrays(
        arrays.x_train[keep], arrays.y_train[keep], arrays.x_val, arrays.y_val, regression=False
    )
    for predict in fit_baselines(without, seed=0).values():
        shares = predict(arrays.x_val)
        assert shares[:, 2].max() == 0
        assert shares.sum(axis=1) == pytest.approx(np.ones(len(shares)))


def test_a_class_of_one_row_in_a_large_table_leaves_no_baseline_out() -> None:
    """Boosting that stops early parts each class in two."""
    arrays = _arrays(regression=False, rows=20_100)
    y = np.zeros((len(arrays.y_train), 4), np.float32)
    y[:, :3] = arrays.y_train
    y[5] = [0, 0, 0, 1]
    lone = Arrays(arrays.x_train, y, arrays.x_val[:10], y[-10:], regression=False)
    assert set(fit_baselines(lone, 0)) == set(BASELINES)


@pytest.mark.parametrize("regression", [True, False])
def test_baselines_with_enough_time_are_the_same(*, regression: bool) -> None:
    """Their few first iterations, which are timed, leave nothing behind."""
    arrays = _arrays(regression=regression)
    free, timed = fit_baselines(arrays, 0), fit_baselines(arrays, 0, seconds=600.0)
    for name in BASELINES:
        assert timed[name].share == 1.0
        np.testing.assert_array_equal(timed[name](arrays.x_val), free[name](arrays.x_val))


def test_baselines_without_time_make_few_iterations_and_say_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A budget ends: boosting makes as many trees as there is time for, and is not called whole."""
    fitted = fit_baselines(_arrays(regression=False), 0, seconds=0.0)
    assert fitted["constant"].share == 1.0
    assert 0.0 < fitted["gradient_boosting"].share < 0.1
    assert "gradient_boosting was given 5 % of its iterations" in caplog.text


def test_a_baseline_that_fails_is_left_out_and_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The sweep would lose its champion otherwise, for the sake of what stands beside it."""

    class Failing:
        def fit(self, *_: object, **__: object) -> None:
            raise MemoryError

    whole = baselines._models
    monkeypatch.setattr(
        baselines, "_models", lambda seed, **kind: whole(seed, **kind) | {"linear": Failing()}
    )
    assert list(fit_baselines(_arrays(regression=True), 0)) == ["constant", "gradient_boosting"]
    assert "the baseline linear could not be fitted: MemoryError" in caplog.text
