"""The statistics of a decision: the standard error by hand, and what no draw may break."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.config.choices import Prefer
from pipeline.core.records import Fit, Outcome, Scored, Trial
from pipeline.core.statistics import Units, one_sigma
from pipeline.search import decide
from pipeline.search.choose import Rule, choose, complete_enough, evidence_of, longest, usable
from pipeline.search.ranking import ranking
from tests.search.toy import ToyFamily, capacity

FINITE = st.floats(-1e3, 1e3, allow_nan=False)


def trial(units, rate=0.001):
    """Return a one-layer trial."""
    size = capacity(1, units)
    return Trial(size, rate, ToyFamily().parameters(size))


def results(of, rows=None, scores=None, epochs=5):
    """Return the executions of a trial, from losses per seed and row, or from scores alone."""
    if rows is not None:
        rows = [np.asarray(row, np.float32) for row in rows]
        scores = [float(row.mean()) for row in rows]
    else:
        rows = [None] * len(scores)
    return [
        Scored(Fit(of, n, n, epochs), Outcome.completed, score, row)
        for n, (score, row) in enumerate(zip(scores, rows, strict=True))
    ]


def evidence(units, rows=None, scores=None):
    """Return the evidence on a trial."""
    return evidence_of(results(trial(units), rows, scores))


def test_the_standard_error_is_seeds_plus_rows_less_what_both_contain():
    """Variance of the per-seed means / S + of the per-row means / R - residual / (S R), by hand."""
    one = [[4.0, 2.0, 3.0], [5.0, 3.0, 7.0]]
    other = [[1.0, 1.0, 1.0], [1.0, 2.0, 3.0]]
    gap = decide.difference(evidence(8, one), evidence(16, other))
    # d = [[3, 1, 2], [4, 1, 4]]: seed means 2 and 3, row means 3.5, 1 and 3; residuals 0, 0.5, -0.5
    assert gap.mean == pytest.approx(2.5)
    seeds, rows, both = 0.5 / 2, np.var([3.5, 1.0, 3.0], ddof=1) / 3, 1.0 / 2 / 6
    assert gap.root == pytest.approx(math.sqrt(seeds + rows - both))
    assert gap.seed_share == pytest.approx(seeds / (seeds + rows - both))
    freedom = (seeds + rows - both) ** 2 / (seeds**2 / 1 + rows**2 / 2)
    assert gap.se == pytest.approx(gap.root * one_sigma(freedom))


def test_one_execution_knows_rows_only():
    """One seed says nothing about seeds: all that more executions would tell is still open."""
    gap = decide.difference(evidence(8, [[1.0, 2.0, 4.0]]), evidence(16, [[1.0, 1.0, 1.0]]))
    assert gap.root == pytest.approx(math.sqrt(np.var([0.0, 1.0, 3.0], ddof=1) / 3))
    assert gap.seed_share == 1.0


def test_without_row_losses_seeds_only():
    """Another objective than a mean over rows."""
    gap = decide.difference(evidence(8, scores=[3.0, 5.0]), evidence(16, scores=[1.0, 1.0]))
    assert gap.mean == 3.0
    assert gap.root == pytest.approx(1.0)
    assert gap.se == pytest.approx(1.837, abs=1e-3)  # t of one degree of freedom at one sigma


def test_nothing_known_about_noise_is_no_noise():
    """One execution without rows: every difference counts."""
    gap = decide.difference(evidence(8, scores=[3.0]), evidence(16, scores=[1.0]))
    assert (gap.mean, gap.se) == (2.0, 0.0)


def test_folds_are_replicates():
    """k-fold: the variance between folds, corrected for the training rows that they share."""
    gap = decide.difference(
        evidence(8, scores=[3.0, 5.0, 4.0]), evidence(16, scores=[1.0, 2.0, 3.0]), folds=3
    )
    assert gap.root == pytest.approx(math.sqrt((1 / 3 + 1 / 2) * 1.0))
    assert gap.se == pytest.approx(gap.root * one_sigma(2))
    assert gap.seed_share == 0.0


def test_dealing_the_folds_again_adds_replicates_but_no_rows():
    """Nadeau and Bengio: only the first term shrinks with the repeats."""
    one, other = [3.0, 5.0, 4.0], [1.0, 2.0, 3.0]
    twice = decide.difference(evidence(8, scores=one * 2), evidence(16, scores=other * 2), folds=3)
    assert twice.mean == pytest.approx(2.0)
    assert twice.root == pytest.approx(math.sqrt((1 / 6 + 1 / 2) * 0.8))


def test_a_sample_of_rows_counts_for_all_of_them():
    """The score is over 170,000 rows, of which 4 tell how much rows vary."""
    rows = [[1.0, 2.0, 4.0, 5.0]]
    one = [replace(each, units=Units(170_000)) for each in results(trial(8), rows)]
    other = [replace(each, units=Units(170_000)) for each in results(trial(16), np.zeros((1, 4)))]
    gap = decide.difference(evidence_of(one), evidence_of(other))
    assert gap.root == pytest.approx(math.sqrt(np.var(rows[0], ddof=1) / 170_000))


def test_only_shared_executions_are_compared():
    """Paired by seed: what one trial alone has seen takes no part."""
    long = evidence(8, scores=[1.0, 2.0, 90.0])
    gap = decide.difference(long, evidence(16, scores=[0.0, 1.0]))
    assert (gap.mean, gap.se) == (1.0, 0.0)


def test_row_losses_of_different_rows_are_not_paired():
    """Without the same rows there is no paired difference of rows: seeds only."""
    gap = decide.difference(
        evidence(8, [[1.0, 3.0], [2.0, 2.0]]), evidence(16, [[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]])
    )
    assert gap.root == pytest.approx(math.sqrt(np.var([1.0, 0.0], ddof=1) / 2))


@given(
    st.lists(st.lists(FINITE, min_size=3, max_size=3), min_size=2, max_size=5),
    st.permutations(range(3)),
    st.randoms(use_true_random=False),
)
def test_a_difference_does_not_depend_on_the_order_of_seeds_or_rows(losses, rows, random):
    """And the difference the other way round is its negative, equally sure."""
    rows_of = np.array(losses)
    seeds = list(range(len(losses)))
    random.shuffle(seeds)
    other = np.ones_like(rows_of)
    plain = decide.difference(evidence(8, rows_of), evidence(16, other))
    mixed = decide.difference(evidence(8, rows_of[seeds][:, rows]), evidence(16, other))
    turned = decide.difference(evidence(16, other), evidence(8, rows_of))
    assert plain.mean == pytest.approx(mixed.mean, abs=1e-3)
    assert plain.se == pytest.approx(mixed.se, rel=1e-3, abs=1e-3)
    assert turned.mean == pytest.approx(-plain.mean)
    assert turned.se == pytest.approx(plain.se)


@given(st.lists(FINITE, min_size=1, max_size=9))
def test_the_median_execution_is_never_the_luckiest(scores):
    """At most half of the executions are better; of two, the worse is saved."""
    chosen = scores[decide.median_execution(evidence(8, scores=scores))]
    assert sorted(scores)[len(scores) // 2] == chosen
    assert len(scores) == 1 or chosen >= sorted(scores)[1] or len(scores) % 2


SIZES = st.lists(st.tuples(st.integers(1, 60), FINITE), min_size=1, max_size=8)


@given(SIZES)
def test_nothing_on_the_front_is_beaten_by_something_smaller(points):
    """Pareto: sizes rise, losses fall, and whoever is left out is dominated."""
    known = [evidence(units, scores=[score]) for units, score in points]
    front = decide.pareto(known)
    for before, after in pairwise(front):
        assert before.trial.parameters < after.trial.parameters
        assert before.score > after.score
    for one in known:
        assert any(
            at.trial.parameters <= one.trial.parameters and at.score <= one.score for at in front
        )
    assert decide.knee(front) in front


def test_a_front_may_count_another_size():
    """A larger network may answer sooner: it is on the front of latency and not on that of size."""
    three = [evidence(units, scores=[score]) for units, score in [(4, 3.0), (8, 2.0), (16, 2.5)]]
    assert [one.trial for one in decide.pareto(three)] == [three[0].trial, three[1].trial]
    seconds = {three[0].trial: 2.0, three[1].trial: 3.0, three[2].trial: 1.0}
    found = decide.pareto(three, seconds.__getitem__)
    assert [one.trial for one in found] == [three[2].trial, three[1].trial]


def test_the_knee_is_where_the_front_bends():
    """Most of the gain is had at 64 units."""
    front = decide.pareto(
        [
            evidence(u, scores=[s])
            for u, s in [(4, 9.0), (16, 6.0), (64, 1.2), (256, 1.1), (999, 1.0)]
        ]
    )
    assert decide.knee(front).trial.capacity.label == "1x64"


def test_a_front_that_bends_nowhere_has_no_knee():
    """The last step gains most: the best is taken, not the smallest."""
    for scores in ([1.0, 0.95, 0.2], [1.0, 0.7, 0.2]):
        sized = zip((10, 100, 1000), scores, strict=True)
        front = decide.pareto([evidence(units, scores=[score]) for units, score in sized])
        assert decide.knee(front).trial.capacity.label == "1x1000"


def test_the_smallest_within_one_standard_error_is_chosen():
    """And the sentence names both, the difference and its standard error."""
    seeds = [0.0, 0.2, -0.2]
    small = evidence(8, scores=[1.05 + s for s in seeds])
    large = evidence(64, scores=[1.0 - s for s in seeds])
    choice = choose([small, large], Rule(Prefer.smallest, 1.0))
    assert choice.trial == small.trial
    assert choice.ranking == (small.trial, large.trial)
    assert "1x64" in choice.reason
    assert "+0.05" in choice.reason
    assert choose([small, large], Rule(Prefer.best, 1.0)).trial == large.trial
    assert choose([small, large], Rule(Prefer.smallest, 0.0)).trial == large.trial


def test_ties_are_broken_by_size_and_then_by_name():
    """In whatever order the trials come."""
    same = [evidence(units, scores=[1.0]) for units in (32, 8, 16)]
    for order in (same, same[::-1]):
        for prefer in Prefer:
            assert choose(order, Rule(prefer, 1.0)).trial.capacity.label == "1x8"
    twins = [evidence_of(results(trial(8, rate), scores=[1.0])) for rate in (0.003, 0.001)]
    for order in (twins, twins[::-1]):
        assert choose(order, Rule(Prefer.smallest, 1.0)).trial.learning_rate == 0.001


TABLE = st.lists(
    st.tuples(st.integers(1, 40), st.lists(FINITE, min_size=3, max_size=3)),
    min_size=1,
    max_size=7,
    unique_by=lambda each: each[0],
)


@given(TABLE, st.integers(1, 60), st.floats(0.0, 50.0), st.sampled_from(list(Prefer)[:2]))
def test_adding_a_worse_trial_never_makes_the_result_better(table, units, worse, prefer):
    """Of whatever size, with whatever is added to the chosen trial's scores."""
    assume(units not in {size for size, _ in table})
    known = [evidence(size, scores=scores) for size, scores in table]
    before = choose(known, Rule(prefer, 1.0))
    chosen = next(one for one in known if one.trial == before.trial)
    extra = evidence(units, scores=[score + worse for score in chosen.scores])
    after = choose([*known, extra], Rule(prefer, 1.0))
    assert after.score >= before.score - 1e-9


