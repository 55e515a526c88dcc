"""The walk ahead is the search itself: same rounds on the same scores."""

from __future__ import annotations

import pytest

from pipeline.forecast.rounds import plausible_rounds, walk
from tests.forecast.workplace import bowl, capacity_search
from tests.search.toy import walk as propose_through

ROWS = 10_000
"""Training rows."""


@pytest.mark.parametrize("best", [6.0, 10.0, 14.0])
def test_a_walk_asks_what_the_sweep_will_ask(best: float) -> None:
    """With the scores that the fits will have, the rounds are the very ones of `propose`."""
    search, scores = capacity_search(), bowl(best)
    assert walk(search, scores) == propose_through(search, scores).rounds


def test_plausible_tables_reach_from_small_to_large() -> None:
    """A table that needs no more than the start ends small; one that rewards size ends larger."""
    small, middle, large = (
        max(fit.trial.parameters for one in rounds for fit in one.fits)
        for rounds in plausible_rounds(capacity_search(), ROWS)
    )
    assert small <= middle < large


def test_scores_are_the_same_in_every_walk() -> None:
    """No clock and no chance: a plan says the same twice."""
    assert plausible_rounds(capacity_search(), ROWS) == plausible_rounds(capacity_search(), ROWS)


def test_few_rows_do_not_promise_a_large_network() -> None:
    """The longest walk over a small table ends with a smaller network than that over a large one."""
    small, large = (
        max(
            fit.trial.parameters
            for one in plausible_rounds(capacity_search(), rows)[-1]
            for fit in one.fits
        )
        for rows in (50, 10_000)
    )
    assert small < large
