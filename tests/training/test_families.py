"""Families: capacities, neighbours, limits and parameter counts. Hardly any of it needs Keras."""

from __future__ import annotations

import math
from math import prod
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config.choices import EMBEDDED, SearchKind, WidthShape
from pipeline.config.schema import ModelConfig
from pipeline.config.schema_search import CapacityConfig, OtherSearchConfig, SpaceConfig
from pipeline.core.errors import ConfigError
from pipeline.core.names import Grid
from pipeline.core.records import Trial
from pipeline.training import families
from pipeline.training.families import family
from pipeline.training.families.mlp import LINEAR, of_widths
from pipeline.training.models import initial_weights

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.any_backend

TABLE = {"standard": (10,), "piecewise": (60,)}
IMAGE = {"standard": (28, 28, 1)}


def mlp(
    space: dict[str, Any] | None = None, model: dict[str, Any] | None = None, **search: Any
) -> Any:
    """Return an MLP family on a table of 10 inputs and 2 classes."""
    config = CapacityConfig(space=SpaceConfig(**(space or {})), **search)
    return family(ModelConfig(**(model or {})), config, TABLE, 2, regression=False)


def cnn(space: dict[str, Any] | None = None, **search: Any) -> Any:
    """Return a CNN family on images of 28 x 28 and 10 classes."""
    config = CapacityConfig(space=SpaceConfig(**(space or {})), **search)
    return family(ModelConfig(family="cnn"), config, IMAGE, 10, regression=False)


def labels(capacities: Any) -> list[str]:
    """Return the labels of capacities."""
    return [capacity.label for capacity in capacities]


def test_labels_are_the_words_of_the_course() -> None:
    """2x250 for equal widths, 50-32 for others, linear for none."""
    assert labels([of_widths(250, 250), of_widths(50, 32), of_widths()]) == [
        "2x250",
        "50-32",
        "linear",
    ]


def test_grow_and_shrink_as_in_the_course() -> None:
    """100 grows to 250, 250 shrinks to 200 and 160, with growth 2.5 and shrink 0.8."""
    found = mlp({"units_max": 1000}, start_units=100, growth=2.5)
    wider = found.wider(found.start())
    assert labels([found.start(), wider, found.deeper(wider)]) == ["1x100", "1x250", "2x250"]
    narrower = found.narrower(wider)
    assert labels([narrower, found.narrower(narrower)]) == ["1x200", "1x160"]


def test_the_linear_model_is_the_first_rung() -> None:
    """No hidden layer is simplest; deeper from it is the start."""
    found = mlp()
    assert found.simplest() == LINEAR
    assert found.deeper(LINEAR) == found.start()
    assert found.shallower(found.start()) == LINEAR
    assert [found.wider(LINEAR), found.narrower(LINEAR), found.shallower(LINEAR)] == [None] * 3


@pytest.mark.parametrize("unwanted", [{"include_linear": False}, {"space": {"layers_min": 1}}])
def test_the_linear_model_can_be_left_out(unwanted: dict[str, Any]) -> None:
    """Neither the first rung nor the end of shrinking."""
    found = mlp(**unwanted)
    assert found.simplest() is None
    assert found.shallower(found.start()) is None


def test_neighbours_end_at_the_limits() -> None:
    """Wider is clipped to units_max, then None; the same below; no layer beyond layers_max."""
    found = mlp({"units_min": 20, "units_max": 50, "layers_max": 2})
    widest = found.wider(found.start())
    assert widest == of_widths(50)
    assert found.wider(widest) is None
    narrowest = found.narrower(of_widths(24))
    assert narrowest == of_widths(20)
    assert found.narrower(narrowest) is None
    assert found.deeper(of_widths(32, 32)) is None


def test_the_largest_network_keeps_the_parameter_limit_at_every_encoding() -> None:
    """Wider ends at the widest network that fits with the larger input, too."""
    found = mlp(max_parameters=5000)
    widest = found.wider(of_widths(64))
    assert found.parameters(widest, "piecewise") <= 5000
    assert found.parameters(of_widths(widest["units"] + 1), "piecewise") > 5000
    assert found.deeper(widest) is None


def test_the_start_moves_inside_the_limits() -> None:
    """A start that is too large becomes the largest that fits; too deep: shallower."""
    small = mlp(start_units=500, max_parameters=1000).start()
    assert small["layers"] == 1
    assert 8 <= small["units"] < 500
    assert mlp({"layers_max": 2}, start_layers=4).start()["layers"] == 2
    assert mlp(max_parameters=130).start() == LINEAR


def test_a_limit_below_the_simplest_network_is_refused() -> None:
    """The message names the key and the value, whatever the search."""
    grid = OtherSearchConfig(kind=SearchKind.grid, max_parameters=10)
    with pytest.raises(ConfigError, match=r"search\.max_parameters=10"):
        mlp(max_parameters=10)
    with pytest.raises(ConfigError, match=r"search\.max_parameters=10"):
        family(ModelConfig(), grid, TABLE, 2, regression=False)


