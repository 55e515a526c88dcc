"""The time left where the same sweep has run before."""

from __future__ import annotations

import pytest

from pipeline.forecast.inround import InRound
from pipeline.forecast.path import Leg, Path
from pipeline.forecast.timeleft import TimeLeft
from pipeline.training.planner import plan_stacks
from tests.estimate.workplace import ROOMY, fit, stack_time

LEGS = tuple(Leg("grow", 1, 1, 1, seconds) for seconds in (3.0, 5.0, 7.0, 11.0))
REMEMBERED = Path(4.0, LEGS, 5.0, 4, (1, 9))


def round_to_come() -> InRound:
    """Return a round of one fit that is about to begin."""
    time = stack_time()
    return InRound(plan_stacks((fit(32),), time.workload, ROOMY), time, set())


WORK = round_to_come().left()


@pytest.mark.parametrize("first", [0, 1, 3])
def test_a_resumed_sweep_has_the_rounds_behind_it_behind_it(first: int) -> None:
    """It begins in the middle: what another process has done is not expected again."""
    left = TimeLeft(REMEMBERED)
    for number in range(first, len(LEGS)):
        here = round_to_come()
        left.begin_round(number, here)
        behind = sum(leg.seconds for leg in LEGS[number + 1 :])
        expected = left.correction.seconds(here.left()) + behind
        assert left.training(0.0) == pytest.approx(expected)
        left.end_round(1, WORK, LEGS[number].seconds)


def test_a_slower_day_is_found_out_from_the_rounds_of_this_process() -> None:
    """Twice as slow in the second round: the third and fourth are expected to take longer too."""
    left = TimeLeft(REMEMBERED)
    for number, seconds in ((1, 10.0), (2, None)):
        here = round_to_come()
        left.begin_round(number, here)
        if seconds is not None:
            left.end_round(1, WORK, seconds)
    found = left.training(0.0)
    assert found is not None
    behind = found - left.correction.seconds(here.left())
    assert 1.2 * LEGS[3].seconds < behind < 2.0 * LEGS[3].seconds


def test_a_round_that_is_resumed_counts_for_its_share() -> None:
    """Half of it was done before: half of its time is no sign of a machine twice as fast."""
    legs = tuple(Leg("grow", 2, 2, 2, seconds) for seconds in (30.0, 50.0, 70.0))
    left = TimeLeft(Path(4.0, legs, 5.0, 4, (1, 9)))
    left.begin_round(0, round_to_come())
    left.end_round(2, WORK, 15.0)
    here = round_to_come()
    left.begin_round(1, here)
    found = left.training(0.0)
    assert found is not None
    assert found - left.correction.seconds(here.left()) == pytest.approx(70.0)


def test_a_search_that_goes_another_way_forgets_the_path() -> None:
    """As many fits as remembered, or nothing is known of what follows."""
    left = TimeLeft(REMEMBERED)
    here = round_to_come()
    left.begin_round(0, here)
    left.end_round(2, WORK, 3.0)
    left.begin_round(1, round_to_come())
    assert not left.is_known
    assert left.training(0.0) is None
