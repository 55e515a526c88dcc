"""What every search promises, of the capacity search; the others follow in test_others.py."""

from __future__ import annotations

import math
import os
import random
import subprocess
import sys
import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config.choices import Prefer
from pipeline.core.records import Outcome
from pipeline.core.statistics import Units
from tests.search import contract
from tests.search.toy import Noisy, ToyFamily, bowl, course_rules, search, walk, walk_directly


def make(seed):
    """Return a fresh capacity search."""
    return search(course_rules(start_units=32, growth=2.0), seed=seed)


CHECKS = [getattr(contract, name) for name in sorted(vars(contract)) if name.startswith("check_")]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_capacity_search_keeps_the_contract(check):
    """Each promise of tests/search/contract.py."""
    check(make)


def test_the_path_is_the_same_in_another_process_with_another_hash_seed(repo):
    """Nothing follows from the order of a set."""
    code = (
        "from tests.search import contract, test_capacity_contract as t;"
        "print(contract.sequence(t.make, 0))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "4711"}
    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=repo, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert answer.stdout.strip() == contract.sequence(make, 0)


def test_seed_0_is_a_seed_like_any_other():
    """It is kept, and differs from seed 1."""
    assert contract.sequence(make, 0) == contract.sequence(make, 0)
    assert contract.sequence(make, 0) != contract.sequence(make, 1)


@given(st.integers(0, 10_000), st.floats(0.0, 0.5), st.sampled_from(list(Prefer)))
def test_any_noise_leads_to_an_end_within_the_space(draw, noise, prefer):
    """Values inside the space, no fit twice, and the rule of the choice kept."""
    rules = course_rules(start_units=32, growth=2.0, prefer=prefer)
    walked = walk_directly(search(rules), Noisy(bowl, noise, 4 * noise, draw=draw))
    fits = [fit for one in walked.rounds for fit in one.fits]
    assert len({fit.name for fit in fits}) == len(fits)
    assert all(1e-4 <= fit.trial.learning_rate <= 3e-2 for fit in fits)
    assert all(fit.execution < rules.max_executions for fit in fits)
    assert all(fit.trial.parameters == ToyFamily().parameters(fit.trial.capacity) for fit in fits)
    scores = {}
    for one in walked.finished:
        scores.setdefault(one.fit.trial, []).append(one.score)
    assert walked.choice.score == pytest.approx(np.mean(scores[walked.choice.trial]))
    assert walked.choice.trial in walked.choice.ranking
    assert len(walked.rounds) < rules.max_rounds


def test_a_close_call_buys_executions_and_a_clear_one_does_not():
    """Seeds are spent where they decide."""
    clear = walk(make(0), Noisy(bowl, seed_noise=0.0005, row_noise=0.0))
    close = walk(make(0), Noisy(bowl, seed_noise=0.2, row_noise=0.0))
    most = {name: max(one.fit.execution for one in walked.finished) for name, walked in
            (("clear", clear), ("close", close))}  # fmt: skip
    assert most["close"] > most["clear"]
    assert any("close" in one.reason for one in close.rounds)


def test_doubt_that_lies_in_the_rows_buys_no_executions_for_ever():
    """More seeds add no validation rows: those of a close call while growing tell, then it stops."""
    walked = walk(make(0), Noisy(bowl, seed_noise=0.0, row_noise=8.0))
    assert max(one.fit.execution for one in walked.finished) == 4


def test_the_path_of_a_search_that_is_fed_directly_is_that_of_its_replay():
    """benchmarks/decisions feeds the script; the product replays it every round."""
    fed, replayed = walk_directly(make(0), Noisy(bowl)), walk(make(0), Noisy(bowl))
    assert fed.rounds == replayed.rounds
    assert fed.decisions == replayed.decisions
    assert fed.choice == replayed.choice


@pytest.mark.parametrize("draw", [1, 2])
def test_a_resumed_search_with_pooled_luck_goes_on_and_chooses_as_if_nothing_had_happened(draw):
    """Two seeds first, the luck of seeds pooled, weighted units, fits that were dropped or diverged."""
    weights = np.random.default_rng(draw).uniform(0.2, 2.0, 60)
    units = Units(100_000 * draw, (weights / weights.mean()).astype(np.float32))
    noisy = Noisy(bowl, 0.05, 0.2, draw=draw)

    def fresh():
        rules = course_rules(start_units=32, growth=2.0)
        return search(rules, executions=5, screen=2)

    def answer(fit):
        scored = noisy(fit)
        kind = zlib.crc32(f"{draw}/{fit.name}".encode()) % 16
        if kind == 0:
            return replace(scored, outcome=Outcome.diverged, score=math.nan, row_losses=None)
        losses = (scored.row_losses * units.weights).astype(np.float32)
        outcome = Outcome.dropped if kind == 1 else scored.outcome
        return replace(scored, outcome=outcome, row_losses=losses, units=units)

    live = walk(fresh(), answer)
    assert live.rounds == walk_directly(fresh(), answer).rounds
    order = random.Random(draw)  # noqa: S311 - an order, not a secret
    for cut in (*range(0, len(live.finished), len(live.finished) // 5), len(live.finished)):
        read_back = live.finished[:cut]
        before = fresh().choose(read_back)
        order.shuffle(read_back)
        proposal = fresh().propose(read_back)
        assert proposal.decisions == live.decisions[: len(proposal.decisions)]
        assert proposal.round is None or proposal.round == live.rounds[proposal.round.number]
        assert fresh().choose(read_back) == before
    assert fresh().choose(live.finished) == live.choice
