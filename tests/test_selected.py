"""`champion=greedy` when networks are gone: an interrupted sweep selects as a whole one does."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import numpy as np
import pytest

from pipeline.core.records import Capacity, Fit, Outcome, Scored, Trial
from pipeline.evaluation.final import Member
from pipeline.session import champion
from pipeline.session.champion import MOST_CANDIDATES, half_the_time, selected

ROWS = 40


class Memory:
    """Networks of a process: constants that stand for a model each."""

    def __init__(self, held):
        """Hold some."""
        self.held = dict(held)

    def weights(self, fit):
        """Return what is held."""
        return self.held.get(fit)

    def model(self, fit):
        """Return the same as a model."""
        return self.held.get(fit)


def sweep_of(scores, held, seconds=None):
    """Return a sweep at its end, one fit a score, of which some networks are held: fits and selection."""
    fits = [
        Fit(Trial(Capacity("1x8", (("layers", 1), ("units", 8))), 0.01 * (n + 1), 9), 0, 1, 5)
        for n in range(len(scores))
    ]
    standing = [
        Scored(fit, Outcome.completed, score) for fit, score in zip(fits, scores, strict=True)
    ]
    dataset = SimpleNamespace(
        split=SimpleNamespace(validation=np.arange(ROWS)),
        encoded_targets=lambda rows: np.zeros((len(rows), 1), np.float32),
        sample_weight=lambda _rows: None,
        regression=True,
    )
    left = iter(seconds or ())
    ledger = SimpleNamespace(standing=lambda: standing)
    trainer = SimpleNamespace(dataset=dataset, config=SimpleNamespace(champion_size=4, seed=0))
    networks = Memory({fits[n]: n for n in held})
    sweep = SimpleNamespace(ledger=ledger, networks=networks, trainer=trainer)

    def select(champions):
        spare = (lambda: next(left, 0.0)) if seconds else lambda: None
        return selected(sweep, champions, lambda: half_the_time(str, spare))

    return fits, select


@pytest.fixture
def trained(monkeypatch):
    """Return the fits that were trained again; model n predicts rows that are off in places of its own."""
    rerun = []

    def train(sweep, fit, _control):
        rerun.append(fit)
        sweep.networks.held[fit] = round(fit.trial.learning_rate / 0.01) - 1

    def predict(model, _x):
        return np.random.default_rng(model).normal(size=(ROWS, 1))

    monkeypatch.setattr(champion, "_retrain", train)
    monkeypatch.setattr(champion, "forward", predict)
    monkeypatch.setattr(champion, "unseen_inputs", lambda *_: {"validation": np.zeros((ROWS, 1))})
    return rerun


def test_networks_of_a_process_that_died_are_trained_again_before_some_are_selected(trained):
    """The selection is the one of a sweep that nothing interrupted."""
    scores = [1.0, 1.1, 1.2, 1.3, 1.4]
    _, whole = sweep_of(scores, held=range(5))
    fits, resumed = sweep_of(scores, held=[4])
    expected = whole([])
    assert trained == []
    found = resumed([])
    assert found == expected
    assert len(found) > 1
    assert trained == fits[:4]


def test_networks_for_which_no_time_is_left_are_left_out_and_said(trained, caplog):
    """What is there is selected from."""
    fits, select = sweep_of([1.0, 1.1, 1.2], held=[2], seconds=[10.0, 1.0, 1.0, 10.0])
    with caplog.at_level(logging.WARNING):
        found = select([])
    assert trained == []
    assert [one.fit for one in found] == [fits[2]]
    assert "networks of 2 of the best 3 fits" in caplog.text
    assert fits[0].name in caplog.text


def test_the_champions_own_networks_remain_where_no_other_is_left(trained):
    """The chosen trial may be worse than the 64 best by its score: it is the smallest that is as good."""
    scores = np.linspace(1.0, 2.0, MOST_CANDIDATES + 1).tolist()
    fits, select = sweep_of(scores, held=[], seconds=[10.0, *[1.0] * 200])
    found = select([Member(fits[-1], 7)])
    assert found == [Member(fits[-1], 7)]
