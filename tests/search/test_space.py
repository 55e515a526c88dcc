"""The ladder of learning rates, and the nuisance values that count."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.config.choices import Encoding, SearchKind
from pipeline.config.schema_search import (
    LearningRateConfig,
    NuisanceConfig,
    OtherSearchConfig,
    SpaceConfig,
)
from pipeline.search.confirm import vertex
from pipeline.search.space import Choices, LogRange, Space, ladder
from tests.search.toy import ToyFamily, capacity

RATE = st.floats(1e-6, 1.0)


def test_the_default_bracket_is_half_a_decade_around_the_start():
    """Adam's usual optimum with one rate on either side."""
    rates = ladder(LearningRateConfig())
    assert rates.bracket(rates.first) == (0.000948683, 0.003, 0.00948683)


@given(RATE, RATE, RATE, st.floats(1.5, 10.0), st.integers(1, 5))
def test_a_bracket_never_leaves_its_limits(low, high, centre, step, points):
    """Wherever it is centred; it holds its centre's rung and at most as many rates as configured."""
    assume(high > 2.0 * low)
    config = LearningRateConfig(
        low=low, high=high, start=math.sqrt(low * high), step=step, points=points
    )
    rates = ladder(config)
    bracket = rates.bracket(centre)
    assert 1 <= len(bracket) <= points
    assert all(low * 0.999 <= rate <= high * 1.001 for rate in bracket)
    assert rates.rungs[rates.nearest(centre)] in bracket
    assert list(rates.rungs) == sorted(set(rates.rungs))


@given(st.lists(RATE, min_size=1, max_size=6, unique=True))
def test_a_list_of_rates_is_tried_whole(values):
    """Whatever the parent's best was."""
    rates = ladder(LearningRateConfig(values=values))
    for rate in values:
        assert rates.bracket(rate) == rates.rungs


def test_moving_up_and_down_the_ladder_comes_back_to_the_same_rate():
    """Rates are rungs: rounding never makes two of one."""
    rates = ladder(LearningRateConfig(low=1e-6, high=1.0))
    for rung in rates.rungs[1:-1]:
        assert rates.beyond(rates.beyond(rung, +1), -1) == rung
    assert rates.beyond(rates.rungs[0], -1) is None


def test_a_bracket_of_two_looks_on_both_sides_when_moved():
    """An even number of points has no middle."""
    rates = ladder(LearningRateConfig(points=2))
    assert rates.around(0.003) == (0.000948683, 0.003, 0.00948683)


def test_nuisance_values_that_do_nothing_are_left_out():
    """A trial's name holds what was declared, no more."""
    assert NuisanceConfig().values() == {}
    declared = NuisanceConfig(dropout=[0.0, 0.2], batch_size=[64], encoding=[Encoding.robust])
    assert declared.values() == {
        "batch_size": (64,),
        "dropout": (0.0, 0.2),
        "encoding": ("robust",),
    }


@given(st.floats(-3.0, 3.0), st.floats(0.1, 5.0), st.floats(-2.0, 2.0))
def test_the_vertex_of_a_parabola_is_found(bottom, bend, floor):
    """Exactly, and never outside its three points."""
    xs = (-1.0, 0.0, 1.5)
    x, gain = vertex([(x, floor + bend * (x - bottom) ** 2) for x in xs])
    assert x == pytest.approx(min(max(bottom, -1.0), 1.5), abs=1e-6)
    assert gain >= -1e-9


def test_points_that_do_not_bend_upwards_have_no_vertex():
    """No gain is promised where there is no minimum."""
    assert vertex([(0.0, 3.0), (1.0, 2.0), (2.0, 1.0)]) == (1.0, 0.0)


def other_space(kind=SearchKind.random, **changes):
    """Return a space of another search."""
    return Space(
        OtherSearchConfig(kind=kind, **changes), ToyFamily(), is_grid=kind is SearchKind.grid
    )


def test_layers_and_units_are_axes_where_the_capacities_are_their_product():
    """Searches that know order profit from it."""
    space = other_space()
    assert space.axes[:2] == (Choices("layers", (1, 2)), Choices("units", (16, 32, 64)))
    assert space.axes[2] == LogRange("learning_rate", 1e-4, 3e-2)
    trial = space.trial(
        {"layers": 2, "units": 32, "learning_rate": 0.0123456789, "tuner/epochs": 3}
    )
    assert trial.capacity == capacity(2, 32)
    assert trial.learning_rate == 0.0123457


def test_a_trial_has_its_values_as_they_were_declared():
    """KerasTuner hands out 0 for false: the trial's name and fit key are those of every other search."""
    space = other_space(nuisance=NuisanceConfig(batch_normalization=[False, True]))
    point = {"layers": 1, "units": 16, "learning_rate": 0.01, "batch_normalization": 0}
    assert space.trial(point).name == "1x16 lr 0.01 batch_normalization False"


def test_listed_networks_are_one_axis_by_size():
    """They are no product of anything."""

    class Listed(ToyFamily):
        def enumerate(self):
            return capacity(2, 64), capacity(1, 8), capacity(2, 16)

    space = Space(OtherSearchConfig(kind=SearchKind.grid), Listed(), is_grid=True)
    assert space.axes[0] == Choices("capacity", (0, 1, 2))
    labels = [space.trial({"capacity": n, "learning_rate": 0.1}).capacity.label for n in range(3)]
    assert labels == ["1x8", "2x16", "2x64"]


def test_a_grid_takes_its_points_from_the_range():
    """Both limits, even in the logarithm."""
    rates = LearningRateConfig(low=1e-4, high=1e-2, points=3)
    space = other_space(SearchKind.grid, learning_rate=rates, space=SpaceConfig())
    assert space.axes[2] == Choices("learning_rate", (0.0001, 0.001, 0.01))
