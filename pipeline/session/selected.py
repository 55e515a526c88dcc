"""The networks of `champion=greedy`: forward selection over all usable fits of a sweep.

Every fit has been paid for, and an average of networks that err differently beats each of them
(`evaluation/greedy.py`). The test rows play no part; validation rows choose, and are cross-fitted to
say how many networks are worth taking.
"""

from __future__ import annotations

import functools
import logging
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from pipeline.core.control import Unattended
from pipeline.evaluation.final import Member, forward
from pipeline.evaluation.folds import unseen_inputs
from pipeline.evaluation.greedy import select
from pipeline.evaluation.scores import row_losses
from pipeline.search import is_usable, longest
from pipeline.session.champion import train_again

if TYPE_CHECKING:
    from pipeline.core.records import Fit
    from pipeline.session.sweep import Sweep

log = logging.getLogger(__name__)

MOST_CANDIDATES = 64
"""Fits that may be taken, the best by their own score: worse ones are hardly ever chosen, and each has
to predict all validation rows."""


def selected_members(sweep: Sweep, champions: list[Member]) -> list[Member]:
    """Return the networks to average, each once with its weight, the heaviest first.

    Args:
        sweep: At its end.
        champions: The networks of the chosen trial, which are there in any case.
    """
    found = [one for one in longest(sweep.ledger.standing()) if is_usable(one)]
    found.sort(key=lambda one: (one.score, one.fit.name))
    members = _candidates(sweep, [one.fit for one in found[:MOST_CANDIDATES]]) or champions
    counted = Counter(_select(sweep, members))
    names = ", ".join(members[place].fit.name for place, _ in counted.most_common())
    log.info("Selected from %d networks: %s", len(members), names)
    return [
        Member(members[place].fit, members[place].model, weight)
        for place, weight in counted.most_common()
    ]


def _candidates(sweep: Sweep, fits: list[Fit]) -> list[Member]:
    """Return fits with their networks; those of a process that has died are trained again.

    So a sweep that was interrupted selects among what it would have had. What there is no time for is
    left out, and said.
    """
    control = _HalfTheTime(sweep)
    found, without = [], []
    for fit in fits:
        if sweep.networks.weights(fit) is None and not control.stop_reason():
            train_again(sweep, fit, control)
        model = sweep.networks.model(fit)
        if model is None:
            without.append(fit.name)
        else:
            found.append(Member(fit, model))
    if without:
        log.warning(
            "Nobody kept the networks of %d of the best %d fits, and there was no time to train them "
            "again: they cannot be selected (%s)",
            *(len(without), len(fits), ", ".join(without)),
        )
    return found


class _HalfTheTime(Unattended):
    """A control that heeds signals, and leaves half of the time that is left at its beginning."""

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self._spare = sweep.pace.spare_seconds()

    def stop_reason(self) -> str:
        left = self._sweep.pace.spare_seconds()
        ends = self._spare is not None and left is not None and left < self._spare / 2
        return self._sweep.stop.name or ("budget.seconds" if ends else "")


def _select(sweep: Sweep, members: list[Member]) -> tuple[int, ...]:
    dataset = sweep.dataset
    rows = dataset.split.validation
    truth = dataset.encoded_targets(rows)
    weights = dataset.sample_weight(rows)
    inputs = functools.cache(lambda name: unseen_inputs(dataset, name, 0)["validation"])
    control = _HalfTheTime(sweep)
    predictions: list[np.ndarray] = []
    for one in members:
        if predictions and control.stop_reason():
            log.info("The budget ends: the best %d networks may be selected", len(predictions))
            break
        predictions.append(forward(one.model, inputs(one.fit.trial.encoding)))

    def losses(outputs: np.ndarray) -> np.ndarray:
        shape = outputs.shape[:-1]
        flat = outputs.reshape(-1, outputs.shape[-1])
        repeated = np.tile(truth, (flat.shape[0] // len(truth), 1))
        own = row_losses(repeated, flat, regression=dataset.regression).reshape(shape)
        return own if weights is None else own * weights

    return select(np.array(predictions), losses, sweep.config.champion_size, sweep.config.seed)
