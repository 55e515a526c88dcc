"""What both engines start from and log: metrics, initial weights, optimizers, settings."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config.choices import SearchKind
from pipeline.config.schema import ModelConfig, SweepConfig, TrainingConfig
from pipeline.config.schema_data import DataConfig
from pipeline.config.schema_search import CapacityConfig, OtherSearchConfig
from pipeline.core.records import Arrays, Direction, Objective, Trial
from pipeline.training.engine import is_out_of_memory
from pipeline.training.families.mlp import of_widths
from pipeline.training.metrics import auc, finished_curves, normalised
from pipeline.training.models import draw_of, initial_weights
from pipeline.training.optimizers import optimizer_for
from pipeline.training.settings import Settings

MAXIMISED = Objective("val_accuracy", Direction.max)
TRIAL = Trial(of_widths(2), 0.01, 10)


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 6), st.booleans(), st.floats(0.1, 3)), min_size=2, max_size=30
    )
)
def test_auc_is_scikit_learns(rows: list[tuple[int, bool, float]]) -> None:
    """Ties count one half, weights count, one class alone has none."""
    from sklearn.metrics import roc_auc_score

    scores, positive, weight = (np.array(column) for column in zip(*rows, strict=True))
    if positive.all() or not positive.any():
        assert np.isnan(auc(scores, positive, weight))
    else:
        theirs = roc_auc_score(positive, scores, sample_weight=weight)
        assert auc(scores, positive, weight) == pytest.approx(theirs)


def test_errors_are_logged_in_the_targets_own_unit(regression: Arrays) -> None:
    """Scale 5: a squared error of 4 standard units is a root mean squared error of 10."""
    raw = {"loss": [9.0], "mae": [2.0], "val_loss": [4.0], "val_mae": [1.0]}
    found = finished_curves(raw, regression)
    assert (found["rmse"], found["mae"], found["val_rmse"], found["val_mae"]) == (15, 10, 10, 5)
    assert found["val_loss"] == 4


def test_weights_are_scaled_to_mean_one() -> None:
    """So that Keras' mean over rows is the weighted mean."""
    assert normalised(np.array([1.0, 3.0], "f4")).tolist() == [0.5, 1.5]
    assert normalised(None) is None


@pytest.mark.parametrize(
    "name", ["glorot_uniform", "he_normal", "lecun_normal", "orthogonal", "random_normal", "ones"]
)
def test_draws_have_the_distribution_of_keras(name: str) -> None:
    """Mean, spread and extremes of 60,000 numbers."""
    keras.utils.set_random_seed(0)
    initializer = keras.initializers.get(name)
    ours = draw_of(initializer, (300, 200))(np.random.default_rng(0))
    theirs = np.asarray(keras.ops.convert_to_numpy(initializer((300, 200))))
    assert ours.dtype == np.float32
    assert ours.mean() == pytest.approx(theirs.mean(), abs=5e-3)
    assert ours.std() == pytest.approx(theirs.std(), rel=0.02, abs=1e-9)
    assert np.abs(ours).max() == pytest.approx(np.abs(theirs).max(), rel=0.25)


def test_initial_weights_depend_on_the_seed_alone(regression: Arrays, make_family: Any) -> None:
    """Not on what was built or drawn before; 0 is a seed like any other."""
    family = make_family(regression)
    first = initial_weights(family, TRIAL, 0)
    keras.utils.set_random_seed(7)
    family.build(TRIAL)
    again = initial_weights(make_family(regression), TRIAL.with_rate(9.0), 0)
    other = initial_weights(family, TRIAL, 1)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])
    assert not np.array_equal(first[0][:2, :2], first[2][:2, :2])


@pytest.mark.parametrize("name", ["adam", "SGD", "RMSprop", "lion", "adamw"])
def test_any_keras_optimizer_by_name(name: str) -> None:
    """With the trial's learning rate and weight decay."""
    trial = Trial(of_widths(2), 0.125, 10, (("weight_decay", 0.25),))
    made = optimizer_for(Settings(optimizer=name), trial)
    assert type(made).__name__.lower() == name.lower()
    assert float(made.learning_rate) == 0.125
    assert made.weight_decay == 0.25


def test_momentum_goes_to_those_that_have_it() -> None:
    """SGD and RMSprop; Adam has none."""
    told = {"momentum": 0.5}
    assert optimizer_for(Settings(optimizer="sgd", **told), TRIAL).momentum == 0.5
    assert optimizer_for(Settings(optimizer="rmsprop", **told), TRIAL).momentum == 0.5
    assert not hasattr(optimizer_for(Settings(optimizer="adam", **told), TRIAL), "momentum")


def test_settings_are_read_from_the_configuration() -> None:
    """The capacity search brings its drop rule; no other search has one."""
    training = TrainingConfig(
        optimizer="sgd", momentum=0.9, patience=3, min_delta=0.1, batch_size=7
    )
    config = SweepConfig(DataConfig(), ModelConfig(), CapacityConfig(drop_after=5), training)
    found = Settings.from_config(config, MAXIMISED)
    assert (found.optimizer, found.momentum, found.patience) == ("sgd", 0.9, 3)
    assert (found.min_delta, found.batch_size, found.drop_after) == (0.1, 7, 5)
    assert found.objective is MAXIMISED
    config.search = OtherSearchConfig(kind=SearchKind.grid)
    assert Settings.from_config(config).drop_after == 0


def test_out_of_memory_is_told_from_other_errors() -> None:
    """By type, or by what XLA says."""
    xla = type("XlaRuntimeError", (RuntimeError,), {})
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(xla("RESOURCE_EXHAUSTED: Out of memory allocating 8 bytes"))
    assert not is_out_of_memory(xla("INVALID_ARGUMENT"))
    assert not is_out_of_memory(ValueError("out of memory"))
