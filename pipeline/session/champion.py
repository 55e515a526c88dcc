"""The networks of the chosen trial: from memory, from the store, or trained again."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline.compute import run as run_stacks
from pipeline.core.control import Unattended
from pipeline.evaluation.final import Member
from pipeline.ledger.plans import trained_in
from pipeline.search import is_usable, longest
from pipeline.session.rounds import plan_round
from pipeline.training.settings import Settings

if TYPE_CHECKING:
    from pipeline.core.control import Control
    from pipeline.core.records import Fit
    from pipeline.search import Choice
    from pipeline.session.sweep import Sweep

log = logging.getLogger(__name__)


def champion_members(sweep: Sweep, choice: Choice) -> list[Member]:
    """Return the networks of all executions of the chosen trial, in order of execution."""
    fits = [
        scored.fit
        for scored in longest(sweep.ledger.standing())
        if scored.fit.trial == choice.trial and is_usable(scored)
    ]
    fits.sort(key=lambda fit: fit.execution)
    for fit in fits:
        if sweep.networks.weights(fit) is None:
            train_again(sweep, fit, SignalsAlone(sweep))
    return [Member(fit, sweep.networks.model(fit)) for fit in fits]


def train_again(sweep: Sweep, fit: Fit, control: Control) -> None:
    """Train a fit's stack again: its network was in the memory of a process that has died.

    Args:
        sweep: Its networks are kept there, but for those that `control` cuts.
        fit: Recorded with a score.
        control: Says when to stop.

    Raises:
        Interrupted: A signal asked for an end.
    """
    done = sweep.ledger.find(fit)
    recorded = sweep.ledger.recorded_plan(done.round) if done else None
    if recorded is None:
        raise AssertionError(f"no plan of the round that trained {fit.name}")
    asked, plan = recorded
    stacks = trained_in(asked, plan, fit, done.together if done else ())
    if not stacks:  # its round was asked for by an earlier version of the search
        stacks = plan_round(sweep, replace(asked, fits=(fit,))).stacks
    log.info(
        "%s is trained again: its network was not kept by the process that trained it", fit.name
    )
    settings = Settings.from_config(sweep.config, sweep.objective)
    for _, results in run_stacks(
        replace(plan, stacks=stacks),
        sweep.arrays_of,
        sweep.family,
        settings,
        control,
        sweep.config.compute,
    ):
        for result in results:
            if result.outcome.is_done:
                sweep.networks.keep(result)
    sweep.unless_stopped()


class SignalsAlone(Unattended):
    """A control that heeds signals, not the budget: this training is what its reserve is for."""

    def __init__(self, sweep: Sweep) -> None:
        """Heed the signals of a sweep."""
        self._sweep = sweep

    def stop_reason(self) -> str:
        """Return the signal that asked for an end, or an empty string."""
        return self._sweep.stop.name