def test_taper_halves_from_layer_to_layer() -> None:
    """64-32-16, never below units_min, and neighbours keep the shape."""
    found = mlp({"units_min": 10}, {"shape": WidthShape.taper}, start_layers=3, start_units=64)
    start = found.start()
    assert start.label == "64-32-16"
    assert labels([found.wider(start), found.deeper(start), found.shallower(start)]) == [
        "128-64-32",
        "64-32-16-10",
        "64-32",
    ]


def test_grid_has_every_depth_with_every_width() -> None:
    """Configured units, or powers of two in the range; each once."""
    found = mlp({"layers_max": 2, "units": [100, 10]}).enumerate()
    assert labels(found) == ["linear", "1x10", "1x100", "2x10", "2x100"]
    powers = mlp({"layers_min": 1, "layers_max": 1, "units_min": 9, "units_max": 40}).enumerate()
    assert labels(powers) == ["1x16", "1x32"]
    narrow = mlp({"layers_min": 1, "layers_max": 1, "units_min": 33, "units_max": 40}).enumerate()
    assert labels(narrow) == ["1x33", "1x40"]


def test_listed_architectures_replace_the_grid() -> None:
    """The configured networks, in their order."""
    found = mlp({"architectures": [[50, 32], [], [10, 10]]}).enumerate()
    assert labels(found) == ["50-32", "linear", "2x10"]


@given(
    layers=st.integers(1, 6),
    units=st.integers(1, 600),
    batch_normalization=st.booleans(),
    shape=st.sampled_from(WidthShape),
)
def test_wider_and_deeper_always_cost_parameters(
    layers: int, units: int, batch_normalization: bool, shape: WidthShape
) -> None:
    """The count rises strictly with the width, and with the depth where widths are equal."""
    model = {"batch_normalization": batch_normalization, "shape": shape}
    found = mlp({"units_min": 1, "units_max": 2000, "layers_max": 10}, model)
    here = found.of(layers, units)
    assert found.parameters(found.wider(here)) > found.parameters(here)
    narrower = found.narrower(here)
    assert narrower is None or found.parameters(narrower) < found.parameters(here)
    if shape is WidthShape.constant:
        assert found.parameters(found.deeper(here)) > found.parameters(here)


@given(
    start=st.tuples(st.integers(0, 8), st.integers(1, 900)),
    limits=st.tuples(st.integers(1, 50), st.integers(50, 400), st.integers(1, 5)),
    budget=st.none() | st.integers(700, 10**6),
    moves=st.lists(st.sampled_from(["wider", "deeper", "narrower", "shallower"]), max_size=12),
)
def test_no_walk_leaves_the_limits(
    start: Any, limits: Any, budget: int | None, moves: list[str]
) -> None:
    """Wherever grow and shrink lead, layers, units and parameters stay inside."""
    units_min, units_max, layers_max = limits
    space = {"units_min": units_min, "units_max": units_max, "layers_max": layers_max}
    found = mlp(space, start_layers=start[0], start_units=start[1], max_parameters=budget)
    here = found.start()
    for move in moves:
        here = getattr(found, move)(here) or here
        layers, units = found.size(here)
        assert layers <= layers_max
        assert layers == 0 or units_min <= units <= units_max
        assert budget is None or found.parameters(here, "piecewise") <= budget


COUNTED = [
    (mlp(), ["linear", "1x8", "3x16"]),
    (
        mlp({"architectures": [[50, 32], [3, 7, 5]]}, {"batch_normalization": True}),
        ["50-32", "3-7-5"],
    ),
    (mlp(model={"family": "tabm", "members": 3}), ["linear", "1x8", "3x16"]),
    (
        mlp({"units": [5]}, {"family": "tabm", "members": 2, "batch_normalization": True}),
        ["2x5"],
    ),
    (cnn({"layers_max": 3, "units": [4, 6]}), ["linear", "1x4-64", "2x6-64", "3x4-64"]),
    (cnn({"layers_max": 4, "units": [2], "head_units": 0}), ["4x2"]),
    (
        family(
            ModelConfig(), CapacityConfig(space=SpaceConfig(units=[5])), IMAGE, 10, regression=False
        ),
        ["1x5"],
    ),
]


@pytest.mark.parametrize(("found", "some"), COUNTED)
def test_the_closed_form_is_the_trainable_count_of_the_model(found: Any, some: list[str]) -> None:
    """For every family, with and without BatchNormalization, on tables and images."""
    by_label = {capacity.label: capacity for capacity in found.enumerate()}
    if "linear" in some:
        by_label["linear"] = found.simplest()
    for label in some:
        model = found.build(Trial(by_label[label], 1.0, 0, (("dropout", 0.1),)))
        counted = sum(prod(weight.shape) for weight in model.trainable_weights)
        assert counted == found.parameters(by_label[label]), label


