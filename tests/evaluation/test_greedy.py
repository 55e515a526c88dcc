"""Bagged forward selection of networks: what helps on rows that it did not look at."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation import greedy
from pipeline.evaluation.greedy import select


def squared(truth):
    """Return the squared error of some rows."""
    return lambda predicted, places: ((predicted - truth[places]) ** 2).mean(axis=-1)


def planted(seed, errors, rows=400):
    """Return predictions with independent errors of these sizes, and the loss of rows."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(rows, 1))
    candidates = np.array([truth + size * rng.normal(size=truth.shape) for size in errors])
    return candidates, squared(truth)


def loss_of(candidates, losses):
    """Return the mean loss of the average of some networks."""
    return losses(candidates.mean(axis=0), np.arange(candidates.shape[1])).mean()


def test_networks_with_errors_of_their_own_are_averaged():
    """Of six equally good ones all are taken, and their average is far better than the best."""
    candidates, losses = planted(0, [1.0] * 6)
    taken = select(candidates, losses, 8)
    assert sorted(taken) == list(range(6))
    alone = min(loss_of(one[None], losses) for one in candidates)
    assert loss_of(candidates[list(taken)], losses) < 0.4 * alone


def test_one_network_that_none_helps_stays_alone():
    """Bags without the nearly perfect one must pick from noise; the average is not made of it."""
    candidates, losses = planted(1, [0.05, 2.0, 2.0, 2.0])
    assert select(candidates, losses, 8) == (0,)


def test_the_most_useful_are_taken_wherever_they_stand():
    """Four good ones among twenty bad ones whose errors are the same: the good ones."""
    rng = np.random.default_rng(5)
    truth, common = rng.normal(size=(2, 300, 1))
    bad = truth + common + 0.1 * rng.normal(size=(20, 300, 1))
    good = truth + 0.8 * rng.normal(size=(4, 300, 1))
    taken = select(np.concatenate([bad, good]), squared(truth), 4)
    assert set(taken) == {20, 21, 22, 23}


def test_luck_on_the_validation_rows_is_not_taken_for_skill():
    """Of sixty networks that know nothing: on other rows their average is no worse than a constant."""
    rng = np.random.default_rng(3)
    truth = rng.normal(size=(2, 40, 1))
    candidates = 0.3 * rng.normal(size=(60, 2, 40, 1))
    taken = list(select(candidates[:, 0], squared(truth[0]), 16))
    assert len(taken) == 16
    unseen = squared(truth[1])
    constant = loss_of(np.zeros((1, 40, 1)), unseen)
    assert loss_of(candidates[taken, 1], unseen) < 1.02 * constant
    lucky = min(range(60), key=lambda one: loss_of(candidates[[one], 0], squared(truth[0])))
    assert loss_of(candidates[[lucky], 1], unseen) > 1.05 * constant


def test_many_rows_are_sampled(monkeypatch):
    """A pick reads no more rows than `SAMPLE`, so the time of a selection is bounded."""
    monkeypatch.setattr(greedy, "SAMPLE", 50)
    candidates, losses = planted(0, [1.0] * 6)
    read = []

    def counted(predicted, places):
        read.append(len(places))
        return losses(predicted, places)

    select(candidates, counted, 4)
    assert set(read) == {50, 400}
    assert read.count(400) == 4


@given(seed=st.integers(0, 999), networks=st.integers(1, 6), rows=st.integers(1, 30))
def test_the_same_networks_give_the_same_selection(seed, networks, rows):
    """At least one, at most as many as allowed, each one that there is and once."""
    candidates, losses = planted(seed, np.linspace(0.5, 1.5, networks), rows)
    taken = select(candidates, losses, 4)
    assert taken == select(candidates, losses, 4)
    assert 1 <= len(set(taken)) == len(taken) <= 4
    assert set(taken) <= set(range(networks))
