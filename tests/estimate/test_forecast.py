"""Plans: the likely sweep inside its range, what is remembered exact, what a budget cuts."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config.choices import SearchKind
from pipeline.config.schema_search import CapacityConfig, OtherSearchConfig
from pipeline.forecast.calibration import Calibration
from pipeline.forecast.cut import Limit, cost, first_cut
from pipeline.forecast.forecast import counted, of_path, path_of_rounds, simulated
from pipeline.forecast.path import Leg, Path
from pipeline.forecast.remembered import Remembered, remembered
from pipeline.forecast.walk import walk
from pipeline.search.executions import Executions
from tests.estimate.workplace import ROOMY, TABLE, bowl, capacity_search, stack_time

PATHS = st.builds(
    Path,
    st.floats(0.0, 100.0),
    st.lists(
        st.builds(
            Leg,
            st.sampled_from(["start", "grow", "shrink", "confirm"]),
            st.integers(1, 9),
            st.integers(1, 60),
            st.integers(1, 4),
            st.floats(0.0, 500.0),
        ),
        min_size=1,
        max_size=12,
    ).map(tuple),
    st.floats(0.0, 100.0),
    st.integers(1, 99),
    st.tuples(st.integers(1, 9), st.integers(10, 9999)),
)


def test_a_simulated_sweep_has_a_range() -> None:
    """The likely seconds lie inside, and the networks are some that the space allows."""
    found = simulated(capacity_search(), TABLE, stack_time(), ROOMY)
    assert found.low < found.likely.seconds < found.high
    assert found.shortest.fits <= found.likely.fits <= found.longest.fits
    assert found.basis == "simulated"
    assert found.likely.parameters[0] == 11  # linear: ten weights and a bias


@pytest.mark.parametrize("best", [8.0, 10.0, 12.0, 14.0])
def test_the_range_holds_what_a_sweep_then_does(best: float) -> None:
    """Tables that need little and tables that need much, on a machine as calibrated."""
    search, time = capacity_search(), stack_time(Calibration(sweeps=3))
    found = simulated(search, TABLE, time, ROOMY)
    real = path_of_rounds(walk(search, bowl(best)).rounds, TABLE, time, ROOMY)
    assert found.low <= real.seconds <= found.high


def test_a_limit_on_size_limits_the_plan() -> None:
    """No plan names a network that the sweep would refuse."""
    rules = CapacityConfig(max_parameters=1000)
    found = simulated(capacity_search(rules), TABLE, stack_time(), ROOMY)
    assert found.longest.parameters[1] <= 1000


def test_a_counted_search_is_as_long_as_its_space() -> None:
    """Forty trials are forty trials."""
    config = OtherSearchConfig(kind=SearchKind.random, trials=40, round=10)
    found = counted(config, Executions(0, 60, 3, 3), TABLE, stack_time(), ROOMY)
    assert (found.likely.trials, found.likely.fits, len(found.likely.legs)) == (40, 120, 4)
    assert found.low < found.likely.seconds < found.high


@given(path=PATHS)
def test_a_remembered_sweep_is_predicted_as_it_was(path: Path) -> None:
    """Through the file and back, on a calibrated machine and on others."""
    import json
    from dataclasses import asdict

    before = Remembered("f", "d", "m", "here", 100, path)
    assert remembered(json.loads(json.dumps(asdict(before)))) == before
    found = of_path(path, "remembered", Calibration(sweeps=1))
    assert found.likely == path
    assert found.low <= path.seconds <= found.high
    guess = of_path(path, "remembered", Calibration())
    assert guess.high >= found.high


@given(path=PATHS, seconds=st.floats(0.0, 3000.0), fits=st.integers(1, 400))
def test_a_budget_cuts_what_is_beyond_it(path: Path, seconds: float, fits: int) -> None:
    """Nothing is cut exactly where the whole sweep keeps the limit; never more than there is."""
    cut = first_cut(path, Limit(seconds=seconds))
    assert (cut is None) == (path.seconds <= seconds)
    if cut is not None:
        trained = [0, *accumulate(leg.fits for leg in path.legs)]
        assert trained[cut.leg] <= cut.fits <= trained[cut.leg + 1]
        assert cut.phases[0] == path.legs[cut.leg].phase
    by_fits = first_cut(path, Limit(fits=fits))
    assert (by_fits is None) == (path.fits <= fits)
    if by_fits is not None:
        assert by_fits.fits == fits
        assert by_fits.budget == f"budget.fits={fits}"


@given(path=PATHS, seconds=st.floats(1.0, 1000.0), more=st.floats(0.0, 1000.0))
def test_a_larger_budget_trains_no_less(path: Path, seconds: float, more: float) -> None:
    """Fits that are trained grow with the budget."""
    small, large = (first_cut(path, Limit(seconds=one)) for one in (seconds, seconds + more))
    assert large is None or (small is not None and small.fits <= large.fits)


def test_the_tightest_budget_is_named() -> None:
    """Money is time at a price."""
    path = Path(
        10.0, (Leg("start", 6, 18, 2, 100.0), Leg("grow", 6, 18, 2, 100.0)), 10.0, 12, (1, 9)
    )
    limit = Limit(seconds=150.0, fits=30, cost=1.0, cost_per_hour=36.0)
    cut = first_cut(path, limit)
    assert cut is not None
    assert cut.budget == "budget.cost=1"
    assert (cut.leg, cut.fits) == (0, 14)
    assert cost(1800.0, 3.0) == pytest.approx(1.5)
    assert cost(1800.0, None) is None
