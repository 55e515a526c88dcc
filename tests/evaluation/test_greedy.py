"""Forward selection of networks: what helps on rows that it did not look at, and nothing else."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation.greedy import forward, select


def squared(truth):
    """Return the squared error of every row."""
    return lambda predicted: ((predicted - truth) ** 2).mean(axis=-1)


def planted(seed, errors, rows=400):
    """Return predictions with independent errors of these sizes, and the loss of rows."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(rows, 1))
    candidates = np.array([truth + size * rng.normal(size=truth.shape) for size in errors])
    return candidates, squared(truth)


def test_networks_with_errors_of_their_own_are_averaged():
    """Of six equally good ones several are taken, and their average is far better than the best."""
    candidates, losses = planted(0, [1.0] * 6)
    taken = select(candidates, losses, 8)
    assert len(set(taken)) >= 4
    alone = min(losses(one).mean() for one in candidates)
    assert losses(candidates[list(taken)].mean(axis=0)).mean() < 0.4 * alone


def test_one_network_that_none_helps_stays_alone():
    """Beside a nearly perfect one the others are noise."""
    candidates, losses = planted(1, [0.05, 2.0, 2.0, 2.0])
    assert select(candidates, losses, 8) == (0,)


def test_copies_of_one_network_are_one():
    """Averaging a network with itself gains nothing: the fewest are taken."""
    candidates, losses = planted(2, [1.0])
    assert len(select(np.repeat(candidates, 5, axis=0), losses, 8)) == 1


def test_luck_on_the_validation_rows_is_not_taken_for_skill():
    """Among many networks that know nothing, rows that were held out stop the selection early."""
    rng = np.random.default_rng(3)
    losses = squared(rng.normal(size=(40, 1)))
    candidates = np.concatenate([np.zeros((1, 40, 1)), 0.3 * rng.normal(size=(60, 40, 1))])
    assert len(select(candidates, losses, 25)) <= 3
    lucky = forward(candidates, losses, np.arange(40), 25)
    assert losses(candidates[list(lucky)].mean(axis=0)).mean() < 0.9 * losses(candidates[0]).mean()


@given(seed=st.integers(0, 999), networks=st.integers(1, 6), rows=st.integers(1, 30))
def test_the_same_networks_give_the_same_selection(seed, networks, rows):
    """At least one, at most as many as allowed, each one that there is."""
    candidates, losses = planted(seed, np.linspace(0.5, 1.5, networks), rows)
    taken = select(candidates, losses, 4)
    assert taken == select(candidates, losses, 4)
    assert 1 <= len(taken) <= 4
    assert set(taken) <= set(range(networks))
