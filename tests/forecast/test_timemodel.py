"""Plans: the range holds what a sweep then does, what is remembered is told again, what a budget cuts."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import fingerprint
from pipeline.config.compose import compose
from pipeline.config.schema import BudgetConfig
from pipeline.core.files import CACHE
from pipeline.data import prepare
from pipeline.forecast import history
from pipeline.forecast.history import Rates
from pipeline.forecast.rounds import walk
from pipeline.forecast.stacktime import Path, RoundTime, path_of_rounds
from pipeline.forecast.timemodel import first_cut, prospect
from pipeline.session.trainer import Trainer
from pipeline.training.families.mlp import of_widths
from tests.forecast.workplace import bowl, capacity_search, times

if TYPE_CHECKING:
    from pipeline.forecast.timemodel import TimeModel

KNOWN = Rates(sweeps=3)
PATHS = st.builds(
    Path,
    st.floats(0.0, 100.0),
    st.lists(
        st.builds(
            RoundTime,
            st.sampled_from(["start", "grow", "shrink", "confirm"]),
            st.integers(1, 9),
            st.integers(1, 60),
            st.integers(1, 4),
            st.floats(0.0, 500.0),
            st.floats(0.0, 9.0),
        ),
        min_size=1,
        max_size=12,
    ).map(tuple),
    st.floats(0.0, 100.0),
    st.integers(1, 99),
    st.tuples(st.integers(1, 9), st.integers(10, 9999)),
)


def real(sweep: TimeModel, best: float) -> Path:
    """Return the sweep as it would go on a table with an optimum at so many doublings."""
    rounds = walk(capacity_search(sweep), bowl(best))
    beside = sweep.startup_seconds, sweep.ending_seconds
    return path_of_rounds(rounds, sweep.time, sweep.limits, *beside)


@pytest.mark.parametrize("rows", [680, 22_000])
@pytest.mark.parametrize("best", [7.0, 8.0, 10.0, 12.0, 14.0])
def test_the_range_holds_what_a_sweep_then_does(best: float, rows: int) -> None:
    """Tables that need little and tables that need much; its programs kept or not."""
    sweep = times(KNOWN, rows)
    found, path = sweep.forecast(set()), real(sweep, best)
    assert found.basis == "simulated"
    assert found.low <= path.again <= path.again + path.compiling <= found.high
    assert found.low <= found.likely.again <= found.high


def test_a_plan_counts_the_parameters_of_embedded_numbers() -> None:
    """It is of the networks that the sweep trains: an embedding has weights of its own."""
    config = compose(["experiment=plain", "search.nuisance.encoding=[embedded]"])
    family = prospect(config).times.time.workload.family
    trained = Trainer.of(config, prepare(config.data, config.seed)).family
    name = config.search.nuisance.encodings[0]
    assert family.parameters(of_widths(8), name) == trained.parameters(of_widths(8), name)
    assert family.parameters(of_widths(8), name) > family.parameters(of_widths(8))


def test_a_machine_that_was_never_measured_has_a_wider_range() -> None:
    """A factor of two."""
    guess, known = (times(rates).forecast(set()) for rates in (Rates(), KNOWN))
    assert guess.low < known.low < known.high < guess.high


def test_a_limit_on_size_limits_the_plan() -> None:
    """No plan names a network that the sweep would refuse."""
    found = times(KNOWN, 680, "search.max_parameters=1000").forecast(set())
    assert max(way.parameters[1] for way in found.ways) <= 1000


def test_a_counted_search_is_as_long_as_its_space() -> None:
    """Forty trials are forty trials."""
    found = times(KNOWN, 680, "search=random", "search.trials=40", "search.round=10").forecast(
        set()
    )
    assert (found.basis, found.likely.trials, len(found.likely.rounds)) == ("counted", 40, 4)
    assert found.low < found.likely.again < found.high


def test_a_sweep_that_ran_is_planned_as_it_went(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rounds again, without what it compiled; but not on a cluster."""
    monkeypatch.setenv(CACHE, str(tmp_path))
    sweep = times(KNOWN)
    path = real(sweep, 9.0)
    identity = fingerprint(sweep.config), "digest", "mark"
    history.keep(sweep.machine, KNOWN, identity, sweep.table.rows, path)
    found = sweep.forecast({"digest"})
    assert found.basis == "remembered"
    assert found.ways == (path.scaled(1.0),)
    assert found.low < path.again < found.high
    assert sweep.forecast({"of other rows"}).basis == "grown"
    assert times(KNOWN, 680, "compute=ray").forecast({"digest"}).basis == "simulated"


@given(path=PATHS, seconds=st.floats(0.1, 3000.0), fits=st.integers(1, 400))
def test_a_budget_cuts_what_is_beyond_it(path: Path, seconds: float, fits: int) -> None:
    """Nothing is cut exactly where the whole sweep keeps the limit; never more than there is."""
    cut = first_cut(path, BudgetConfig(seconds=seconds))
    whole = path.again + path.compiling
    if abs(whole - seconds) > 1e-6:
        assert (cut is None) == (whole <= seconds)
    if cut is not None:
        trained = [0, *accumulate(one.fits for one in path.rounds)]
        assert trained[cut.round] <= cut.fits <= trained[cut.round + 1]
    by_fits = first_cut(path, BudgetConfig(fits=fits))
    assert (by_fits is None) == (path.fits <= fits)
    if by_fits is not None:
        assert (by_fits.fits, by_fits.budget) == (fits, f"budget.fits={fits}")


@given(path=PATHS, seconds=st.floats(1.0, 1000.0), more=st.floats(0.0, 1000.0))
def test_a_larger_budget_trains_no_less(path: Path, seconds: float, more: float) -> None:
    """Fits that are trained grow with the budget."""
    small, large = (first_cut(path, BudgetConfig(seconds=one)) for one in (seconds, seconds + more))
    assert large is None or (small is not None and small.fits <= large.fits)


def test_the_tightest_budget_is_named() -> None:
    """Money is time at a price."""
    rounds = RoundTime("start", 6, 18, 2, 100.0), RoundTime("grow", 6, 18, 2, 100.0)
    path = Path(10.0, rounds, 10.0, 12, (1, 9))
    cut = first_cut(path, BudgetConfig(seconds=150.0, fits=30, cost=1.0, cost_per_hour=36.0))
    assert cut is not None
    assert (cut.budget, cut.round, cut.fits) == ("budget.cost=1", 0, 14)
