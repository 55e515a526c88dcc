"""Measuring a capacity: its bracket of learning rates, re-centred before anything is concluded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.core import language
from pipeline.core.family import Family, Nuisance
from pipeline.core.records import Capacity, Outcome, Trial
from pipeline.search.board import Board, Walk
from pipeline.search.space import RateLadder, trial_of


@dataclass(frozen=True)
class Candidate:
    """A capacity to measure, with what it inherits from its parent."""

    capacity: Capacity
    rate: float
    """The parent's best learning rate: the centre of the bracket."""
    nuisance: Nuisance


@dataclass(frozen=True)
class Bench:
    """What measuring needs beside the board: the family's arithmetic and the ladder of rates."""

    board: Board
    family: Family
    ladder: RateLadder

    def trial(self, capacity: Capacity, rate: float, nuisance: Nuisance) -> Trial:
        """Return one point of the space."""
        return trial_of(self.family, capacity, rate, nuisance)

    def measure(
        self, candidates: Sequence[Candidate], reason: str, beside: Sequence[Trial] = ()
    ) -> Walk[None]:
        """Train every candidate's bracket in a round, trials beside it; re-centre those that need it."""
        # The first round tells how noisy seeds are, by which all later comparisons are judged.
        plan = self.board.executions
        executions = plan.fewest if self.board.rounds else plan.first
        wanted = [
            self.trial(candidate.capacity, rate, candidate.nuisance)
            for candidate in candidates
            for rate in self.ladder.bracket(candidate.rate)
        ]
        yield from self.board.request([*wanted, *beside], executions, reason)
        for _ in range(self.board.rules.recentre):
            moved = [
                (candidate, rate)
                for candidate in candidates
                if (rate := self._centre(candidate)) is not None
            ]
            wanted = [
                self.trial(candidate.capacity, near, candidate.nuisance)
                for candidate, rate in moved
                for near in self.ladder.around(rate)
            ]
            labels = ", ".join(
                f"{candidate.capacity.label} at {language.rate(at)}" for candidate, at in moved
            )
            reason = f"The best rate lies on the edge of its bracket: re-centred for {labels}."
            if not (yield from self.board.request(wanted, executions, reason)):
                break
        yield from self._catch_up(candidates)

    def _catch_up(self, candidates: Sequence[Candidate]) -> Walk[None]:
        """Give a capacity remeasured with other nuisance values the executions that it had.

        The trial that stands for a capacity has the most executions: with fewer, none with the new
        values could take its place.
        """
        behind: dict[int, list[Trial]] = {}
        for candidate in candidates:
            lead = self.board.lead(candidate.capacity)
            best = self.board.lead_with(candidate.capacity, candidate.nuisance)
            if lead and best and best.executions < lead.executions:
                behind.setdefault(lead.executions, []).append(best.trial)
        for executions, trials in sorted(behind.items()):
            names = ", ".join(language.trial(trial.name) for trial in trials)
            reason = f"As many executions as without: {executions} of {names}."
            yield from self.board.request(trials, executions, reason)

    def _centre(self, candidate: Candidate) -> float | None:
        """Return the rate to re-centre a bracket on: its best on an edge with a rung beyond it."""
        if self.ladder.points == 1:
            return None
        tried = sorted(
            self.board.tried(candidate.capacity, candidate.nuisance),
            key=lambda trial: trial.learning_rate,
        )
        known = self.board.usable(tried)
        if not known:
            # Every rate diverged: all of them were too high. Too large or failed: no rate helps.
            diverged = any(Outcome.diverged in self.board.outcomes(trial) for trial in tried)
            return tried[0].learning_rate if diverged else None
        lowest = min(evidence.score for evidence in known)
        best = [evidence.trial for evidence in known if evidence.score == lowest]
        for edge, direction in ((tried[0], -1), (tried[-1], +1)):
            # A tie with a rate further inside is no reason to look beyond.
            if best == [edge] and self.ladder.beyond(edge.learning_rate, direction) is not None:
                return edge.learning_rate
        return None
