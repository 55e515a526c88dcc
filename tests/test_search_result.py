"""How a search ends when a limit ends it: the best so far is chosen, also among fits that were cut."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.core.records import Outcome, Scored
from pipeline.evaluation.stand import sentence
from pipeline.search.choose import longest
from pipeline.session.standing import result_of
from tests.forecast.workplace import bowl, capacity_search, fit

ENDED = "budget.seconds=60 ended after 55 s"


def cut(one: Scored, score: float | None = None) -> Scored:
    """Return a fit as if the budget had cut it."""
    return replace(one, outcome=Outcome.cut, score=one.score if score is None else score)


def small_and_large() -> tuple[list[Scored], list[Scored]]:
    """Return the fits of a network and of a larger one, which scores better."""
    scores = bowl(13.0)
    return tuple([scores(fit(width, execution=n)) for n in range(3)] for width in (8, 64))


def ended(finished: list[Scored], stopped: list[tuple[Scored, int]], reason: str = ENDED):
    """Return how a capacity search ends with these fits."""
    search = capacity_search()
    proposal = search.propose([])
    return result_of(search, proposal, finished, reason, stopped)


def test_what_was_cut_is_chosen_where_nothing_else_is_there() -> None:
    """The decision says after how many epochs, and that a longer run would go on."""
    _, large = small_and_large()
    found = ended([], [(cut(one), 4 + n) for n, one in enumerate(large)])
    assert found.status == "budget"
    assert found.choice.trial == large[0].fit.trial
    words = "Cut by the budget: 3 of its fits were stopped after 4 to 6 epochs; a longer run would"
    assert words in found.choice.reason
    assert found.decisions[-1].reason == found.choice.reason


def test_what_was_cut_is_chosen_where_it_is_better_than_what_is_done() -> None:
    """Its network is there and its score is true; one that is worse changes nothing."""
    small, large = small_and_large()
    better = ended(small, [(cut(one), 5) for one in large])
    assert better.choice.trial == large[0].fit.trial
    assert "5 epochs" in better.choice.reason
    worse = ended(small, [(cut(one, 9.0), 1) for one in large])
    assert worse.choice.trial == small[0].fit.trial
    assert "Cut" not in worse.choice.reason


def test_what_was_cut_decides_no_round() -> None:
    """While the search goes on it is as if it were not there."""
    search = capacity_search()
    first = search.propose([]).round
    again = search.propose([cut(bowl()(one)) for one in first.fits]).round
    assert again == first


def test_without_one_epoch_there_is_no_choice() -> None:
    """Exit code 3 is for this alone."""
    assert ended([], []).choice is None


@pytest.mark.parametrize("outcome", [Outcome.completed, Outcome.cut])
def test_of_a_trial_of_two_lengths_the_one_that_is_done_counts(outcome: Outcome) -> None:
    """Hyperband trains survivors anew and longer: cut early, they are no better than before."""
    short, long = bowl()(fit(8, epochs=6)), bowl()(fit(8, epochs=18))
    counted = longest([short, replace(long, outcome=outcome)])
    assert [one.fit.epochs for one in counted] == [18 if outcome is Outcome.completed else 6]


def test_the_round_that_was_not_finished_is_named() -> None:
    """With what would have followed."""
    small, _ = small_and_large()
    found = ended(small, [])
    assert found.reason.startswith(f"{ENDED}; not tried: ")


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (None, "best baseline, has loss 0.700: the network is worth having (0.500 ± 0.010 apart"),
        (0.05, "but gradient boosting had time for 5.0 % of its iterations: that says little"),
    ],
)
def test_a_baseline_that_was_cut_proves_little(share: float | None, words: str) -> None:
    """A network that beats five trees is not called worth having for it."""
    boosting = {"test_loss": 0.7, "test_lag": 0.5, "test_lag_se": 0.01, "iterations_share": share}
    constant = {"test_loss": 1.0, "test_lag": 0.8, "test_lag_se": 0.01}
    champion = {"test_loss": 0.2, "layers": 1, "kind": "single", "objective": "val_loss"}
    beside = {"constant": constant, "gradient_boosting": boosting, "single": {"test_loss": 0.2}}
    said = sentence({"champion": champion, "baselines": beside}).replace("\N{NO-BREAK SPACE}", " ")
    assert words in said
    assert ("worth having" in said) == (share is None)