@given(TABLE, st.data())
def test_a_non_finite_score_never_wins_at_any_position(table, data):
    """NaN or infinity in any execution rules its trial out."""
    finished = [one for size, scores in table for one in results(trial(size), scores=scores)]
    place = data.draw(st.integers(0, len(finished) - 1))
    bad = data.draw(st.sampled_from([math.nan, math.inf, -math.inf]))
    broken = finished[place]
    finished[place] = Scored(broken.fit, Outcome.completed, bad)
    choice = choose(complete_enough(usable(finished), 3), Rule(Prefer.smallest, 1.0))
    if choice is not None:
        assert broken.fit.trial not in choice.ranking
    else:
        assert len(table) == 1


def test_a_cut_search_chooses_from_complete_trials_first():
    """A lucky first execution does not beat trials that have all of theirs."""
    full = evidence(8, scores=[1.0, 1.1, 1.2])
    lucky = evidence(16, scores=[0.9])
    assert complete_enough([full, lucky], 3) == [full]
    assert complete_enough([lucky], 3) == [lucky]
    assert complete_enough([], 3) == []


def test_a_cut_search_takes_what_is_far_ahead_with_fewer_executions():
    """Far beyond noise: then all are compared on as many executions, and the table of trials agrees."""
    poor = evidence_of(results(trial(8, rate=0.1), scores=[0.79, 0.80, 0.78]))
    good = evidence_of(results(trial(8, rate=0.01), scores=[0.45, 0.47]))
    one = evidence(16, scores=[0.44])
    known = complete_enough([poor, good, one], 3)
    assert [(each.trial, each.executions) for each in known] == [(poor.trial, 2), (good.trial, 2)]
    rule = Rule(Prefer.smallest, 1.0)
    assert choose(known, rule).trial == good.trial
    ranked = ranking([poor, good, one], good, rule, 3)
    assert [(each.evidence, each.stands) for each in ranked] == [
        (good, True),
        (one, False),
        (poor, False),
    ]
    assert "best score" in ranked[0].note


