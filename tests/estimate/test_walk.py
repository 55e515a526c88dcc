"""The walk ahead is the search itself: same rounds, same choice."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.records import Outcome, Scored
from pipeline.forecast.continuation import Continuation, known_from
from pipeline.forecast.surface import surfaces
from pipeline.forecast.walk import walk
from pipeline.search.protocol import key
from tests.estimate.workplace import bowl, capacity_search
from tests.search.toy import walk as propose_through

if TYPE_CHECKING:
    from pipeline.core.records import Trial


@pytest.mark.parametrize("best", [6.0, 10.0, 14.0])
def test_a_walk_asks_what_the_sweep_will_ask(best: float) -> None:
    """With the scores that the fits will have, the rounds are the very ones of `propose`."""
    search, scores = capacity_search(), bowl(best)
    real = propose_through(search, scores)
    found = walk(search, scores)
    assert list(found.rounds) == real.rounds
    assert found.choice == real.choice


@given(rounds=st.integers(0, 6), best=st.sampled_from([7.0, 11.0]), draw=st.integers(0, 2))
def test_a_walk_from_the_middle_begins_with_what_was_done(
    rounds: int, best: float, draw: int
) -> None:
    """Known fits keep their scores: the rounds so far are those of the sweep, then it goes on."""
    search, scores = capacity_search(), bowl(best)
    real = propose_through(search, scores)
    done = [scores(fit) for one in real.rounds[:rounds] for fit in one.fits]
    known = known_from(done)
    answer = scores if known is None else Continuation(known, 1.5, draw).answer
    found = walk(search, answer, {key(one.fit): one for one in done})
    shared = min(rounds + 1, len(real.rounds))
    assert list(found.rounds[:shared]) == real.rounds[:shared]


def test_plausible_tables_reach_from_small_to_large() -> None:
    """A table that needs no more than the start ends small; one that rewards size ends larger."""
    search = capacity_search()
    found = [walk(search, one.answer) for one in surfaces(search.family, 170, 0.003)]
    sizes = [one.choice.trial.parameters for one in found if one.choice]
    assert len(sizes) == len(found)
    assert max(sizes[:3]) < min(sizes[-3:])


def test_scores_are_the_same_in_every_walk() -> None:
    """No clock and no chance: estimates do not flicker."""
    search = capacity_search()
    table = surfaces(search.family, 170, 0.003)[5]
    assert walk(search, table.answer) == walk(search, table.answer)


def test_luck_is_of_new_trials_and_stays_with_known_ones() -> None:
    """Further executions of a trial differ by seeds alone; a trial to come has luck of its own."""
    search, scores = capacity_search(), bowl(11.0)
    real = propose_through(search, scores)
    known = known_from([scores(fit) for one in real.rounds[:4] for fit in one.fits])
    assert known is not None
    old, new = known.leads[0], real.rounds[4].fits[0].trial
    assert new not in known.of_trial

    def drawn(trial: Trial) -> list[float]:
        fits = [search.executions.fit(trial, number) for number in range(20, 60)]
        answers = [Continuation(known, 0.0, draw).answer(fit) for draw in range(20) for fit in fits]
        for one in answers:
            assert one.row_losses is not None
            assert one.score == pytest.approx(float(one.row_losses.mean()), rel=1e-5)
        return [
            statistics.fmean(one.score for one in answers[at : at + 40]) for at in range(0, 800, 40)
        ]

    of_seeds = known.seeds / math.sqrt(40)
    assert statistics.stdev(drawn(old.trial)) < 2.0 * of_seeds
    assert statistics.fmean(drawn(old.trial)) == pytest.approx(old.score, abs=2.0 * of_seeds)
    assert statistics.stdev(drawn(new)) > 0.5 * known.luck


def test_failed_fits_tell_nothing() -> None:
    """A sweep in which everything diverged so far has nothing to go on from."""
    search = capacity_search()
    first = search.propose([]).round
    assert first is not None
    failed = [Scored(fit, Outcome.diverged, float("nan")) for fit in first.fits]
    assert known_from(failed) is None


def test_growing_in_vain_makes_more_growth_unlikely() -> None:
    """And a clear gain makes it likely."""
    search = capacity_search()
    small, large = (propose_through(search, bowl(best)) for best in (7.0, 15.0))
    in_vain = known_from([s for s in small.finished if s.round == 0] + small.finished)
    paying = known_from([bowl(15.0)(fit) for one in large.rounds[:3] for fit in one.fits])
    assert in_vain is not None
    assert paying is not None
    assert in_vain.assumptions()[0][1] > 0.9
    assert paying.assumptions()[0][1] < 0.5
    for known in (in_vain, paying):
        assert sum(likelihood for _, likelihood in known.assumptions()) == pytest.approx(1.0)
