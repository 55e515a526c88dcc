"""The record of a capacity search: the fits it requested, their scores, and its decisions."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from itertools import groupby
from typing import TypeVar

from pipeline.config.schema_search import CapacityConfig
from pipeline.core.family import Nuisance
from pipeline.core.records import Capacity, Decision, Outcome, Round, Scored, Trial
from pipeline.core.statistics import Difference, Pool
from pipeline.search.choose import evidence_of, leads, rule_of
from pipeline.search.decide import Evidence, difference, luck
from pipeline.search.executions import Executions

T = TypeVar("T")
Walk = Generator[Round, Sequence[Scored], T]
"""A piece of the search: yields rounds, is sent their finished fits, returns its result."""


class OutOfRounds(Exception):  # noqa: N818 - the fuse of the search, not an error
    """The search has used `search.max_rounds`."""


class Board:
    """The record of one search. Everything on it follows from the finished fits of its rounds."""

    def __init__(
        self, rules: CapacityConfig, executions: Executions, constant: float | None = None
    ) -> None:
        """Start empty; `constant` is as of `Rule`."""
        self.rules = rules
        self.executions = executions
        self.decisions: list[Decision] = []
        self.rounds = 0
        self.phase = "start"
        self._results: dict[Trial, list[Scored]] = {}
        self._evidence: dict[Trial, Evidence | None] = {}
        self._leads: dict[Capacity, Evidence | None] = {}
        self._capacities: dict[Capacity, list[Trial]] = {}
        self._ruled_out: set[Capacity] = set()
        self._luck: Pool | None = None
        self.rule = rule_of(rules, executions, constant)

    # -- requesting --------------------------------------------------------------------------

    def request(self, trials: Iterable[Trial], executions: int, reason: str) -> Walk[bool]:
        """Have trials trained up to a number of executions each; False when all have them already."""
        fits = tuple(
            self.executions.fit(trial, execution)
            for trial in dict.fromkeys(trials)
            for execution in range(len(self._results.get(trial, ())), executions)
        )
        if not fits:
            return False
        if self.rounds >= self.rules.max_rounds:
            raise OutOfRounds
        finished = yield Round(self.rounds, self.phase, fits, reason)
        self._luck = None
        for trial, results in groupby(finished, key=lambda scored: scored.fit.trial):
            if trial not in self._results:
                self._capacities.setdefault(trial.capacity, []).append(trial)
                self._results[trial] = []
            self._results[trial] += results
            self._evidence.pop(trial, None)
            self._leads.pop(trial.capacity, None)
        self.rounds += 1
        return True

    # -- reading -----------------------------------------------------------------------------

    def trials(self, capacity: Capacity) -> Sequence[Trial]:
        """Return every trial of a capacity, usable or not, in the order of request."""
        return self._capacities.get(capacity, ())

    def rule_out(self, capacity: Capacity) -> None:
        """Never propose a capacity."""
        self._ruled_out.add(capacity)

    def is_tried(self, capacity: Capacity, nuisance: Nuisance) -> bool:
        """Return whether a capacity was tried with these nuisance values, or was ruled out."""
        return bool(self.tried(capacity, nuisance)) or capacity in self._ruled_out

    def tried(self, capacity: Capacity, nuisance: Nuisance) -> list[Trial]:
        """Return the trials of a capacity with these nuisance values."""
        return [trial for trial in self.trials(capacity) if trial.nuisance == nuisance]

    def evidence(self, trial: Trial) -> Evidence | None:
        """Return the evidence on a trial; None when it is unusable or was never trained."""
        if trial not in self._evidence:
            self._evidence[trial] = evidence_of(self._results.get(trial, ()))
        return self._evidence[trial]

    def outcomes(self, trial: Trial) -> frozenset[Outcome]:
        """Return how the fits of a trial ended."""
        return frozenset(scored.outcome for scored in self._results.get(trial, ()))

    def lead(self, capacity: Capacity) -> Evidence | None:
        """Return the trial that stands for a capacity, or None when it has no usable one.

        The best score among its trials with the most executions: a trial got more executions because
        it was leading, and a luckier score on fewer is no evidence against it.
        """
        if capacity not in self._leads:
            self._leads[capacity] = self._leading(self.trials(capacity))
        return self._leads[capacity]

    def lead_with(self, capacity: Capacity, nuisance: Nuisance) -> Evidence | None:
        """Return the best of a capacity's trials with these nuisance values, or None, as `lead` does."""
        return self._leading(self.tried(capacity, nuisance))

    def _leading(self, trials: Iterable[Trial]) -> Evidence | None:
        return next(iter(leads(self.usable(trials))), None)

    def leads(self) -> list[Evidence]:
        """Return one trial for every usable capacity, best score first."""
        usable = (lead for capacity in self._capacities if (lead := self.lead(capacity)))
        return sorted(usable, key=lambda evidence: evidence.order)

    def best(self) -> Evidence | None:
        """Return the best lead, or None while nothing is usable."""
        return next(iter(self.leads()), None)

    def usable(self, trials: Iterable[Trial] | None = None) -> list[Evidence]:
        """Return the evidence on those trials that are usable; None: on all of the search."""
        every = self._results if trials is None else trials
        return [evidence for trial in every if (evidence := self.evidence(trial))]

    def standing(self) -> tuple[Evidence, Evidence] | None:
        """Return the smallest capacity within the rule of the best, and the best; None without any."""
        usable = self.usable()
        return self.rule.standing(usable)[:2] if usable else None

    def compare(self, candidate: Evidence, reference: Evidence) -> Difference:
        """Return the paired difference of two trials, candidate minus reference."""
        return difference(candidate, reference, folds=self.executions.folds, pool=self.luck)

    @property
    def luck(self) -> Pool:
        """The variation over seeds, pooled over all usable trials."""
        if self._luck is None:
            self._luck = luck(self.usable(), folds=self.executions.folds)
        return self._luck

    # -- deciding ----------------------------------------------------------------------------

    def decide(
        self, capacity: str, score: float | None, se: float | None, verdict: str, reason: str
    ) -> None:
        """Record a decision that was taken on the fits so far."""
        number = max(self.rounds - 1, 0)
        self.decisions.append(Decision(number, self.phase, capacity, score, se, verdict, reason))
