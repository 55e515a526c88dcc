"""The one statistics module: by hand, and against the truth of simulated seeds, rows, groups and folds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.core import statistics

QUANTILES = {1: 1.8373, 2: 1.3213, 3: 1.1969, 5: 1.1105, 9: 1.0587, 30: 1.0169, math.inf: 1.0}
"""Of Student's t at 0.8413, by degrees of freedom (scipy.stats.t.ppf)."""


@pytest.mark.parametrize(("freedom", "quantile"), QUANTILES.items())
def test_one_sigma_is_students_quantile(freedom, quantile):
    """What covers 68.27 % with so few degrees of freedom."""
    assert statistics.one_sigma(freedom) == pytest.approx(quantile, abs=1e-3)


def stated(draw, tries, seed=0):
    """Return (root mean square of the stated variances / true deviation, coverage of one error)."""
    random = np.random.default_rng(seed)
    found = [draw(random) for _ in range(tries)]
    truth = np.std([one.mean for one in found])
    ratio = math.sqrt(np.mean([one.root**2 for one in found])) / truth
    return ratio, np.mean([abs(one.mean) <= one.se for one in found])


@pytest.mark.parametrize("seeds", [2, 3, 9])
@pytest.mark.parametrize("shares", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1), (0.8, 0.1, 1.1)])
def test_one_standard_error_is_as_wide_as_it_says(seeds, shares):
    """Of seeds, rows and what is one seed's and row's own, each in turn and together."""
    rows = 30
    by_seed, by_row, own = (math.sqrt(share) for share in shares)

    def draw(random):
        losses = by_seed * random.standard_normal((seeds, 1)) * math.sqrt(seeds)
        losses = losses + by_row * random.standard_normal((1, rows)) * math.sqrt(rows)
        losses = losses + own * random.standard_normal((seeds, rows)) * math.sqrt(seeds * rows)
        return statistics.paired(losses, np.zeros_like(losses))

    ratio, coverage = stated(draw, 2000)
    assert 0.93 < ratio < 1.07
    assert 0.64 < coverage < 0.74


def test_rows_of_a_group_are_no_more_than_the_group_tells():
    """73 storms: rows taken as independent would state a third of the truth."""

    def draw(random):
        groups = np.repeat(np.arange(73), 20)
        losses = random.standard_normal(73)[groups] + random.standard_normal(len(groups))
        return statistics.mean_error(losses, clusters=groups)

    ratio, coverage = stated(draw, 600)
    assert 0.93 < ratio < 1.07
    assert 0.63 < coverage < 0.74


def test_blocks_of_time_hold_what_neighbours_share():
    """A loss that wanders: neighbours are alike, distant rows are not."""

    def draw(random):
        steps = random.standard_normal(4000)
        losses = np.convolve(steps, np.ones(20) / math.sqrt(20), mode="valid")
        return statistics.mean_error(losses, clusters=statistics.blocks(len(losses)))

    ratio, coverage = stated(draw, 600)
    assert 0.9 < ratio < 1.1
    assert 0.63 < coverage < 0.74


def test_blocks_are_contiguous_and_of_equal_size():
    """About the root of the rows, never more than twenty."""
    for rows in (1, 2, 3, 13, 100, 399, 10_001):
        found = statistics.blocks(rows)
        sizes = np.bincount(found)
        assert (np.diff(found) >= 0).all()
        assert np.ptp(sizes) <= 1
        assert len(sizes) == max(1, min(statistics.BLOCKS, math.isqrt(rows)))


def test_equal_weights_are_no_weights_and_their_scale_does_not_matter():
    """A weight is relative to the others."""
    random = np.random.default_rng(0)
    one, other = random.random((2, 3, 50))
    plain = statistics.paired(one, other)
    for scale in (1.0, 0.01, 1000.0):
        found = statistics.paired(one, other, weights=np.full(50, scale))
        assert found.mean == pytest.approx(plain.mean)
        assert found.se == pytest.approx(plain.se)


def test_a_weighted_mean_is_a_ratio_and_so_is_its_error():
    """Equal losses have no error, whatever the weights: these are not what is measured."""
    weights = np.array([1.0, 5.0, 2.0, 9.0])
    found = statistics.mean_error(np.full(4, 0.7), weights=weights)
    assert found.mean == pytest.approx(0.7)
    assert found.se == pytest.approx(0.0, abs=1e-12)


