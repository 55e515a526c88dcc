"""The capacity search as a `keras_tuner.Oracle`, for any ordinary `keras_tuner.Tuner`.

    tuner = MyTuner(oracle=CapacityOracle("val_loss", config, family), directory=...)

A tuner reports one number a trial: there are no validation rows and no repeats to measure noise with.
So here the search runs without its noise rules, as the course's workflow does: every difference counts,
and the best score wins.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras_tuner

from pipeline.config.schema_search import CapacityConfig
from pipeline.core.family import Family
from pipeline.core.records import Capacity, Fit, Outcome, Scored, Trial
from pipeline.search import space
from pipeline.search.capacity import CapacitySearch
from pipeline.search.executions import Executions
from pipeline.search.protocol import Choice, Proposal, missing

log = logging.getLogger(__name__)

NEVER = 10**9
"""KerasTuner gives up after so many failed trials in a row; growing fails in rows by design."""


class CapacityOracle(keras_tuner.Oracle):
    """Grow while the score improves, then shrink; proposes one trial at a time.

    A trial's values are the axes of its capacity (`layers` and `units` for an MLP), `learning_rate`
    and what else `config.nuisance` declares: read them with `hp.get(name)`.
    """

    def __init__(
        self,
        objective: str | keras_tuner.Objective,
        config: CapacityConfig,
        family: Family,
        max_trials: int | None = None,
    ) -> None:
        """Declare the whole space up front.

        Args:
            objective: What the tuner reports, with its direction.
            config: The rules; those about noise have no effect.
            max_trials: Most trials; None: until the search is over.
        """
        log.info("One number a trial: the capacity search runs without its noise rules.")
        super().__init__(
            objective=objective,
            max_trials=max_trials,
            hyperparameters=_declared(config, family),
            tune_new_entries=False,
            seed=1,  # nothing here is random; without a seed KerasTuner draws one
            max_consecutive_failed_trials=NEVER,
        )
        self._search = CapacitySearch(config, family, Executions(0, 1, 1, 1))
        self._names: dict[str, str] = {}

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Return the values of the next trial, or that the round before it must end first."""
        proposal, finished = self._replayed()
        if proposal.round is None:
            return {"status": "STOPPED"}
        started = set(self._names.values())
        waiting = missing(proposal.round, finished)
        fit = next((fit for fit in waiting if fit.name not in started), None)
        if fit is None:
            return {"status": "IDLE" if self.ongoing_trials else "STOPPED"}
        self._names[trial_id] = fit.name
        return {"status": "RUNNING", "values": _values(fit.trial)}

    def choice(self) -> Choice | None:
        """Return the trial that the search chooses from those reported so far."""
        return self._search.choose(self._replayed()[1])

    def get_best_trials(self, num_trials: int = 1) -> list[Any]:
        """Return the best trials by the search's own rule, the chosen one first; none that failed."""
        choice = self.choice()
        if choice is None:
            return []
        by_name = {name: self.trials[trial_id] for trial_id, name in self._names.items()}
        ranked = [by_name[f"{trial.name} #0"] for trial in choice.ranking]
        return ranked[:num_trials]

    def get_state(self) -> dict[str, Any]:
        """Return the state that a tuner saves of this oracle."""
        return {**super().get_state(), "capacity_fits": self._names}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Take up where a saved oracle was."""
        super().set_state(state)
        self._names = dict(state["capacity_fits"])

    def _replayed(self) -> tuple[Proposal, list[Scored]]:
        """Return what the search proposes after all reported trials, and those trials.

        Trials are known by the names of their fits, which the search has to propose again.
        """
        finished: list[Scored] = []
        while True:
            proposal = self._search.propose(finished)
            fits = () if proposal.round is None else missing(proposal.round, finished)
            fresh = self._finished(fits)
            if not fresh:
                return proposal, finished
            finished += fresh

    def _finished(self, fits: Sequence[Fit]) -> list[Scored]:
        """Return those of the fits that have ended, with their scores so that lower is better."""
        ended = {self._names[trial_id]: self.trials[trial_id] for trial_id in self.end_order}
        sign = -1 if self.objective.direction == "max" else 1
        finished = []
        for fit in fits:
            trial = ended.get(fit.name)
            if trial is None:
                continue
            is_usable = trial.status == "COMPLETED" and math.isfinite(trial.score)
            outcome = Outcome.completed if is_usable else Outcome.diverged
            score = sign * trial.score if is_usable else math.nan
            finished.append(Scored(fit, outcome, score, sign=sign))
        return finished


def _values(trial: Trial) -> dict[str, Any]:
    """Return a trial as KerasTuner's values; a list of widths is no hyperparameter and is left out."""
    return {**_sizes(trial.capacity), "learning_rate": trial.learning_rate, **dict(trial.nuisance)}


def _sizes(capacity: Capacity) -> dict[str, int]:
    return {name: value for name, value in capacity.values if isinstance(value, int)}


def _declared(config: CapacityConfig, family: Family) -> keras_tuner.HyperParameters:
    """Return the space: the first axis of a capacity is its depth, the second its width."""
    limits = config.space
    declared = keras_tuner.HyperParameters()
    ranges = [(limits.layers_min, limits.layers_max), (0, limits.units_max)]
    for place, (name, value) in enumerate(_sizes(family.start()).items()):
        low, high = ranges[place] if place < len(ranges) else (value, value)
        declared.Int(name, low, high, default=value)
    rates = space.ladder(config.learning_rate)
    declared.Float(
        "learning_rate", rates.rungs[0], rates.rungs[-1], sampling="log", default=rates.first
    )
    for name, values in config.nuisance.values().items():
        declared.Choice(name, list(values))
    return declared
