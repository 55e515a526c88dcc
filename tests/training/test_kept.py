"""The training loss of kept weights is what Keras evaluates, whoever trained them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pipeline.core.records import Outcome
from pipeline.training import kept
from pipeline.training.families.mlp import of_widths
from pipeline.training.kept import KeptRows
from pipeline.training.metrics import normalised
from pipeline.training.models import rebuild

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.core.family import Family
    from pipeline.core.records import Arrays, FitResult

ENGINES = pytest.mark.parametrize("kind", ["fit", "stacked"])
RAMP = np.linspace(0.5, 3.0, 75).astype(np.float32)
BUILDER = """
import keras


def penalised(capacity, trial, inputs, outputs):
    layer = keras.layers.Dense(outputs, kernel_regularizer="l2", activity_regularizer="l2")
    return keras.Sequential([keras.Input(inputs), layer])
"""


@pytest.fixture
def tools(make_family: Any, make_fits: Any, train: Any, stopping_control: Any) -> tuple[Any, ...]:
    """Return fixtures together."""
    return make_family, make_fits, train, stopping_control


def evaluated(
    result: FitResult, arrays: Arrays, family: Family, weight: np.ndarray | None, **rows: Any
) -> float:
    """Return what `keras.Model.evaluate` says of the training rows."""
    assert result.weights is not None
    network = rebuild(family, result.fit.trial, result.weights)
    network.compile(loss=arrays.loss, run_eagerly=True)  # one batch is not worth a trace
    x, y = (part[rows.get("at", slice(None))] for part in (arrays.x_train, arrays.y_train))
    return float(network.evaluate(x, y, len(x), verbose=0, sample_weight=normalised(weight)))


@pytest.mark.slow
@ENGINES
@pytest.mark.parametrize(
    "model",
    [{"batch_normalization": True}, {"family": "tabm", "members": 3}],
    ids=["normalised, averaged", "tabm"],
)
def test_it_is_what_keras_evaluates(
    kind: str,
    model: dict[str, Any],
    regression: Arrays,
    make_family: Any,
    make_fits: Any,
    train: Any,
) -> None:
    """Rows with weights, dropout, two widths in one stack; the curve while it ran is another number.

    The reference trains each width apart: there the second would be the first once more.
    """
    arrays = replace(regression, train_weight=RAMP)
    family = make_family(arrays, **model)
    sizes = (of_widths(9), of_widths(16))[: 1 if kind == "fit" else 2]
    own = {"dropout": 0.4, **({} if "members" in model else {"ema": 0.8})}
    fits = [fit for size in sizes for fit in make_fits(family, size, (0.03,), 6, 2, **own)]
    for result in train(tuple(fits), arrays, family, kind):
        found = evaluated(result, arrays, family, RAMP)
        assert result.train_loss == pytest.approx(found, rel=1e-5)
        assert result.train_loss != pytest.approx(result.best("loss"), rel=0.01)
        assert result.train_sample == 0


@ENGINES
def test_class_weights_do_not_count_as_in_validation(
    kind: str, binary: Arrays, make_family: Any, make_fits: Any, train: Any
) -> None:
    """Else a weighted training loss would lie beside a validation loss that is not."""
    of_class = np.array([0.6, 4.0], np.float32)
    weight = of_class[binary.y_train.argmax(axis=1)] * RAMP
    arrays = replace(binary, train_weight=weight, class_weight=of_class)
    family = make_family(arrays)
    (result,) = train(make_fits(family, of_widths(8), (0.03,), 3), arrays, family, kind)
    assert result.train_loss == pytest.approx(evaluated(result, arrays, family, RAMP), rel=1e-5)


@ENGINES
@pytest.mark.parametrize("stopped", [False, True])
def test_of_many_rows_a_fixed_choice_is_measured(
    kind: str, stopped: bool, regression: Arrays, tools: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says how many; fewer where a sweep is told to stop, also of a fit that is cut."""
    make_family, make_fits, train, stopping_control = tools
    monkeypatch.setattr(kept, "FEW_ROWS" if stopped else "MOST_ROWS", 41)
    family = make_family(regression)
    control = stopping_control(5 if kind == "fit" else 2) if stopped else None
    fits = make_fits(family, of_widths(8), (0.03,), 40)
    (result,) = train(fits, regression, family, kind, control)
    assert (result.outcome is Outcome.cut) == stopped
    at = np.sort(np.random.default_rng(0).choice(75, 41, replace=False))
    found = evaluated(result, regression, family, None, at=at)
    assert (result.train_loss, result.train_sample) == (pytest.approx(found, rel=1e-5), 41)


def test_few_validation_rows_have_few_training_rows_beside_them(regression: Arrays) -> None:
    """They are passed through in portions as large as the validation rows."""
    few = replace(regression, x_val=regression.x_val[:1], y_val=regression.y_val[:1])
    rows = KeptRows(few)
    assert (len(rows), rows.sample) == (64, 64)
    assert [len(y) for _, y, _ in rows.portions(30)] == [30, 30, 4]


@ENGINES
def test_what_leaves_no_network_has_none(
    kind: str, regression: Arrays, make_family: Any, make_fits: Any, train: Any
) -> None:
    """A rate that diverges beside one that trains."""
    family = make_family(regression)
    fits = make_fits(family, of_widths(8), (1e25, 0.03), 3)
    broken, sound = train(fits, regression, family, kind)
    assert broken.outcome is Outcome.diverged
    assert np.isnan(broken.train_loss)
    assert np.isfinite(sound.train_loss)


@pytest.mark.slow
def test_a_users_penalties_count_as_in_validation(
    regression: Arrays,
    make_family: Any,
    make_fits: Any,
    train: Any,
    tmp_path: Path,
    monkeypatch: Any,
) -> None:
    """On weights and on outputs, by Keras' own sum."""
    (tmp_path / "with_penalties.py").write_text(BUILDER)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    family = make_family(regression, builder="with_penalties:penalised")
    arrays = replace(regression, x_val=regression.x_train, y_val=regression.y_train)
    (result,) = train(make_fits(family, of_widths(8), (0.03,), 3), arrays, family)
    assert result.train_loss == pytest.approx(result.best("val_loss"), rel=1e-5)
    assert result.train_loss == pytest.approx(evaluated(result, arrays, family, None), rel=1e-5)
    assert result.row_losses is not None
    assert result.train_loss > 1.01 * result.row_losses.mean()