def test_weighted_groups_count_by_the_weight_of_their_rows():
    """By hand: the mean is that of the rows, the error that of the groups' sums about it."""
    losses, weights = np.array([1.0, 2.0, 4.0, 8.0, 6.0]), np.array([1.0, 1.0, 2.0, 1.0, 3.0])
    groups = np.array(["a", "a", "b", "b", "c"])
    found = statistics.mean_error(losses, weights=weights, clusters=groups)
    mean = np.average(losses, weights=weights)
    sums = np.array([np.sum((weights * (losses - mean))[groups == name]) for name in "abc"])
    assert found.mean == pytest.approx(mean)
    shares = np.array([np.sum(weights[groups == name]) for name in "abc"]) / weights.sum()
    assert found.root == pytest.approx(
        math.sqrt(np.sum(sums**2 / (1 - shares))) / weights.sum(), rel=0.01
    )


def test_the_rows_of_one_group_alone_are_the_least_that_the_error_can_be():
    """No other group tells how groups vary; nothing at all would read as certainty."""
    losses, alone = np.random.default_rng(0).gamma(2.0, size=(2, 50)), np.zeros(50)
    found = statistics.paired(losses[0], losses[1], clusters=alone)
    assert found == statistics.paired(losses[0], losses[1])
    assert found.se > 0


def test_a_sample_tells_how_rows_vary_and_all_rows_tell_the_mean():
    """10,000 of 170,000 rows: the sample's own mean takes no part."""
    random = np.random.default_rng(1)
    losses = random.standard_normal((3, 170_000))
    full = statistics.two_way(losses.mean(axis=1), losses)
    sampled = statistics.two_way(losses.mean(axis=1), losses[:, :10_000], statistics.Units(170_000))
    assert sampled.mean == full.mean
    assert sampled.se == pytest.approx(full.se, rel=0.1)


def test_two_seeds_of_a_trial_are_steadied_by_those_of_the_others():
    """The pool states the truth of a trial with one seed, and an outlier does not move it."""
    random = np.random.default_rng(2)
    trials = [random.standard_normal(3) for _ in range(40)] + [1e6 * random.standard_normal(3)]
    pool = statistics.pooled([statistics.own_luck(means, None) for means in trials])
    assert pool.by_seed == pytest.approx(1.0, rel=0.35)

    def draw(random, seeds):
        means = random.standard_normal(seeds) - random.standard_normal(seeds)
        return statistics.two_way(means, None, pool=statistics.Pool(1.0, 0.0, 4.0).of_difference)

    for seeds in (1, 2, 3):
        ratio, coverage = stated(lambda random, seeds=seeds: draw(random, seeds), 3000)
        assert 0.95 < ratio < 1.05
        assert 0.66 < coverage < 0.78  # the pool is surer than the degrees of freedom it counts for


def test_folds_that_share_training_rows_are_no_independent_replicates():
    """Exchangeable folds, correlated as Nadeau and Bengio take them to be: n_val / n."""
    for folds, repeats in ((5, 1), (10, 1), (5, 3)):

        def draw(random, folds=folds, fits=folds * repeats):
            shared = math.sqrt(1 / folds) * random.standard_normal()
            own = math.sqrt(1 - 1 / folds) * random.standard_normal(fits)
            return statistics.of_folds(shared + own, folds)

        ratio, coverage = stated(draw, 4000)
        assert 0.95 < ratio < 1.05
        assert 0.65 < coverage < 0.73


@pytest.mark.parametrize("shape", [(1, 1), (3, 1), (1, 5)])
def test_what_tells_nothing_of_noise_has_none(shape):
    """One value, or values that do not differ; never NaN."""
    found = statistics.mean_error(np.ones(shape))
    assert (found.mean, found.se) == (1.0, 0.0)


def test_losses_that_overflow_state_no_noise_instead_of_nan():
    """A network far from any answer, in float32."""
    losses = np.array([[1e200, -1e200, 1e200], [1e200, 1e200, 1e200]])
    with np.errstate(over="ignore", invalid="ignore"):
        assert statistics.mean_error(losses).se == 0.0
