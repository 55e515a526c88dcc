"""What the capacity search says of its decisions: the numbers agree, and what is said follows."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config.choices import Prefer
from pipeline.config.schema_search import LearningRateConfig, NuisanceConfig
from pipeline.core.records import Outcome, Scored
from pipeline.search.choose import evidence_of, leads
from tests.search.toy import (
    Noisy,
    ToyFamily,
    answer_by,
    bowl,
    capacity,
    course,
    course_rules,
    search,
    walk,
    walk_directly,
)

ONE_RATE = LearningRateConfig(values=[0.003])
SIZED = re.compile(r"^(\S+) scores (\S+) at .*: better than (\S+) \((\S+)\) by ([^,]+),")
EITHER = re.compile(r"^(\S+) scores (\S+) at .* (\S+) \((\S+)\) beyond noise \(difference (\S+)\)")
GOES_ON = ("one more step is tried beyond it", "the search goes on from it")


def told(decisions, verdict):
    """Return the capacities with a verdict."""
    return [one.capacity for one in decisions if one.verdict == verdict]


@given(st.integers(0, 10_000), st.sampled_from([0.02, 0.2]))
def test_the_numbers_of_a_comparison_agree(draw, noise):
    """Score minus score is the difference, whoever was given more executions since."""
    walked = walk_directly(search(), Noisy(bowl, noise, noise, draw=draw))
    for one in walked.decisions:
        for pattern in (SIZED, EITHER):
            if found := pattern.match(one.reason):
                here, there, gap = (float(found.group(place)) for place in (2, 4, 5))
                gap = -gap if pattern is SIZED else gap
                digits = 1e-3 * max(abs(here), abs(there)) + 1e-3 * abs(gap)
                assert here - there == pytest.approx(gap, abs=digits), one.reason
                assert one.score == pytest.approx(here, rel=1e-3)


@given(st.integers(0, 10_000), st.sampled_from([0.05, 0.2, 0.5]))
def test_growing_goes_on_exactly_where_that_is_said(draw, noise):
    """From a capacity of which it is said; and it ends where it is said of all of a round."""
    walked = walk_directly(search(), Noisy(bowl, noise, noise, draw=draw))
    grown = [one for one in walked.rounds if one.reason.startswith("Larger")]
    family = ToyFamily()
    for one in walked.decisions:
        said = one.reason.rsplit("; ", 1)[-1].rstrip(".")
        if one.phase != "grow" or said not in GOES_ON:
            continue
        layers, units = re.fullmatch(r"(\d+)x(\d+)", one.capacity).groups()
        here = capacity(int(layers), int(units))
        beyond = {family.wider(here), family.deeper(here)} - {None}
        tried = {fit.trial.capacity for each in walked.rounds for fit in each.fits}
        assert beyond <= tried, one.reason
    last = [
        one for one in walked.decisions if one.phase == "grow" and one.round <= growing_ends(walked)
    ]
    assert grown
    assert any("growing stops here" in one.reason for one in last), [one.reason for one in last]


@given(st.integers(0, 10_000))
def test_growing_moves_only_to_what_beats_the_best_before_it(draw):
    """All of a round are judged against it: not against the luckiest, once executions unmask it."""
    plain = Noisy(lambda trial: 2.0 + 0.5 * (trial.capacity["layers"] == 0), 0.1, 0.1, draw=draw)
    walked = walk_directly(search(course_rules(learning_rate=ONE_RATE)), plain)
    for one in walked.decisions:
        found = SIZED.match(one.reason) or EITHER.match(one.reason)
        if one.phase != "grow" or not found:
            continue
        seen = [asked for asked in walked.rounds if asked.number <= one.round]
        last = max(asked.number for asked in seen if asked.reason.startswith("Larger"))
        older = {fit.trial.capacity for asked in seen[:last] for fit in asked.fits}
        asked = {fit for each in seen for fit in each.fits}
        by_trial = defaultdict(list)
        for scored in walked.finished:
            if scored.fit in asked and scored.fit.trial.capacity in older:
                by_trial[scored.fit.trial].append(scored)
        best = leads([evidence_of(results) for results in by_trial.values()])[0]
        assert found.group(3) == best.trial.capacity.label, one.reason


def growing_ends(walked):
    """Return the number of the last round before shrinking begins."""
    smaller = [one.number for one in walked.rounds if one.phase in {"shrink", "confirm"}]
    return min(smaller, default=math.inf)


def test_the_end_of_the_space_ends_growing_and_shrinking_follows():
    """The best is the largest there is: what is slightly smaller is tried, and the limit is named."""
    losses = {"linear": 9.0, "1x100": 6.0, "1x250": 5.0, "1x200": 4.5, "1x160": 4.8}
    family = ToyFamily(units_max=250, layers_max=1)
    walked = walk(search(course_rules(learning_rate=ONE_RATE), family), answer_by(losses))
    assert walked.choice.trial.capacity.label == "1x200"
    assert any("nothing larger than 1x250" in one.reason for one in walked.decisions)


def test_the_end_of_the_space_is_also_said_where_its_last_step_did_not_pay():
    """1x250 is no better and nothing lies beyond it, though patience would look further."""
    losses = {"linear": 9.0, "1x100": 5.0, "1x250": 5.5}
    family = ToyFamily(units_max=250, layers_max=1)
    walked = walk(search(course_rules(learning_rate=ONE_RATE), family), answer_by(losses))
    assert walked.choice.trial.capacity.label == "1x100"
    assert any("nothing larger than 1x250" in one.reason for one in walked.decisions)


def test_what_was_too_large_without_a_nuisance_value_is_tried_again_with_it():
    """3x250 was rejected without dropout, which was adopted at 2x250 afterwards."""
    values = NuisanceConfig(dropout=[0.0, 0.5])

    def score(fit):
        change = {"2x250": -1.0, "3x250": -2.0, "4x250": -1.0}.get(fit.trial.capacity.label, 0.5)
        dropout = float(fit.trial.nuisance_value("dropout", 0.0))
        return replace(course(fit), score=course(fit).score + (change if dropout else 0.0))

    walked = walk(search(course_rules(nuisance=values, learning_rate=ONE_RATE)), score)
    assert walked.choice.trial.name == "3x250 lr 0.003 dropout 0.5"


def test_a_capacity_tried_again_may_lead_whatever_it_was_given_before():
    """2x64 was a close call without dropout and got more executions: with it, it gets as many."""
    values = NuisanceConfig(dropout=[0.0, 0.5])
    family = ToyFamily(start_at=(1, 32), growth=2.0, units_max=128, layers_max=2)

    def surface(trial):
        size = {"1x32": 1.30, "1x64": 1.0, "2x64": 1.0, "1x128": 1.4, "2x32": 1.4, "2x128": 1.4}
        loss = size.get(trial.capacity.label, 3.0 if trial.capacity.label == "linear" else 1.1)
        helps = {"1x64": -0.3, "2x64": -0.6}.get(trial.capacity.label, 0.3)
        return loss + (helps if trial.nuisance_value("dropout", 0.0) else 0.0)

    rules = course_rules(nuisance=values, learning_rate=ONE_RATE, start_units=32, growth=2.0)
    for draw in range(20):
        walked = walk_directly(search(rules, family), Noisy(surface, 0.1, 0.1, draw=draw))
        assert walked.choice.trial.name == "2x64 lr 0.003 dropout 0.5", draw
        again = {
            fit.execution
            for one in walked.rounds
            for fit in one.fits
            if fit.trial == walked.choice.trial
        }
        most = max(
            fit.execution
            for one in walked.rounds
            for fit in one.fits
            if fit.trial.capacity.label == "2x64"
        )
        assert most in again


def test_a_nuisance_value_adopted_within_noise_costs_no_shrinking():
    """A ten-thousandth better decides nothing about capacity: shrinking goes on as before."""
    values = NuisanceConfig(dropout=[0.0, 0.5])

    def score(fit):
        dropout = float(fit.trial.nuisance_value("dropout", 0.0))
        return replace(course(fit), score=course(fit).score - (1e-4 if dropout else 0.0))

    walked = walk(search(course_rules(nuisance=values, learning_rate=ONE_RATE)), score)
    assert walked.choice.trial.capacity.label == "3x200"
    said = [one for one in walked.decisions if "with dropout 0.5 scores" in one.reason]
    assert said
    assert {one.verdict for one in said} == {"same"}
    assert all(
        one.reason.endswith("too little to count, yet the better score leads from here.")
        for one in said
    )


def test_a_gain_too_small_to_count_is_not_called_noise():
    """search.min_gain, not noise, is why the search does not follow it."""

    def score(fit):
        return replace(
            course(fit), score=4.3999 if fit.trial.capacity.label == "3x250" else course(fit).score
        )

    walked = walk(search(), score)
    (said,) = (one for one in walked.decisions if one.capacity == "3x250" and one.phase == "grow")
    assert said.verdict == "same"
    assert (
        "better than 2x250 (4.400) by 0.0001000, too little to count (search.min_gain)"
        in said.reason
    )


def test_a_gain_counts_as_a_share_of_what_a_constant_loses():
    """Parity learned to 3e-5 of 1: what is left to gain is no reason for a larger network."""
    losses = {"linear": 1.0, "1x100": 3e-5, "1x250": 1e-5, "2x100": 2e-5}
    relative = search(course_rules(learning_rate=ONE_RATE))
    assert walk(relative, answer_by(losses)).choice.trial.capacity.label == "1x250"
    floored = replace(relative, constant=1.0)
    walked = walk(floored, answer_by(losses))
    assert walked.choice.trial.capacity.label == "1x100"
    (said,) = (one for one in walked.decisions if one.capacity == "1x250" and one.phase == "grow")
    assert said.verdict == "same"
    assert "too little to count (search.min_gain)" in said.reason


def test_a_reference_that_fails_later_is_out_and_not_who_was_compared_with_it():
    """1x250 diverges on the executions that a close call buys: 2x250 is judged by what is left."""
    noisy = Noisy(course_loss, 0.3, 0.0)

    def score(fit):
        if fit.trial.capacity.label == "1x250" and fit.execution >= 3:
            return Scored(fit, Outcome.diverged, math.nan)
        return noisy(fit)

    walked = walk(search(course_rules(learning_rate=ONE_RATE, grow_executions=15)), score)
    assert "1x250" in told(walked.decisions, "infeasible")
    for one in walked.decisions:
        if one.verdict == "infeasible":
            assert "diverged" in one.reason, one.reason
    assert walked.choice.trial.capacity.label != "1x250"


def course_loss(trial):
    """Let 1x250 and what is larger be close to each other."""
    return {"linear": 9.0, "1x100": 6.0}.get(trial.capacity.label, 5.0)


def test_an_objective_that_is_better_when_higher_is_shown_as_it_is():
    """The search minimises its negative; people read 0.93, not -0.93."""

    def score(fit):
        return replace(course(fit), score=course(fit).score / 10 - 1.0, sign=-1)

    walked = walk(search(), score)
    assert walked.choice.shown == pytest.approx(0.57)
    assert walked.decisions[-1].score == pytest.approx(0.57)
    for one in walked.decisions:
        assert "scores -" not in one.reason
        assert "(-" not in one.reason.replace("(difference -", "(")
        assert one.score is None or one.score > 0
    worse = next(one for one in walked.decisions if one.capacity == "3x250")
    assert "scores 0.55" in worse.reason
    assert "worse than 2x250 (0.5600) by 0.01000" in worse.reason


@pytest.mark.parametrize("prefer", list(Prefer))
def test_the_linear_model_is_as_good_as_any_only_where_others_were_tried(prefer):
    """A budget may end the search before any network was trained, and a knee may be far from the best."""
    rules = course_rules(prefer=prefer, learning_rate=ONE_RATE)
    asked = search(rules).propose([]).round
    linear = [course(fit) for fit in asked.fits if fit.trial.capacity.label == "linear"]
    assert "needs no network" not in search(rules).choose(linear).reason
    flat = [Scored(fit, Outcome.completed, 1.0) for fit in asked.fits]  # the start is a guess
    assert "linear" in search(rules).choose(flat).reason
    assert "needs no network" not in search(rules).choose(flat).reason
    losses = {"linear": 1.0, "1x100": 0.95, "1x250": 0.2}

    def score(fit):
        return Scored(fit, Outcome.completed, losses.get(fit.trial.capacity.label, 2.0))

    family = ToyFamily(units_max=250, layers_max=1)
    walked = walk(search(rules, family), score)
    assert walked.choice.trial.capacity.label == "1x250"
    assert "needs no network" not in walked.choice.reason
