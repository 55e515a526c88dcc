"""The networks that may be saved: those of the chosen trial, and a greedy selection among all fits.

Networks come from memory or from the store; those of a process that has died are retrained, so that a
sweep that was interrupted has the same result. `champion=greedy` averages networks that err differently,
which is better than each of them (`evaluation/greedy.py`). The test rows play no part.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from pipeline.core.control import Control, Unattended
from pipeline.core.losses import PROBABILITY_FLOOR, row_losses
from pipeline.core.records import Fit, Scored, Trial
from pipeline.evaluation.final import Member, forward
from pipeline.evaluation.folds import unseen_inputs
from pipeline.evaluation.greedy import select
from pipeline.ledger.encoding import trained_in
from pipeline.search.choose import longest
from pipeline.search.protocol import is_usable
from pipeline.session.sweep import Sweep
from pipeline.session.trainer import Trainer

log = logging.getLogger(__name__)

MOST_CANDIDATES = 64
"""Fits that may be selected, the best by their own score: worse ones are hardly ever selected, and each
has to predict all validation rows."""


def of_trial(sweep: Sweep, trial: Trial, control: Control) -> list[Member]:
    """Return the networks of all usable executions of a trial, in order of execution."""
    fits = [scored.fit for scored in _usable(sweep) if scored.fit.trial == trial]
    return _members(sweep, sorted(fits, key=lambda fit: fit.execution), control)


def selected(sweep: Sweep, champions: list[Member], control: Callable[[], Control]) -> list[Member]:
    """Return the networks to average, the most often selected first.

    Networks that there is no time for are left out, with a warning.

    Args:
        champions: The networks of the chosen trial; they are always available.
        control: Called before networks are retrained and once more before they predict; each
            control returned stops its part.
    """
    ranked = sorted(_usable(sweep), key=lambda scored: (scored.score, scored.fit.name))
    fits = [scored.fit for scored in ranked[:MOST_CANDIDATES]]
    members = _members(sweep, fits, control()) or champions
    there = {member.fit for member in members}
    if without := [fit.name for fit in fits if fit not in there]:
        log.warning(
            "Nobody kept the networks of %d of the best %d fits, and there was no time to train "
            "them again: they cannot be selected (%s)",
            *(len(without), len(fits), ", ".join(without)),
        )
    taken = [members[place] for place in _select(sweep.trainer, members, control())]
    names = ", ".join(member.fit.name for member in taken)
    log.info("Selected from %d networks: %s", len(members), names)
    return taken


def _usable(sweep: Sweep) -> list[Scored]:
    return [scored for scored in longest(sweep.ledger.standing()) if is_usable(scored)]


def _members(sweep: Sweep, fits: Sequence[Fit], control: Control) -> list[Member]:
    """Return the networks of some fits, retrained where they are lost and `control` allows it."""
    members = []
    for fit in fits:
        if sweep.networks.weights(fit) is None and not control.stop_reason():
            _retrain(sweep, fit, control)
        if (model := sweep.networks.model(fit)) is not None:
            members.append(Member(fit, model))
    return members


def _retrain(sweep: Sweep, fit: Fit, control: Control) -> None:
    """Retrain the stack of a recorded fit, and keep the networks that `control` does not cut."""
    done = sweep.ledger.find(fit)
    recorded = sweep.ledger.recorded_plan(done.place.round) if done else None
    if done is None or recorded is None:
        raise AssertionError(f"no plan of the round that trained {fit.name}")
    round_, plan = recorded
    stacks = trained_in(round_, plan, fit, done.place.together)
    if not stacks:  # its round was proposed by an earlier version of the search
        stacks = sweep.trainer.plan([fit]).stacks
    log.info(
        "%s is trained again: its network was not kept by the process that trained it", fit.name
    )
    for _, results in sweep.trainer.run(replace(plan, stacks=stacks), control):
        for result in results:
            if result.outcome.is_done:
                sweep.networks.keep(result)


def _select(trainer: Trainer, members: list[Member], control: Control) -> tuple[int, ...]:
    """Return the indices of the selected networks."""
    dataset, config = trainer.dataset, trainer.config
    rows = dataset.split.validation
    truth = dataset.encoded_targets(rows)
    weights = dataset.sample_weight(rows)
    inputs = functools.cache(lambda name: unseen_inputs(dataset, name, 0)["validation"])
    predictions: list[np.ndarray] = []
    for member in members:
        if predictions and control.stop_reason():
            log.info("The budget ends: the best %d networks may be selected", len(predictions))
            break
        outputs = forward(member.model, inputs(member.fit.trial.encoding))
        if not dataset.regression:  # the probability of the true class is all that the loss reads
            outputs = np.sum(outputs * truth, axis=1, keepdims=True)
        predictions.append(outputs)

    def losses(outputs: np.ndarray, places: np.ndarray) -> np.ndarray:
        if dataset.regression:
            own = row_losses(truth[places], outputs, regression=True)
        else:
            own = -np.log(np.clip(outputs[:, 0], PROBABILITY_FLOOR, 1.0))
        return own if weights is None else own * weights[places]

    return select(np.array(predictions), losses, config.champion_size, config.seed)


def half_the_time(signal: Callable[[], str], spare: Callable[[], float | None]) -> Control:
    """Return a control that stops at a signal, and when half of the seconds left now are used.

    Args:
        signal: Returns the name of the signal that requested an end, or an empty string.
        spare: Returns the seconds left; None without a budget.
    """
    at_first = spare()

    def stop_reason() -> str:
        left = spare()
        ends = at_first is not None and left is not None and left < at_first / 2
        return signal() or ("budget.seconds" if ends else "")

    return Unattended(stop_reason)
