"""Drops learning rates of a trial that are clearly behind after a few epochs. Pure NumPy.

One step of successive halving inside a round. Fits that differ only in the learning rate are compared,
seed by seed, so that a lucky seed does not decide. A rate that is catching up is kept: a small rate
starts slowly and may win in the end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from pipeline.core.records import Fit, Outcome, Trial
from pipeline.core.statistics import two_way
from pipeline.training.run import Run
from pipeline.training.settings import Settings

FEWEST_SEEDS = 2
"""Without a second seed there is no standard error, and nothing is dropped."""


def drop(runs: Sequence[Run], settings: Settings) -> None:
    """End the open fits of a stack whose learning rate is clearly behind."""
    fits, objectives = [run.fit for run in runs], [run.objectives for run in runs]
    for index, message in behind(fits, objectives, settings).items():
        if runs[index].is_open:
            runs[index].end(Outcome.dropped, message)


def behind(
    fits: Sequence[Fit], objectives: Sequence[np.ndarray], settings: Settings
) -> dict[int, str]:
    """Return the fits to drop after `settings.drop_after` epochs, each with a message why.

    Args:
        fits: The fits of a stack, in any order.
        objectives: The logged objective of each fit, (epochs,). Fits with fewer epochs than
            `drop_after` (stopped, diverged) are neither dropped nor compared.
        settings: `drop_after`, `drop_margin`, `drop_kept` and the objective.

    Returns:
        Index into `fits` -> message.
    """
    epochs = settings.drop_after
    if epochs == 0:
        return {}
    groups: dict[Trial, dict[float, dict[int, int]]] = defaultdict(lambda: defaultdict(dict))
    for index, (fit, curve) in enumerate(zip(fits, objectives, strict=True)):
        if len(curve) >= epochs and np.isfinite(curve[:epochs]).all():
            groups[fit.trial.with_rate(1.0)][fit.trial.learning_rate][fit.execution] = index
    as_loss = settings.objective.as_loss
    losses = [  # the best value so far of every epoch, lower is better
        np.minimum.accumulate(np.asarray([as_loss(value) for value in curve[:epochs]]))
        for curve in objectives
    ]
    dropped: dict[int, str] = {}
    for rates in groups.values():
        dropped |= _behind_in_group(rates, losses, settings)
    return dropped


def _behind_in_group(
    rates: dict[float, dict[int, int]], losses: list[np.ndarray], settings: Settings
) -> dict[int, str]:
    """Return the fits of one trial to drop, compared with the best of its rates, each with a message.

    Args:
        rates: Learning rate -> execution -> index into `losses`.
        losses: The best loss so far of every epoch, (epochs,) each.
    """
    means = {
        rate: np.mean([losses[i][-1] for i in seeds.values()]) for rate, seeds in rates.items()
    }
    leader = min(means, key=lambda rate: (means[rate], rate))
    dropped: dict[int, str] = {}
    for rate, seeds in rates.items():
        shared = sorted(seeds.keys() & rates[leader].keys())
        if rate == leader or len(shared) < FEWEST_SEEDS:
            continue
        gaps = np.stack([losses[seeds[s]] - losses[rates[leader][s]] for s in shared])
        difference = two_way(gaps[:, -1], None)
        gap, error = difference.mean, difference.se
        earlier = float(gaps[:, (settings.drop_after - 1) // 2].mean())
        if gap > settings.drop_margin * error and gap > settings.drop_kept * earlier:
            sentence = (
                f"learning rate {rate:g} was behind {leader:g} by {gap:.4g}"
                f" (standard error {error:.2g}) after {settings.drop_after} epochs"
            )
            dropped |= dict.fromkeys(seeds.values(), sentence)
    return dropped
