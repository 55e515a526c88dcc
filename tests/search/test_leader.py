"""Who has to be beaten: the best of all capacities before, also when executions unmask a lucky one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from pipeline.config.schema_search import LearningRateConfig
from pipeline.core.records import Outcome, Scored
from tests.search.toy import course_rules, search, walk

if TYPE_CHECKING:
    from pipeline.core.records import Fit
    from tests.search.toy import Walked

FIRST = 3
"""Executions that every trial gets."""
SPREAD = 0.1
BEFORE = {"linear": (3.0, 3.0), "1x100": (2.0, 2.0), "1x250": (1.0, 1.3), "2x100": (1.1, 1.1)}
"""Scores on the first executions and on later ones: 1x250 leads, and is only lucky."""
FAILS = float("nan")
ODD = {"linear", "1x250", "2x100", "4x100"}
"""Their noise goes one way round, that of the others the other way."""


def walked(rules: dict[str, int] | None = None, **further: tuple[float, float]) -> Walked:
    """Walk a search in which 1x250 leads 2x100 when 2x250 and 1x625 are measured."""
    given = {"patience": 0, "doubt": 0, "grow_executions": 15} | (rules or {})
    losses = BEFORE | {name.strip("_"): scores for name, scores in further.items()}

    def answer(fit: Fit) -> Scored:
        label = fit.trial.capacity.label
        first, later = losses.get(label, (2.5, 2.5))
        score = first if fit.execution < FIRST else later
        if math.isnan(score):
            return Scored(fit, Outcome.diverged, score)
        # Noise that is nought over every three executions.
        turn = fit.execution * (1 if label in ODD else 2) % 3 - 1
        return Scored(fit, Outcome.completed, score + SPREAD * turn)

    one_rate = LearningRateConfig(values=[0.003])
    return walk(search(course_rules(learning_rate=one_rate, **given)), answer)


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


def measured(found: Walked) -> set[str]:
    """Return every capacity that was trained."""
    return {fit.trial.capacity.label for asked in found.rounds for fit in asked.fits}


def test_where_no_older_one_is_left_the_best_of_the_round_is_the_judge() -> None:
    """All before it failed: 1x250 is what is left, and 2x100 is worse than it."""
    found = walked(
        _linear=(FAILS, FAILS), _1x100=(1.0, FAILS), _1x250=(0.98, 0.98), _2x100=(1.9, 1.9)
    )
    assert "the best that is left" in said(found, "1x250")
    assert "worse than 1x250" in said(found, "2x100")


def test_a_leader_with_nothing_larger_to_try_takes_no_patience_away() -> None:
    """2x250 leads after all; what is beyond it is too large, so the look past 4x100 is taken."""
    found = walked(
        {"patience": 2, "max_parameters": 70_000},
        _1x250=(2.5, 2.5),
        _2x100=(2.0, 2.0),
        _3x100=(1.0, 1.3),
        _2x250=(1.1, 1.1),
        _4x100=(0.995, 1.3),
        _5x100=(0.5, 0.5),
    )
    assert "one more step is tried beyond it" in said(found, "4x100")
    assert found.choice is not None
    assert found.choice.trial.capacity.label == "5x100"


def test_shrinking_goes_on_from_who_leads_after_all() -> None:
    """1x200 unmasks 1x250: what is slightly smaller than 2x100, which leads then, is tried."""
    found = walked(_2x100=(1.12, 1.05), _1x200=(0.97, 1.28))
    assert "2x80" in measured(found)


def test_shrinking_follows_where_all_that_is_larger_fails() -> None:
    """2x100 leads after all, 3x100 fails: the best itself is the last, and shrunk from."""
    found = walked(_2x250=(0.995, 1.3), _3x100=(FAILS, FAILS))
    assert any(asked.phase == "shrink" for asked in found.rounds)


@pytest.mark.parametrize("later", [0.9, 1.3])
def test_shrinking_keeps_what_stands_against_the_best(later: float) -> None:
    """1x200 is kept while 1x250 is worse than it looked; not when 2x100 is clearly better than both."""
    found = walked(_1x200=(1.02, later), _2x100=(1.1, 0.9))
    kept = "kept: shrinking goes on from it" in said(found, "1x200", "shrink")
    assert kept is (later == 0.9)
