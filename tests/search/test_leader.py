"""Who has to be beaten: the best of all capacities before, also when executions unmask a lucky one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from pipeline.config.schema import LearningRateConfig
from pipeline.records import Outcome, Scored
from tests.search.toy import course_rules, search, walk

if TYPE_CHECKING:
    from pipeline.records import Fit
    from tests.search.toy import Walked

FIRST = 3
"""Executions that every trial gets."""
SPREAD = 0.1
BEFORE = {"linear": (3.0, 3.0), "1x100": (2.0, 2.0), "1x250": (1.0, 1.3), "2x100": (1.1, 1.1)}
"""Scores on the first executions and on later ones: 1x250 leads, and is only lucky."""
FAILS = float("nan")


def walked(**further: tuple[float, float]) -> Walked:
    """Walk a search in which 1x250 leads 2x100 when 2x250 and 1x625 are measured."""
    losses = BEFORE | {name.strip("_"): scores for name, scores in further.items()}

    def answer(fit: Fit) -> Scored:
        label = fit.trial.capacity.label
        first, later = losses.get(label, (2.5, 2.5))
        score = first if fit.execution < FIRST else later
        if math.isnan(score):
            return Scored(fit, Outcome.diverged, score)
        # Noise that no two trials share, and that is nought over every three executions.
        turn = fit.execution * (1 if label in BEFORE else 2) % 3 - 1
        return Scored(fit, Outcome.completed, score + SPREAD * turn)

    rules = course_rules(learning_rate=LearningRateConfig(values=[0.003]), patience=0, doubt=0)
    return walk(search(rules), answer)


def said(found: Walked, label: str, phase: str = "grow") -> str:
    """Return what was decided last on a capacity, in a phase."""
    (*_, last) = (one for one in found.decisions if (one.capacity, one.phase) == (label, phase))
    return last.reason


def test_what_beats_the_unmasked_one_alone_is_not_accepted() -> None:
    """2x250 is better than 1x250, which was lucky, and no better than 2x100, which was not."""
    found = walked(_2x250=(0.92, 1.25))
    assert "worse than 2x100" in said(found, "2x250")
    assert "15 executions" in said(found, "2x250")


def test_who_beats_the_leader_is_found_whoever_unmasked_the_one_before() -> None:
    """2x250 unmasks 1x250 and fails itself; 1x625 then has to beat 2x100 alone, and does."""
    found = walked(_2x250=(0.995, 1.3), _1x625=(1.0, 1.0))
    assert "better than 2x100" in said(found, "1x625")
    assert "2x100" in said(found, "2x250"), "one round names one reference"


def test_the_leader_that_fails_is_noted() -> None:
    """2x100 diverges on the executions that are bought for it."""
    found = walked(_2x100=(1.1, FAILS), _2x250=(0.92, 1.0))
    assert "diverged" in said(found, "2x100")
    assert "better than 1x250" in said(found, "2x250")


def test_another_of_the_round_is_never_the_leader() -> None:
    """1x250 diverges on the executions that are bought for it: 2x100 is in its place, not 1x625."""
    found = walked(_1x250=(1.0, FAILS), _2x250=(1.07, 1.07), _1x625=(0.98, 0.98))
    assert "diverged" in said(found, "1x250")
    for label in ("2x250", "1x625"):
        assert "2x100" in said(found, label)


def test_growing_goes_on_from_the_leader_that_nobody_had_grown_from() -> None:
    """When 2x100 leads after all, what is larger than it is tried."""
    found = walked(_2x250=(0.995, 1.3), _3x100=(0.5, 0.5))
    assert "the search goes on from 2x100" in said(found, "2x250")
    assert "better than 2x100" in said(found, "3x100")
    assert found.choice is not None
    assert found.choice.trial.capacity.label == "3x100"


@pytest.mark.parametrize("later", [0.9, 1.3])
def test_shrinking_keeps_what_stands_against_the_best(later: float) -> None:
    """1x200 is kept while 1x250 is worse than it looked; not when 2x100 is clearly better than both."""
    found = walked(_1x200=(1.02, later), _2x100=(1.1, 0.9))
    kept = "kept: shrinking goes on from it" in said(found, "1x200", "shrink")
    assert kept is (later == 0.9)
