"""KerasTuner's own searches, asked for a round of trials at a time and replayed by asking again.

An oracle here is temporary and writes nothing: the ledger is the memory. The same finished fits fed
in the same rounds give the same questions, so `propose` needs no memory of its own; it keeps the last
oracle only to spare asking everything again.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import keras_tuner
from threadpoolctl import threadpool_limits

from pipeline.config.choices import SearchKind
from pipeline.core.language import plural
from pipeline.core.records import Round
from pipeline.search.axes import Axis, Choices, Space
from pipeline.search.choose import Rule, choose, chosen, complete_enough
from pipeline.search.executions import fit_seed
from pipeline.search.protocol import Choice, Proposal, key
from pipeline.search.replay import Replay
from pipeline.search.told import Told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.config.schema_search import OtherSearchConfig
    from pipeline.core.family import Family
    from pipeline.core.records import Fit, Scored, Trial
    from pipeline.search.board import Walk
    from pipeline.search.executions import Executions

OBJECTIVE = keras_tuner.Objective("score", "min")
NEVER = 10**9
"""KerasTuner gives up after so many failed trials in a row; large networks fail in rows."""
ONE_SE = 1.0
"""These searches have no rule of their own: the usual one standard error."""


def hyperparameters(axes: Sequence[Axis]) -> keras_tuner.HyperParameters:
    """Return the axes as KerasTuner's hyperparameters; an axis of one value is fixed."""
    space = keras_tuner.HyperParameters()
    for axis in axes:
        if not isinstance(axis, Choices):
            space.Float(axis.name, axis.low, axis.high, sampling="log")
        elif len(axis.values) == 1:
            space.Fixed(axis.name, axis.values[0])
        else:
            space.Choice(axis.name, list(axis.values), ordered=not isinstance(axis.values[0], str))
    return space


def _unsaved(oracle: keras_tuner.Oracle) -> keras_tuner.Oracle:
    """Return an oracle that writes no project folder and prints nothing."""
    oracle.save = lambda: None
    oracle._save_trial = lambda _trial: None  # noqa: SLF001 - it has no public switch
    oracle.verbose = 0
    return oracle


class KerasTunerSearch:
    """Grid, random, Bayesian or Hyperband search over the same space and engine as ours."""

    def __init__(self, config: OtherSearchConfig, family: Family, executions: Executions) -> None:
        """Read the space; nothing is asked yet."""
        self._config = config
        self._executions = executions
        self._space = Space(config, family, is_grid=config.kind is SearchKind.grid)
        self._rule = Rule(config.prefer, ONE_SE, executions.folds)
        self._replay = Replay(self._start)

    def propose(self, finished: Sequence[Scored]) -> Proposal:
        """Return the first round that `finished` does not answer completely, or the end."""
        asked, told = self._replay.to(finished)
        if asked is not None:
            return Proposal(asked, tuple(told.decisions))
        choice = self.choose(finished)
        if choice is None:
            return Proposal(None, tuple(told.decisions))
        last = chosen(choice, max(told.rounds - 1, 0))
        return Proposal(None, (*told.decisions, last), choice)

    def choose(self, finished: Sequence[Scored]) -> Choice | None:
        """Return the best so far by the configured rule; None without a usable trial."""
        return choose(complete_enough(finished, self._executions.first), self._rule)

    def _start(self) -> tuple[Walk[None], Told]:
        told = Told(self._config.kind.name)
        return self._script(told), told

    def _script(self, told: Told) -> Walk[None]:
        """Ask the oracle for rounds of trials, have them trained, and tell it what they scored."""
        oracle = self._oracle()
        while True:
            asked = self._ask(oracle)
            if not asked:
                return
            fits = [fit for trial in asked for fit in self._fits(trial)]
            fresh = tuple(dict.fromkeys(fit for fit in fits if not told.knows(fit)))
            if fresh:
                count = plural(len(asked), "trial")
                reason = f"{count} proposed by KerasTuner's {self._config.kind.name} search."
                told.hear((yield Round(told.rounds, self._config.kind.name, fresh, reason)))
            for trial in asked:
                self._tell(oracle, trial, told)

    def _oracle(self) -> keras_tuner.Oracle:
        """Return a fresh oracle. Its seed is never 0, which KerasTuner takes for unset."""
        config = self._config
        common = {
            "objective": OBJECTIVE,
            "hyperparameters": hyperparameters(self._space.axes),
            "allow_new_entries": False,
            "seed": 1 + fit_seed(self._executions.seed, 0) // 2,
            "max_consecutive_failed_trials": NEVER,
        }
        oracles = keras_tuner.oracles
        match config.kind:
            case SearchKind.grid:
                oracle = oracles.GridSearchOracle(max_trials=config.trials, **common)
            case SearchKind.random:
                oracle = oracles.RandomSearchOracle(max_trials=config.trials, **common)
            case SearchKind.bayesian:
                oracle = oracles.BayesianOptimizationOracle(max_trials=config.trials, **common)
            case _:
                epochs = self._executions.epochs
                oracle = oracles.HyperbandOracle(max_epochs=epochs, factor=config.factor, **common)
                oracle.max_trials = config.trials
        return _unsaved(oracle)

    def _ask(self, oracle: keras_tuner.Oracle) -> list[keras_tuner.engine.trial.Trial]:
        """Return the oracle's next trials: at most a round, fewer when it waits or is done."""
        asked = []
        for place in range(self._config.round):
            # One thread: on a few dozen points a Gaussian process spends six times as much on more.
            with warnings.catch_warnings(), threadpool_limits(1):
                # A Gaussian process on few points warns that its length scale is at a limit.
                warnings.filterwarnings("ignore", module="sklearn")
                trial = oracle.create_trial(f"{place}")
            if trial.status != "RUNNING":
                break
            asked.append(trial)
            if self._config.kind is SearchKind.grid:
                # A grid looks at no score, and hands out one trial a round unless told at once.
                _end(oracle, trial, 0.0)
        return asked

    def _fits(self, trial: keras_tuner.engine.trial.Trial) -> list[Fit]:
        """Return the executions of a proposed trial; Hyperband says for how many epochs."""
        values = trial.hyperparameters.values
        epochs = int(values.get("tuner/epochs", self._executions.epochs))
        point: Trial = self._space.trial(values)
        fits = (self._executions.fit(point, n) for n in range(self._executions.first))
        return [replace(fit, epochs=epochs) for fit in fits]

    def _tell(
        self, oracle: keras_tuner.Oracle, trial: keras_tuner.engine.trial.Trial, told: Told
    ) -> None:
        if self._config.kind is not SearchKind.grid:
            _end(oracle, trial, told.score([key(fit) for fit in self._fits(trial)]))


def _end(oracle: keras_tuner.Oracle, trial: keras_tuner.engine.trial.Trial, score: float) -> None:
    """Tell the score of a trial; one that is not finite is failed, which is never ranked."""
    if math.isfinite(score):
        oracle.update_trial(trial.trial_id, {OBJECTIVE.name: score})
    trial.status = "COMPLETED" if math.isfinite(score) else "FAILED"
    oracle.end_trial(trial)
