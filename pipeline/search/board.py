"""What a capacity walk knows: the fits it asked for, what they scored, and what was decided."""

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
"""A piece of the search: yields rounds, is sent their finished fits, returns what it found."""


class OutOfRounds(Exception):  # noqa: N818 - the fuse of the search, not an error
    """The search has used `search.max_rounds`."""


class Board:
    """Memory of one walk. Everything on it follows from the answers to the rounds it asked."""

    def __init__(
        self, rules: CapacityConfig, executions: Executions, constant: float | None = None
    ) -> None:
        """Start empty; gains count as a share of what a constant loses (None: of the score)."""
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

    # -- asking ------------------------------------------------------------------------------

    def ask(self, trials: Iterable[Trial], executions: int, reason: str) -> Walk[bool]:
        """Have trials trained until each has so many executions; False when all have them."""
        fits = tuple(
            self.executions.fit(trial, execution)
            for trial in dict.fromkeys(trials)
            for execution in range(len(self._results.get(trial, ())), executions)
        )
        if not fits:
            return False
        if self.rounds >= self.rules.max_rounds:
            raise OutOfRounds
        answers = yield Round(self.rounds, self.phase, fits, reason)
        self._record(answers)
        self.rounds += 1
        return True

    def _record(self, answers: Sequence[Scored]) -> None:
        self._luck = None
        for trial, found in groupby(answers, key=lambda scored: scored.fit.trial):
            if trial not in self._results:
                self._capacities.setdefault(trial.capacity, []).append(trial)
                self._results[trial] = []
            self._results[trial] += found
            self._evidence.pop(trial, None)
            self._leads.pop(trial.capacity, None)

    # -- reading -----------------------------------------------------------------------------

    def trials(self, capacity: Capacity) -> Sequence[Trial]:
        """Return every trial of a capacity, usable or not, in the order they were asked."""
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
        """Return what is known of a trial; None when it is unusable or was never trained."""
        if trial not in self._evidence:
            self._evidence[trial] = evidence_of(self._results.get(trial, ()))
        return self._evidence[trial]

    def outcomes(self, trial: Trial) -> frozenset[Outcome]:
        """Return how the fits of a trial ended."""
        return frozenset(scored.outcome for scored in self._results.get(trial, ()))

    def lead(self, capacity: Capacity) -> Evidence | None:
        """Return the trial that stands for a capacity, or None when it has no usable one.

        The best score among its trials with the most executions: who was given more executions
        was leading when they were given, and a luckier score on fewer is no evidence against it.
        """
        if capacity not in self._leads:
            self._leads[capacity] = self._leading(self.trials(capacity))
        return self._leads[capacity]

    def lead_with(self, capacity: Capacity, nuisance: Nuisance) -> Evidence | None:
        """Return the best of a capacity's trials with these nuisance values, or None, as `lead` does."""
        return self._leading(self.tried(capacity, nuisance))

    def _leading(self, trials: Iterable[Trial]) -> Evidence | None:
        known = [found for trial in trials if (found := self.evidence(trial))]
        return next(iter(leads(known)), None)

    def leads(self) -> list[Evidence]:
        """Return one trial for every usable capacity, best score first."""
        found = (self.lead(capacity) for capacity in self._capacities)
        return sorted((lead for lead in found if lead), key=lambda evidence: evidence.order)

    def best(self) -> Evidence | None:
        """Return the best lead, or None while nothing is usable."""
        return next(iter(self.leads()), None)

    def usable(self) -> list[Evidence]:
        """Return the evidence on every usable trial."""
        return [found for trial in self._results if (found := self.evidence(trial))]

    def compare(self, one: Evidence, other: Evidence) -> Difference:
        """Return the paired difference of two trials."""
        return difference(one, other, folds=self.executions.folds, pool=self.luck)

    @property
    def luck(self) -> Pool:
        """Return what all usable trials together tell of the luck of a seed."""
        if self._luck is None:
            self._luck = luck(self.usable(), folds=self.executions.folds)
        return self._luck

    # -- deciding ----------------------------------------------------------------------------

    def decide(
        self, capacity: str, score: float | None, se: float | None, verdict: str, reason: str
    ) -> None:
        """Note a decision that was taken on the fits so far."""
        number = max(self.rounds - 1, 0)
        self.decisions.append(Decision(number, self.phase, capacity, score, se, verdict, reason))
