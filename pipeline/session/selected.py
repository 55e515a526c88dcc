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

from pipeline.evaluation.final import Member, forward
from pipeline.evaluation.folds import unseen_inputs
from pipeline.evaluation.greedy import select
from pipeline.evaluation.scores import row_losses
from pipeline.search import is_usable, longest

if TYPE_CHECKING:
    from pipeline.session.sweep import Sweep

log = logging.getLogger(__name__)

MOST_CANDIDATES = 64
"""Fits that may be taken, the best by their own score: worse ones are hardly ever chosen, and each has
to predict all validation rows."""


def selected_members(sweep: Sweep) -> list[Member]:
    """Return the networks to average, each once with its weight, the heaviest first."""
    found = [one for one in longest(sweep.ledger.standing()) if is_usable(one)]
    found.sort(key=lambda one: (one.score, one.fit.name))
    members = [
        Member(one.fit, model)
        for one in found[:MOST_CANDIDATES]
        if (model := sweep.networks.model(one.fit)) is not None
    ]
    counted = Counter(_select(sweep, members))
    names = ", ".join(members[place].fit.name for place, _ in counted.most_common())
    log.info("Selected from %d networks: %s", len(members), names)
    return [
        Member(members[place].fit, members[place].model, weight)
        for place, weight in counted.most_common()
    ]


def _select(sweep: Sweep, members: list[Member]) -> tuple[int, ...]:
    dataset = sweep.dataset
    rows = dataset.split.validation
    truth = dataset.encode_targets(dataset.raw_target.iloc[rows])
    weights = dataset.sample_weight(rows)
    inputs = functools.cache(lambda name: unseen_inputs(dataset, name, 0)["validation"])
    spare = sweep.pace.spare_seconds()
    predictions: list[np.ndarray] = []
    for one in members:
        left = sweep.pace.spare_seconds()
        if predictions and spare is not None and left is not None and left < spare / 2:
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
