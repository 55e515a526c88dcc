"""The path of the capacity search: the course's surface, look-ahead, limits, failures."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import pytest

from pipeline.config.choices import Encoding
from pipeline.config.schema_search import CapacityConfig, LearningRateConfig, NuisanceConfig
from pipeline.core.records import Outcome, Scored
from tests.search.toy import (
    COURSE,
    Noisy,
    ToyFamily,
    answer_by,
    bowl,
    course,
    course_rules,
    search,
    walk,
)

ONE_RATE = LearningRateConfig(values=[0.003])


def accepted(walked):
    """Return the capacities that the search moved to, in order."""
    moves = {"start", "better", "smaller"}
    return [one.capacity for one in walked.decisions if one.verdict in moves]


def verdicts(walked):
    """Return every verdict on every capacity."""
    return [(one.capacity, one.verdict) for one in walked.decisions]


@pytest.mark.parametrize("executions", [1, 3])
def test_the_course_surface_is_walked_step_by_step(executions):
    """1x100, 1x250, 2x250, 3x250 judged worse, then 3x200 found and chosen (course.md)."""
    walked = walk(search(executions=executions), course)
    assert accepted(walked) == ["linear", "1x100", "1x250", "2x250", "3x200"]
    judged = verdicts(walked)
    assert judged.index(("2x250", "better")) < judged.index(("3x250", "worse"))
    assert judged.index(("3x250", "worse")) < judged.index(("3x200", "better"))
    assert judged[-1] == ("3x200", "chosen")
    assert walked.choice.trial.capacity.label == "3x200"
    assert walked.choice.score == pytest.approx(4.3)


def test_growing_ends_before_shrinking_begins_on_the_course_surface():
    """3x200 is proposed by the shrink phase, not by growing."""
    walked = walk(search(), course)
    phases = {one.capacity: one.phase for one in reversed(walked.decisions)}
    assert phases["3x250"] == "grow"
    assert phases["3x200"] == "shrink"


def test_without_the_linear_model_the_course_path_starts_at_the_start():
    """include_linear=false: the configured start is the first rung."""
    walked = walk(search(course_rules(include_linear=False)), course)
    assert accepted(walked) == ["1x100", "1x250", "2x250", "3x200"]
    assert not any(
        fit.trial.capacity.label == "linear" for one in walked.rounds for fit in one.fits
    )


def test_a_noise_free_search_buys_no_executions():
    """Where nothing tells of noise, more seeds decide nothing."""
    walked = walk(search(), course)
    assert {fit.execution for one in walked.rounds for fit in one.fits} == {0, 1, 2}


def test_a_bump_is_not_the_end():
    """Double descent: one capacity that is worse does not hide a better one beyond it."""
    losses = {"linear": 9.0, "1x100": 5.0, "1x250": 6.0, "1x625": 3.0, "2x100": 7.0}
    score = answer_by(losses)
    assert walk(search(), score).choice.trial.capacity.label == "1x625"
    near = walk(search(course_rules(patience=0)), score)
    assert near.choice.trial.capacity.label == "1x100"


def test_a_table_that_needs_no_network_is_told_so():
    """The linear model wins ties: it is the smallest."""
    walked = walk(search(), answer_by({}))
    assert walked.choice.trial.capacity.label == "linear"
    assert "needs no network" in walked.choice.reason
    assert "no network" in walked.decisions[-1].reason


def test_the_bracket_follows_the_best_rate_and_is_recentred():
    """A best rate on the edge is never concluded on while the ladder goes on."""

    def score(fit):
        off = math.log10(fit.trial.learning_rate / 0.0003)
        return Scored(fit, Outcome.completed, COURSE.get(fit.trial.capacity.label, 6.0) + off * off)

    walked = walk(search(), score)
    first = {fit.trial.learning_rate for fit in walked.rounds[0].fits}
    second = {fit.trial.learning_rate for fit in walked.rounds[1].fits}
    assert first == {0.003, 0.000948683, 0.00948683}
    assert second == {0.0003}
    assert "edge" in walked.rounds[1].reason
    later = [fit for one in walked.rounds[3:5] for fit in one.fits]
    assert {fit.trial.learning_rate for fit in later} <= {0.0001, 0.0003, 0.000948683}


def test_the_rate_between_two_rungs_is_tried_for_the_finalists():
    """The parabola through the bracket places the best rate of the chosen capacity."""
    walked = walk(search(), Noisy(off_rung, 0.0, 0.0))
    assert walked.choice.trial.learning_rate == pytest.approx(0.0017, rel=0.05)
    coarse = walk(search(course_rules(refine=False)), Noisy(off_rung, 0.0, 0.0))
    assert coarse.choice.trial.learning_rate in {0.000948683, 0.003}


def off_rung(trial):
    """Lose away from learning rate 0.0017, half-way between two rungs."""
    loss = COURSE.get(trial.capacity.label, 6.0)
    return loss + 2.0 * math.log10(trial.learning_rate / 0.0017) ** 2


def test_every_round_asks_something_new():
    """No fit is asked for twice."""
    walked = walk(search(), Noisy(bowl))
    names = [fit.name for one in walked.rounds for fit in one.fits]
    assert len(set(names)) == len(names)
    assert [one.number for one in walked.rounds] == list(range(len(walked.rounds)))


def test_equal_executions_share_their_seed_over_all_trials():
    """Comparisons are paired; seed 0 is a seed, and not that of another sweep."""
    seeds = {}
    for fit in (fit for one in walk(search(), Noisy(bowl)).rounds for fit in one.fits):
        assert seeds.setdefault(fit.execution, fit.seed) == fit.seed
        assert fit.fold == 0
    assert len(set(seeds.values())) == len(seeds) > 3
    other = search(seed=1).propose([]).round.fits
    assert {fit.seed for fit in other}.isdisjoint(seeds.values())


def test_with_folds_the_executions_are_the_folds():
    """k-fold: fold = execution, and no close call buys a fold that does not exist."""
    walked = walk(search(executions=4, folds=4), Noisy(bowl))
    fits = [fit for one in walked.rounds for fit in one.fits]
    assert all(fit.fold == fit.execution for fit in fits)
    assert {fit.fold for fit in fits} == {0, 1, 2, 3}


def test_nothing_larger_than_allowed_is_proposed_and_that_is_said():
    """search.max_parameters keeps a capacity out before it is trained."""
    walked = walk(search(course_rules(max_parameters=70_000)), course)
    assert max(fit.trial.parameters for one in walked.rounds for fit in one.fits) <= 70_000
    refused = [one for one in walked.decisions if "max_parameters" in one.reason]
    assert refused
    assert walked.choice.trial.capacity.label == "2x250"


@pytest.mark.parametrize("outcome", [Outcome.diverged, Outcome.infeasible, Outcome.dropped])
def test_what_did_not_complete_never_wins(outcome):
    """However low its score."""

    def score(fit):
        if fit.trial.capacity.label == "2x250":
            return Scored(fit, outcome, 0.1)
        return course(fit)

    walked = walk(search(), score)
    assert walked.choice.trial.capacity.label != "2x250"
    assert all(trial.capacity.label != "2x250" for trial in walked.choice.ranking)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_never_wins(bad):
    """NaN and infinity of either sign are no scores."""

    def score(fit):
        if fit.trial.capacity.label == "1x250" and fit.execution == 1:
            return Scored(fit, Outcome.completed, bad)
        return course(fit)

    walked = walk(search(), score)
    assert walked.choice.trial.capacity.label != "1x250"
    assert ("1x250", "infeasible") in verdicts(walked)


def test_rates_that_all_diverge_move_the_bracket_down():
    """A bracket that is too high altogether is re-centred before the capacity is given up."""

    def score(fit):
        if fit.trial.learning_rate > 0.0005:
            return Scored(fit, Outcome.diverged, math.nan)
        return course(fit)

    walked = walk(search(), score)
    assert walked.choice.trial.capacity.label == "3x200"
    assert walked.choice.trial.learning_rate < 0.0005


def test_a_search_without_a_usable_trial_ends_without_a_choice():
    """Everything diverges: the search stops, and says so of every capacity."""
    walked = walk(search(), lambda fit: Scored(fit, Outcome.diverged, math.nan))
    assert walked.choice is None
    assert {one.verdict for one in walked.decisions} == {"infeasible"}
    assert len(walked.rounds) < 10


def test_the_fuse_ends_the_search_with_a_choice():
    """search.max_rounds: no sweep goes on for ever."""
    walked = walk(search(course_rules(max_rounds=2)), course)
    assert len(walked.rounds) == 2
    assert "max_rounds" in walked.decisions[-2].reason
    assert walked.choice.trial.capacity.label == "1x250"


def test_a_dropped_rate_is_behind_its_bracket():
    """The engine dropped it: the capacity is judged by the rates that were trained to their end."""

    def score(fit):
        if fit.trial.learning_rate > 0.005:
            return replace(course(fit), outcome=Outcome.dropped, score=0.0)
        return course(fit)

    assert walk(search(), score).choice.trial.capacity.label == "3x200"


def test_nuisance_values_are_tuned_one_at_a_time_and_kept():
    """Dropout 0.2 helps everywhere: it is found at the start, not in a full factorial."""
    values = NuisanceConfig(dropout=[0.0, 0.2, 0.5], weight_decay=[0.0, 1e-4])

    def score(fit):
        penalty = abs(float(fit.trial.nuisance_value("dropout", 0.0)) - 0.2)
        return replace(course(fit), score=course(fit).score + penalty)

    walked = walk(search(course_rules(nuisance=values, learning_rate=ONE_RATE)), score)
    assert walked.choice.trial.capacity.label == "3x200"
    assert walked.choice.trial.nuisance_value("dropout", None) == 0.2
    assert walked.choice.trial.nuisance_value("weight_decay", None) == 0.0
    trials = {fit.trial for one in walked.rounds for fit in one.fits}
    capacities = {trial.capacity for trial in trials}
    assert len(trials) <= len(capacities) + 10


def test_another_optimizer_is_tried_at_rates_of_its_own():
    """At the rate that suits the first one it is no better; half a decade above it is."""
    values = NuisanceConfig(optimizer=["adam", "sgd"])

    def score(fit):
        helps = (
            fit.trial.nuisance_value("optimizer", "") == "sgd" and fit.trial.learning_rate > 0.005
        )
        return replace(course(fit), score=course(fit).score - 0.5 * helps)

    walked = walk(search(course_rules(nuisance=values, learning_rate=ONE_RATE)), score)
    at_one_rate = walked.choice.trial.nuisance_value("optimizer", None)
    walked = walk(search(course_rules(nuisance=values)), score)
    assert (at_one_rate, walked.choice.trial.nuisance_value("optimizer", None)) == ("adam", "sgd")


def test_a_nuisance_value_that_only_large_networks_need_is_found_at_the_champion():
    """Larger with dropout beats smaller without: checked again where growing stopped."""
    values = NuisanceConfig(dropout=[0.0, 0.5])

    def score(fit):
        helps = fit.trial.capacity.label in {"2x250", "3x250"}
        dropout = float(fit.trial.nuisance_value("dropout", 0.0))
        change = (-1.0 if helps else 0.5) if dropout else 0.0
        return replace(course(fit), score=course(fit).score + change)

    walked = walk(search(course_rules(nuisance=values, learning_rate=ONE_RATE)), score)
    assert walked.choice.trial.nuisance_value("dropout", None) == 0.5
    assert walked.choice.score == pytest.approx(3.4)


def test_a_family_without_a_linear_model_starts_at_its_start():
    """The simplest is optional."""

    class NoLinear(ToyFamily):
        def simplest(self):
            return None

    walked = walk(search(family=NoLinear()), course)
    assert walked.choice.trial.capacity.label == "3x200"


def test_the_linear_model_gets_the_encoding_that_helped_the_start():
    """What looked like a need for a network may have been a need for an encoding."""
    values = NuisanceConfig(encoding=[Encoding.standard, Encoding.piecewise])

    def score(fit):
        gain = 3.0 if fit.trial.encoding == "piecewise" else 0.0
        linear = 1.5 if fit.trial.capacity.label == "linear" else 0.0
        return replace(course(fit), score=course(fit).score - gain * (1.0 + linear))

    rules = course_rules(nuisance=values, learning_rate=ONE_RATE)
    walked = walk(search(rules), score)
    assert walked.choice.trial.name == "linear lr 0.003 encoding piecewise"


def test_the_first_round_has_seen_what_other_encodings_do():
    """A budget that ends after it knows them: each at the middle rate of the start."""
    values = NuisanceConfig(encoding=[Encoding.standard, Encoding.embedded], bins=[48, 120])
    first, *later = walk(search(course_rules(nuisance=values)), course).rounds
    rates: dict[tuple[str, str], set[float]] = {}
    for fit in first.fits:
        own = fit.trial.capacity.label, fit.trial.encoding
        rates.setdefault(own, set()).add(fit.trial.learning_rate)
    start = first.fits[-1].trial.capacity.label
    assert {own: len(some) for own, some in rates.items()} == {
        ("linear", "standard"): 3,
        (start, "standard"): 3,
        (start, "embedded-48"): 1,
        (start, "embedded-120"): 1,
    }
    assert rates[start, "embedded-48"] < rates[start, "standard"]
    assert later


def test_trials_are_first_compared_on_few_executions():
    """Two after the first round, which tells how noisy seeds are; more for close calls and finalists."""
    walked = walk(search(screen=2), Noisy(bowl))
    first, *later = walked.rounds
    assert {fit.execution for fit in first.fits} == {0, 1, 2}
    counts = Counter(scored.fit.trial for scored in walked.finished)
    assert min(counts.values()) == 2
    assert counts[walked.choice.trial] >= 3
    new = [fit for asked in later if asked.phase != "confirm" for fit in asked.fits]
    assert max(fit.execution for fit in new) < CapacityConfig().grow_executions


def test_the_rate_of_the_best_may_be_the_luckiest_of_its_bracket_too():
    """The last rounds give more executions to other rates that are close, not only to capacities."""

    def score(fit):
        rate, units = fit.trial.learning_rate, fit.trial.capacity.label
        lucky = units == "1x250" and rate == 0.003 and fit.execution < 3
        base = 1.0 if units == "1x250" and rate <= 0.003 else 3.0
        turn = 0.1 * (fit.execution * (1 if rate == 0.003 else 2) % 3 - 1)
        return Scored(fit, Outcome.completed, base + turn - (0.05 if lucky else -0.05))

    rules = course_rules(learning_rate=LearningRateConfig(values=[0.001, 0.003]))
    walked = walk(search(rules), score)
    bought = [asked for asked in walked.rounds if asked.phase == "confirm"]
    rates = {fit.trial.learning_rate for asked in bought for fit in asked.fits}
    assert rates == {0.001, 0.003}
    assert {fit.trial.capacity.label for asked in bought for fit in asked.fits} == {"1x250"}
