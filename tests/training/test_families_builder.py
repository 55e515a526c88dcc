"""The user's own networks: found by name, counted by building, and checked."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.config.schema import ModelConfig
from pipeline.config.schema_search import CapacityConfig
from pipeline.core.errors import ConfigError
from pipeline.core.records import Trial
from pipeline.training.families import family
from pipeline.training.families.mlp import of_widths
from pipeline.training.models import draws_of, initial_weights

if TYPE_CHECKING:
    from pathlib import Path

TABLE = {"standard": (10,)}

BUILDER = """
import random

import keras


def residual(capacity, trial, inputs, outputs):
    x = given = keras.Input(inputs)
    for _ in range(capacity["layers"]):
        x = keras.layers.Dense(capacity["units"], activation="relu")(x)
    x = keras.layers.Concatenate()([x, given])
    return keras.Model(given, keras.layers.Dense(outputs, activation="softmax")(x))


class Silent(keras.layers.Layer):
    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 2), initializer="glorot_uniform", name="own")

    def call(self, x):
        return keras.ops.softmax(x @ self.kernel)


def silent(capacity, trial, inputs, outputs):
    return keras.Sequential([keras.Input(inputs), Silent()])


def beside_another_thread(**asked):
    random.random()
    return silent(**asked)


def wrong(capacity, trial, inputs, outputs):
    return keras.Sequential([keras.Input(inputs), keras.layers.Dense(outputs + 1)])


def nothing(capacity, trial, inputs, outputs):
    return None
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`own(function)`: the family around a function in a module of the working directory."""
    (tmp_path / "my_networks.py").write_text(BUILDER)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")  # as `python -m` does

    def made(name: str) -> Any:
        return family(ModelConfig(builder=name), CapacityConfig(), TABLE, 2, regression=False)

    return made


def test_a_builder_that_was_edited_is_read_again(own: Any, tmp_path: Path) -> None:
    """Between two cells of a notebook, not during a sweep: what is trained is what is written down."""
    found = own("my_networks:residual")
    with pytest.raises(ConfigError, match="no function newer"):
        own("my_networks:newer")
    file = tmp_path / "my_networks.py"
    file.write_text(BUILDER.replace("residual", "newer"))
    assert found.build(Trial(of_widths(4), 0.01, 9)).count_params() > 0
    own("my_networks:newer")
    with pytest.raises(ConfigError, match="no function residual"):
        own("my_networks:residual")


def test_a_module_that_the_user_has_imported_is_read_again_too(own: Any, tmp_path: Path) -> None:
    """Tried in a cell, edited, swept."""
    (tmp_path / "tried_networks.py").write_text(BUILDER)
    importlib.import_module("tried_networks")
    (tmp_path / "tried_networks.py").write_text(BUILDER.replace("residual", "newer"))
    own("tried_networks:newer")


def test_a_builder_is_searched_like_an_mlp_and_counted_by_building(own: Any) -> None:
    """The user's network counts what it really has, here a skip connection."""
    found = own("my_networks:residual")
    assert found.wider(of_widths(32)) == of_widths(64)
    assert found.parameters(of_widths(4)) == 10 * 4 + 4 + (4 + 10) * 2 + 2
    assert not found.stackable


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my_networks", "must be package.module:function"),
        ("my_networks:", "must be package.module:function"),
        ("no_such_module:f", "no_such_module cannot be imported"),
        ("my_networks:f", "my_networks has no function f"),
    ],
)
def test_a_builder_that_leads_nowhere_is_refused(own: Any, name: str, message: str) -> None:
    """Each mistake has its own sentence."""
    with pytest.raises(ConfigError, match=message):
        own(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [("wrong", r"must be \(None, 2\)"), ("nothing", "must return a keras.Model")],
)
def test_what_a_builder_returns_is_checked(own: Any, name: str, message: str) -> None:
    """No model, or a model with other outputs than the targets, is refused."""
    with pytest.raises(ConfigError, match=message):
        own(f"my_networks:{name}").build(Trial(of_widths(4), 1.0, 0))


def test_what_other_threads_draw_changes_no_initial_weight(own: Any) -> None:
    """Where Keras draws: its seeds come from no random numbers that a notebook's threads share."""
    alone, beside = own("my_networks:silent"), own("my_networks:beside_another_thread")
    trial = Trial(of_widths(()), 0.01, 22)
    assert draws_of(alone, trial) is None
    drawn = [initial_weights(one, trial, 7) for one in (alone, beside)]
    assert all((a == b).all() for a, b in zip(*drawn, strict=True))
    assert drawn[0][0].any()
