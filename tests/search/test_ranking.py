"""Every trial's place is explained by the same rule that chose."""

from __future__ import annotations

import numpy as np

from pipeline.config.choices import Prefer
from pipeline.core.records import Fit, Outcome, Scored, Trial
from pipeline.search.choose import Rule
from pipeline.search.decide import Evidence
from pipeline.search.ranking import ranking
from pipeline.search.sentences import close, level
from tests.search.toy import capacity

BEST = Rule(Prefer.best, 1.0)


def evidence(layers: int, units: int, loss: float, seeds: int = 3, rate: float = 0.003) -> Evidence:
    """Return a trial whose rows all lose the same but for a little noise of the seed."""
    trial = Trial(capacity(layers, units), rate, 10 * (1 + layers * units))
    draw = np.random.default_rng(0)
    hard = draw.gamma(1.0, 0.4, 91) - 0.4
    losses = [loss + 0.001 * seed + 0.02 * hard * units for seed in range(seeds)]
    return Evidence(
        trial,
        {
            seed: Scored(Fit(trial, seed, 0, 9), Outcome.completed, float(one.mean()), one)
            for seed, one in enumerate(losses)
        },
    )


def test_the_first_row_need_not_have_the_best_score_and_says_why() -> None:
    """Chosen first, then by score; each row says what it is: best, within, behind, another rate."""
    small, large = evidence(1, 2, 0.502), evidence(2, 4, 0.5)
    poor, other = evidence(1, 8, 3.0), evidence(2, 4, 0.9, rate=0.01)
    known = [poor, large, other, small]
    found = ranking(known, small, Rule(Prefer.smallest, 1.0))
    assert [one.evidence for one in found] == [small, large, other, poor]
    assert [one.note for one in found[:3]] == [
        "chosen: smallest within one standard error",
        "best score",
        "another 2x4 stands for it, 2x4 lr 0.003",
    ]
    assert found[3].note.endswith("standard errors behind")
    assert [one.stands for one in found] == [True, True, False, True]
    assert found[1].gap.mean == 0.0


def test_other_rules_say_theirs() -> None:
    """Best, knee, and nothing chosen yet."""
    small, large = evidence(1, 2, 0.502), evidence(2, 4, 0.5)
    known = [small, large]
    said = [
        ranking(known, taken, Rule(Prefer(rule), 1.0))[0].note
        for rule, taken in (("best", large), ("knee", small), ("smallest", large), ("best", None))
    ]
    assert said == [
        "chosen: best score, as search.prefer asks",
        "chosen: knee of score against size",
        "chosen: best score, nothing smaller is within one standard error",
        "best score",
    ]


def test_a_trial_scored_on_other_seeds_says_so() -> None:
    """What is compared is what both have; one of fewer executions stands for nothing."""
    best, few = evidence(2, 4, 0.5, seeds=5), evidence(1, 2, 0.51, seeds=2)
    notes = {one.evidence: one.note for one in ranking([best, few], None, BEST)}
    assert notes[few].endswith("on 2 shared executions")
    lone = ranking([best, few], None, BEST, fewest=3)[1]
    assert (lone.note, lone.stands) == ("fewer executions", False)
    lucky = evidence(2, 4, 0.1, seeds=2, rate=0.01)
    first = ranking([best, lucky], None, BEST)[0]
    assert first.note == "fewer executions than 2x4 lr 0.003, which stands for 2x4"
    assert ranking([], None, BEST) == []


def test_two_trials_of_a_capacity_are_told_apart_by_what_differs() -> None:
    """`1x32 against 1x32 is close` says nothing."""
    slow, fast, large = (evidence(1, 2, 0.5), evidence(1, 2, 0.5, rate=0.01), evidence(2, 4, 0.5))
    gap = ranking([slow, fast], None, BEST)[1].gap
    assert close(slow, fast, gap, 5).startswith("1x2 lr 0.003 against 1x2 lr 0.01 is close")
    assert close(slow, large, gap, 5).startswith("1x2 against 2x4 is close")
    assert level(slow, fast).startswith("1x2 lr 0.01 leads what was measured before")