def around(*means):
    """Return the losses of 40 rows for each execution, with these means."""
    noise = np.random.default_rng(0).normal(size=(len(means), 40)) * 0.02
    return (np.array(means)[:, None] + noise - noise.mean(axis=1, keepdims=True)).tolist()


def test_a_cut_search_goes_on_to_still_fewer_executions():
    """A third trial far ahead of the second is not left out for having fewer still."""
    poor = evidence(8, around(0.79, 0.80, 0.78))
    good, best = evidence(16, around(0.45, 0.47)), evidence(32, around(0.20))
    known = complete_enough([poor, good, best], 3)
    assert [each.executions for each in known] == [1, 1, 1]
    assert choose(known, Rule(Prefer.smallest, 1.0)).trial == best.trial


def test_a_cut_search_compares_the_executions_that_are_shared():
    """Not the first ones: a fit may end before those with lower numbers."""
    poor = evidence(8, around(0.60, 0.61, 0.62))
    late = evidence(16, around(0.1, 0.1, 0.40)).only([2])
    known = complete_enough([poor, late], 3)
    assert [(each.trial, [*each.results]) for each in known] == [
        (poor.trial, [2]),
        (late.trial, [2]),
    ]
    assert choose(known, Rule(Prefer.smallest, 1.0)).trial == late.trial


def test_fits_that_were_cut_count_where_they_have_a_score():
    """As far as they came, in the last choice; before their first epoch there is nothing to count."""
    for score, known in ((1.0, [trial(8)]), (math.nan, [])):
        (one,) = results(trial(8), scores=[1.0])
        cut = Scored(one.fit, Outcome.cut, score)
        assert [found.trial for found in usable([cut])] == known


def test_of_a_trial_trained_longer_and_longer_the_longest_counts():
    """Hyperband trains one trial at several numbers of epochs."""
    short, long = (
        results(trial(8), scores=[0.5], epochs=3),
        results(trial(8), scores=[0.9], epochs=9),
    )
    assert usable([*long, *short])[0].score == 0.9


def test_the_shorter_trainings_of_a_trial_do_not_count():
    """Hyperband trains one trial several times: the network that is saved is the longest trained."""
    short, long = (
        results(trial(8), scores=[2.0, 2.1], epochs=3),
        results(trial(8), scores=[1.0], epochs=9),
    )
    other = results(trial(16), scores=[3.0], epochs=3)
    assert longest([*short, *long, *other]) == [*long, *other]
    cut = [replace(scored, outcome=Outcome.cut) for scored in long]
    assert longest([*short, *cut]) == short