def test_unit_axes_describe_every_weight() -> None:
    """As many entries as axes, and a padded axis is as long as its layer is wide."""
    found = mlp(model={"batch_normalization": True})
    widths = (6, 9)
    trial = Trial(of_widths(*widths), 1.0, 0)
    weights = found.build(trial).get_weights()
    axes = found.unit_axes(trial.capacity)
    assert [len(own) for own in axes] == [weight.ndim for weight in weights]
    for weight, own in zip(weights, axes, strict=True):
        for length, layer in zip(weight.shape, own, strict=True):
            assert length == ({0: 6, 1: 9}[layer] if layer is not None else length)
    assert axes[-2:] == ((1, None), (None,))


def test_unit_axes_of_members_describe_every_weight() -> None:
    """The first scales have no units, the members' heads have those of the last layer."""
    found = mlp(model={"family": "tabm", "members": 3})
    trial = Trial(of_widths(6, 9), 1.0, 0)
    weights = found.build(trial).get_weights()
    axes = found.unit_axes(trial.capacity)
    assert [len(own) for own in axes] == [weight.ndim for weight in weights]
    lengths = {0: 6, 1: 9}
    for weight, own in zip(weights, axes, strict=True):
        for length, layer in zip(weight.shape, own, strict=True):
            assert layer is None or length == lengths[layer]
    assert axes[0] == (None, None)
    assert axes[-2:] == ((None, 1, None), (None,))


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("others", [0, 3])
@pytest.mark.parametrize("name", ["mlp", "tabm"])
def test_embedded_numbers_are_counted_and_described(
    name: str, others: int, normalised: bool
) -> None:
    """Parameters in closed form, an axis entry for every weight, and a first guess linear in each number."""
    grid = Grid(slots=5, numbers=2)
    shapes = {"standard": (4,), "embedded-4": (grid.slots * grid.numbers + others,)}
    model = ModelConfig(family=name, members=3, batch_normalization=normalised)
    grids = {"embedded-4": grid}
    found = family(model, CapacityConfig(), shapes, 2, regression=False, grids=grids)
    for widths in ((), (6,), (6, 9)):
        trial = Trial(of_widths(*widths), 1.0, 0, (("encoding", "embedded-4"),))
        built = found.build(trial)
        weights, axes = built.get_weights(), found.unit_axes(trial.capacity, trial.encoding)
        trained = sum(math.prod(weight.shape) for weight in built.trainable_weights)
        assert trained == found.parameters(trial.capacity, trial.encoding)
        assert [len(own) for own in axes] == [weight.ndim for weight in weights]
        lengths = dict(enumerate(widths))
        for weight, own in zip(weights, axes, strict=True):
            for length, layer in zip(weight.shape, own, strict=True):
                assert layer is None or length == lengths[layer]
        kernel, offsets = initial_weights(found, trial, seed=1)[:2]
        assert kernel.shape == (5, 2, EMBEDDED)
        if not normalised:  # which would subtract them again
            assert offsets.shape == (2, EMBEDDED)
        assert kernel[0].all()
        assert not kernel[1:].any()


def test_a_cnn_never_halves_an_image_away() -> None:
    """28 pixels can be halved 4 times, whatever layers_max says."""
    found = cnn({"layers_max": 9})
    assert found.deeper(found.of(4, 8)) is None
    assert found.deeper(found.of(3, 8)) == found.of(4, 8)
    with pytest.raises(ConfigError, match="at most 4 blocks"):
        cnn({"layers_min": 5, "layers_max": 9})


def test_a_cnn_needs_images() -> None:
    """A table is refused with the way out."""
    with pytest.raises(ConfigError, match=r"model=cnn: needs images.*model=mlp"):
        family(ModelConfig(family="cnn"), CapacityConfig(), TABLE, 2, regression=False)


def test_an_unknown_family_is_refused_with_the_nearest_name() -> None:
    """A typo is answered with what exists."""
    with pytest.raises(
        ConfigError, match=r"must be one of builder, cnn, mlp, tabm.*did you mean mlp"
    ):
        family(ModelConfig(family="mpl"), CapacityConfig(), TABLE, 2, regression=False)


FOURTH = """
from pipeline.training.families.mlp import Mlp


def create(scope):
    return Mlp(scope, name="fourth")
"""


def test_a_fourth_family_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module beside the others is found by its name."""
    (tmp_path / "fourth.py").write_text(FOURTH)
    monkeypatch.setattr(families, "__path__", [*families.__path__, str(tmp_path)])
    found = family(ModelConfig(family="fourth"), CapacityConfig(), TABLE, 2, regression=False)
    assert found.name == "fourth"


def test_members_are_saved_without_code_of_ours(tmp_path: Path) -> None:
    """Stock layers only: Keras loads several networks in one in safe mode, with the same numbers."""
    import keras
    import numpy as np

    found = mlp(model={"family": "tabm", "members": 3})
    model = found.build(Trial(of_widths(6, 9), 1.0, 0, (("dropout", 0.1),)))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    rows = np.random.default_rng(0).normal(size=(7, 10)).astype(np.float32)
    here, there = (np.asarray(one(rows, training=False)) for one in (model, loaded))
    assert here.shape == (7, 2)
    assert np.array_equal(here, there)
