"""KerasTuner's own searches, a round of trials at a time; they are replayed from the finished fits.

An oracle here is temporary and writes nothing: the ledger is the memory. The same finished fits fed
in the same rounds give the same proposals, so `propose` needs no memory of its own; it keeps the last
oracle only to spare a replay from the start.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace

import keras_tuner
from threadpoolctl import threadpool_limits

from pipeline.config.choices import SearchKind
from pipeline.config.schema_search import OtherSearchConfig
from pipeline.core.family import Family
from pipeline.core.language import plural
from pipeline.core.records import Decision, Fit, Round, Scored, Trial
from pipeline.search import sentences
from pipeline.search.board import Walk
from pipeline.search.choose import Rule, choose, chosen, complete_enough, evidence_of, usable
from pipeline.search.decide import Evidence
from pipeline.search.executions import Executions, fit_seed
from pipeline.search.protocol import Choice, Proposal, key
from pipeline.search.space import Axis, Choices, Space

OBJECTIVE = keras_tuner.Objective("score", "min")
NEVER = 10**9
"""KerasTuner gives up after so many failed trials in a row; large networks fail in rows."""
ONE_SE = 1.0
"""These searches have no rule of their own: the usual one standard error."""


class ObservedRounds:
    """The record of one replay: its finished fits by their keys, its rounds, and its decisions."""

    def __init__(self, phase: str) -> None:
        """Start empty, for a search of this name."""
        self.decisions: list[Decision] = []
        self.rounds = 0
        self._phase = phase
        self._fits: dict[tuple[str, int], Scored] = {}
        self._best: Evidence | None = None

    def has(self, fit: Fit) -> bool:
        """Return whether a fit is finished: a trial proposed twice is trained once."""
        return key(fit) in self._fits

    def add(self, finished: Sequence[Scored]) -> None:
        """Add a round, and decide whether it holds a better trial than those before."""
        self._fits.update((key(scored.fit), scored) for scored in finished)
        trials: dict[tuple[Trial, int], list[Scored]] = {}
        for scored in finished:
            trials.setdefault((scored.fit.trial, scored.fit.epochs), []).append(scored)
        usable = [known for own in trials.values() if (known := evidence_of(own))]
        best = min(usable, key=lambda evidence: evidence.order, default=None)
        self._decide(best, len(trials), len(usable))
        self.rounds += 1

    def score(self, keys: Sequence[tuple[str, int]]) -> float:
        """Return the score of a trial from its executions; infinite when any is unusable."""
        evidence = evidence_of([self._fits[each] for each in keys])
        return math.inf if evidence is None else evidence.score

    def _decide(self, best: Evidence | None, trials: int, usable: int) -> None:
        label, shown, word = "", None, "infeasible"
        reason = f"None of {plural(trials, 'trial')} is usable."
        if best is not None:
            is_best = self._best is None or best.order < self._best.order
            word = "same" if not is_best else "start" if self._best is None else "better"
            reason = sentences.round_of_others(best, self._best, trials, trials - usable)
            label, shown = best.trial.capacity.label, best.shown
            self._best = best if is_best else self._best
        decision = Decision(self.rounds, self._phase, label, shown, None, word, reason)
        self.decisions.append(decision)


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


class KerasTunerSearch:
    """Grid, random, Bayesian or Hyperband search over the same space and engine as ours."""

    def __init__(self, config: OtherSearchConfig, family: Family, executions: Executions) -> None:
        """Read the space; nothing is requested yet."""
        self._config = config
        self._executions = executions
        self._space = Space(config, family, is_grid=config.kind is SearchKind.grid)
        self._rule = Rule(config.prefer, ONE_SE, executions.folds)
        self._observed = ObservedRounds(config.kind.name)
        self._walk: Walk[None] | None = None
        self._requested: Round | None = None
        self._fed: list[Scored] = []

    def propose(self, finished: Sequence[Scored]) -> Proposal:
        """Return the first round that `finished` does not answer completely, or the end."""
        requested, observed = self._replayed(finished), self._observed
        if requested is not None:
            return Proposal(requested, tuple(observed.decisions))
        choice = self.choose(finished)
        if choice is None:
            return Proposal(None, tuple(observed.decisions))
        last = chosen(choice, max(observed.rounds - 1, 0))
        return Proposal(None, (*observed.decisions, last), choice)

    def choose(self, finished: Sequence[Scored]) -> Choice | None:
        """Return the best so far by the configured rule; None without a usable trial."""
        plan = self._executions
        return choose(complete_enough(usable(finished), plan.first, plan.folds), self._rule)

    def _replayed(self, finished: Sequence[Scored]) -> Round | None:
        """Return the first round of which a fit is missing; None at the end.

        The script of the last call goes on where `finished` agrees with all that it was fed; else it
        starts over. So the result depends on the fits alone, and costs a replay only after a change.
        """
        done = {key(scored.fit): scored for scored in finished if scored.outcome.is_done}
        if self._walk is None or not all(_is_same(scored, done) for scored in self._fed):
            self._observed, self._fed = ObservedRounds(self._config.kind.name), []
            self._walk = self._script(self._observed)
            self._requested = next(self._walk, None)
        while self._requested is not None and all(key(fit) in done for fit in self._requested.fits):
            batch = [done[key(fit)] for fit in self._requested.fits]
            self._fed += batch
            try:
                self._requested = self._walk.send(batch)
            except StopIteration:
                self._requested = None
        return self._requested

    def _script(self, observed: ObservedRounds) -> Walk[None]:
        """Yield the oracle's trials round by round, and report their scores to it."""
        oracle = self._oracle()
        while trials := self._next_trials(oracle):
            fits = [fit for trial in trials for fit in self._fits(trial)]
            fresh = tuple(dict.fromkeys(fit for fit in fits if not observed.has(fit)))
            if fresh:
                count = plural(len(trials), "trial")
                reason = f"{count} proposed by KerasTuner's {self._config.kind.name} search."
                observed.add((yield Round(observed.rounds, self._config.kind.name, fresh, reason)))
            for trial in trials if self._config.kind is not SearchKind.grid else ():
                _end(oracle, trial, observed.score([key(fit) for fit in self._fits(trial)]))

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
        oracle.save = lambda: None  # it writes no project folder and prints nothing
        oracle._save_trial = lambda _trial: None  # noqa: SLF001 - it has no public switch
        oracle.verbose = 0
        return oracle

    def _next_trials(self, oracle: keras_tuner.Oracle) -> list[keras_tuner.engine.trial.Trial]:
        """Return the oracle's next trials: at most a round, fewer when it waits or is done."""
        trials = []
        for place in range(self._config.round):
            # One thread: on a few dozen points a Gaussian process spends six times as much on more.
            with warnings.catch_warnings(), threadpool_limits(1):
                # A Gaussian process on few points warns that its length scale is at a limit.
                warnings.filterwarnings("ignore", module="sklearn")
                trial = oracle.create_trial(f"{place}")
            if trial.status != "RUNNING":
                break
            trials.append(trial)
            if self._config.kind is SearchKind.grid:
                # A grid uses no score, and hands out one trial a round unless it has ended at once.
                _end(oracle, trial, 0.0)
        return trials

    def _fits(self, trial: keras_tuner.engine.trial.Trial) -> list[Fit]:
        """Return the executions of a proposed trial; Hyperband says for how many epochs."""
        values = trial.hyperparameters.values
        epochs = int(values.get("tuner/epochs", self._executions.epochs))
        point: Trial = self._space.trial(values)
        fits = (self._executions.fit(point, n) for n in range(self._executions.first))
        return [replace(fit, epochs=epochs) for fit in fits]


def _end(oracle: keras_tuner.Oracle, trial: keras_tuner.engine.trial.Trial, score: float) -> None:
    """Report the score of a trial; one that is not finite is failed, which is never ranked."""
    if math.isfinite(score):
        oracle.update_trial(trial.trial_id, {OBJECTIVE.name: score})
    trial.status = "COMPLETED" if math.isfinite(score) else "FAILED"
    oracle.end_trial(trial)


def _is_same(fed: Scored, done: Mapping[tuple[str, int], Scored]) -> bool:
    """Return whether a fit that was fed to the script is still finished, with the same result."""
    now = done.get(key(fed.fit))
    if now is None or now.outcome != fed.outcome:
        return False
    return now.score == fed.score or not fed.outcome.is_ranked
