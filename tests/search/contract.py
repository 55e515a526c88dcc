"""What every search promises, as checks that take a fresh search; tests call them one by one."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline.core.records import Outcome, Scored
from pipeline.search.protocol import missing
from tests.search.toy import Noisy, bowl, walk

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.search.protocol import Searcher

    Make = Callable[[int], Searcher]


def sequence(make: Make, seed: int) -> str:
    """Return everything that a search asks, decides and chooses, as one string."""
    walked = walk(make(seed), Noisy(bowl))
    rounds = [[(fit.name, fit.seed, fit.epochs) for fit in one.fits] for one in walked.rounds]
    reasons = [one.reason for one in walked.decisions]
    return json.dumps([rounds, reasons, walked.choice.trial.name])


def check_any_prefix_gives_the_same_next_round(make: Make) -> None:
    """Replaying the ledger: a fresh search, fed what was finished in any order, asks the same."""
    walked = walk(make(0), Noisy(bowl))
    step = max(len(walked.finished) // 5, 1)
    cuts = [*range(0, len(walked.finished), step), len(walked.finished)]
    shuffled = random.Random(0)  # noqa: S311 - an order, not a secret
    for cut in cuts:
        finished = walked.finished[:cut]
        in_order = make(0).propose(finished)
        shuffled.shuffle(finished)
        mixed = make(0).propose(finished)
        assert in_order.round == mixed.round
        assert in_order.decisions == mixed.decisions
        if in_order.round is not None:
            assert in_order.round == walked.rounds[in_order.round.number]
            assert set(missing(in_order.round, finished)) <= set(in_order.round.fits)
        assert in_order.decisions == walked.decisions[: len(in_order.decisions)]


def check_one_search_can_be_asked_again(make: Make) -> None:
    """A search that has gone on still answers for an earlier state: it holds none of its own."""
    search = make(0)
    walked = walk(search, Noisy(bowl))
    again = search.propose(walked.finished[:0])
    assert again.round == walked.rounds[0]
    assert search.propose(walked.finished).choice == walked.choice


def check_cut_fits_are_asked_again(make: Make) -> None:
    """A round with a cut fit is not complete."""
    first = make(0).propose([]).round
    done = [Noisy(bowl)(fit) for fit in first.fits]
    done[-1] = replace(done[-1], outcome=Outcome.cut)
    again = make(0).propose(done)
    assert again.round == first
    assert missing(first, done) == first.fits[-1:]


def check_what_failed_never_wins(make: Make) -> None:
    """NaN, infinities, diverged, dropped and infeasible trials are not ranked, however low."""
    bad = [
        (Outcome.completed, math.nan),
        (Outcome.completed, -math.inf),
        (Outcome.completed, math.inf),
        (Outcome.diverged, -9.0),
        (Outcome.infeasible, -9.0),
        (Outcome.dropped, -9.0),
    ]
    answer = Noisy(bowl)
    failed = set()

    def score(fit):
        kind = sum(fit.trial.name.encode()) % 12
        if kind >= len(bad):
            return answer(fit)
        failed.add(fit.trial)
        return Scored(fit, *bad[kind])

    walked = walk(make(0), score)
    assert failed
    assert walked.choice is not None
    assert failed.isdisjoint(walked.choice.ranking)
    assert math.isfinite(walked.choice.score)


def check_nothing_usable_gives_no_choice(make: Make) -> None:
    """The search ends, without a choice."""
    walked = walk(make(0), lambda fit: Scored(fit, Outcome.diverged, math.nan))
    assert walked.choice is None
    assert make(0).choose(walked.finished) is None
    assert make(0).choose([]) is None


def check_a_cut_search_has_a_best_so_far(make: Make) -> None:
    """After any number of fits; after all of them it is the choice."""
    walked = walk(make(0), Noisy(bowl))
    search = make(0)
    for cut in range(1, len(walked.finished), 11):
        best = search.choose(walked.finished[:cut])
        assert best.trial == best.ranking[0]
        assert len(set(best.ranking)) == len(best.ranking)
    assert search.choose(walked.finished) == walked.choice


def check_the_choice_is_explained(make: Make) -> None:
    """Every decision is a sentence; the last one names the chosen capacity and its score."""
    walked = walk(make(0), Noisy(bowl))
    for one in walked.decisions:
        assert one.reason.endswith(".")
        assert one.verdict
        assert 0 <= one.round < len(walked.rounds)
    last = walked.decisions[-1]
    assert last.verdict == "chosen"
    assert last.reason == walked.choice.reason
    assert f"{walked.choice.score:.4g}" in last.reason
