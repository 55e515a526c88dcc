"""How long stacks, rounds and whole sweeps take here: the planner's arithmetic at the pace of a machine."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline.core.records import Round, Stack, StackPlan
from pipeline.training.cost import COMPILE_SECONDS, SHARE_OF_EPOCHS, Cost, Workload
from pipeline.training.padding import pad_to
from pipeline.training.planner import Limits, plan_stacks, program_of
from pipeline.training.sizes import cpu

ROUND_SECONDS = 0.3
"""A round beside its stacks: proposing, recording, waiting for the store."""
STACK_SECONDS = 0.4
"""A stack beside its training: building, reading back, diagnosing."""
KEPT = 0.8
"""Share of a program's price that one on the disk is spared: it is neither traced nor compiled, only read."""


@dataclass(frozen=True)
class WallTime:
    """Wall time of a stack or of rounds."""

    again: float = 0.0
    """Seconds where all programs are on the disk."""
    compiling: float = 0.0
    """Seconds more where none is."""

    @property
    def seconds(self) -> float:
        """Seconds where no program is on the disk."""
        return self.again + self.compiling


class StackTime:
    """Seconds of stacks on one table and machine."""

    def __init__(self, workload: Workload, pace: float, cores: int) -> None:
        """Bind the table and the machine.

        Args:
            pace: Seconds for each that the constants say.
            cores: How many train at once.
        """
        self.workload, self._pace, self._cores = workload, pace, max(1, cores)
        self._cost = Cost(workload)

    def of_round(self, plan: StackPlan, compiled: set[Hashable]) -> WallTime:
        """Return the wall time of a round; programs that it compiles are added to `compiled`.

        Training is shared by the cores, but no stack is faster than its tiles, of which each needs one.
        """
        again = self._pace * ROUND_SECONDS
        compiling = total = longest = 0.0
        for stack in plan.stacks:
            beside = self._beside(plan.engine, stack, compiled)
            again, compiling = again + beside.again, compiling + beside.compiling
            seconds = self._core_seconds(plan.engine, stack)
            total += seconds
            longest = max(longest, seconds / self._tiles(plan.engine, stack))
        spread = 1 if plan.engine == "fit" else self._cores
        return WallTime(again + max(total / spread, longest), compiling)

    def of_stack(
        self, engine: str, stack: Stack, compiled: set[Hashable], at_once: int, epochs: float | None
    ) -> float:
        """Return the seconds of a stack beside others.

        Args:
            compiled: Programs that need not be compiled.
            at_once: Stacks that share the cores.
            epochs: Of each fit; None: as many as fits usually train.
        """
        beside = self._beside(engine, stack, set(compiled))
        cores = min(max(1, self._cores // at_once), self._tiles(engine, stack))
        return beside.seconds + self._core_seconds(engine, stack, epochs) / cores

    def compiling(self, plan: StackPlan, programs: int) -> float:
        """Return the seconds that a later process is spared by so many of a plan's programs on the disk."""
        known: set[Hashable] = set()
        spared = [self._beside(plan.engine, stack, known).compiling for stack in plan.stacks]
        return programs * sum(spared) / max(1, len(known))

    def programs(self, plan: StackPlan) -> set[Hashable]:
        """Return what tells the programs of a plan from others."""
        return {self._program(plan.engine, stack) for stack in plan.stacks}

    def _beside(self, engine: str, stack: Stack, compiled: set[Hashable]) -> WallTime:
        """Return what a stack takes beside training; its program is added to `compiled`."""
        program = self._program(engine, stack)
        fit = engine == "fit"
        trial = stack.fits[0].trial
        price = COMPILE_SECONDS if fit else self._cost.compile_seconds(trial, self._widths(stack))
        new = price if program not in compiled else 0.0
        compiled.add(program)
        kept = 0.0 if fit else KEPT  # what `fit` compiles is never kept
        return WallTime(self._pace * (STACK_SECONDS + (1.0 - kept) * new), self._pace * kept * new)

    def _core_seconds(self, engine: str, stack: Stack, epochs: float | None = None) -> float:
        """Return the time of all cores together that training takes; members share one program."""
        trial = stack.fits[0].trial
        if engine == "fit":
            epoch = self._cost.fit_epoch_seconds(trial)
        else:
            epoch = self._cost.epoch_seconds(trial, self._widths(stack))
        usual = [SHARE_OF_EPOCHS * fit.epochs for fit in stack.fits]
        return (
            self._pace * epoch * sum(one if epochs is None else min(one, epochs) for one in usual)
        )

    def _tiles(self, engine: str, stack: Stack) -> int:
        """Return how many cores a stack can keep busy."""
        members = cpu(convolutional=self.workload.family.convolutional).members
        return 1 if engine == "fit" else min(self._cores, -(-len(stack.fits) // members))

    def _program(self, engine: str, stack: Stack) -> Hashable:
        """Return what tells the program of a stack from others."""
        if engine == "fit":
            return stack  # built anew every time
        return self._widths(stack), program_of(stack.fits[0].trial, self.workload)

    def _widths(self, stack: Stack) -> tuple[int, ...]:
        """Return what members are padded to; the linear model has no widths."""
        return stack.padded_units or pad_to(self._cost.widths(fit.trial) for fit in stack.fits)


@dataclass(frozen=True)
class RoundTime:
    """One round."""

    phase: str
    trials: int
    fits: int
    stacks: int
    again: float
    """Seconds, those of compiling left out."""
    compiling: float = 0.0
    """Seconds that another sweep on the same table is spared: its programs are on the disk."""


@dataclass(frozen=True)
class Path:
    """A whole sweep."""

    startup_seconds: float
    """From the start of the process to the first round."""
    rounds: tuple[RoundTime, ...]
    ending_seconds: float
    """From the last round to the end of the process."""
    trials: int
    parameters: tuple[int, int]
    """The smallest and the largest network."""

    @property
    def fits(self) -> int:
        """Fits of all rounds."""
        return sum(round_.fits for round_ in self.rounds)

    @property
    def again(self) -> float:
        """Seconds from start to exit where all programs are on the disk."""
        return (
            self.startup_seconds + sum(round_.again for round_ in self.rounds) + self.ending_seconds
        )

    @property
    def compiling(self) -> float:
        """Seconds more where none is."""
        return sum(round_.compiling for round_ in self.rounds)

    def scaled(self, factor: float) -> Path:
        """Return the path on a table with so many times the rows.

        Seconds of training follow the rows. Programs for as many rows are on the disk; others are
        compiled, which takes as long as it did.
        """
        rounds = (
            replace(
                round_, again=round_.again * factor, compiling=(factor != 1.0) * round_.compiling
            )
            for round_ in self.rounds
        )
        return replace(self, rounds=tuple(rounds))


def path_of_rounds(
    rounds: Sequence[Round], time: StackTime, limits: Limits, startup: float, ending: float
) -> Path:
    """Return rounds with their seconds, between so many at the start and at the end of the process."""
    compiled: set[Hashable] = set()
    times = []
    for asked in rounds:
        plan = plan_stacks(asked.fits, time.workload, limits)
        trials, work = len({fit.trial for fit in asked.fits}), time.of_round(plan, compiled)
        sizes = trials, len(asked.fits), len(plan.stacks)
        times.append(RoundTime(asked.phase, *sizes, work.again, work.compiling))
    parameters = {fit.trial: fit.trial.parameters for asked in rounds for fit in asked.fits}
    smallest_largest = min(parameters.values()), max(parameters.values())
    return Path(startup, tuple(times), ending, len(parameters), smallest_largest)


def path_of(document: dict[str, Any]) -> Path:
    """Return a stored path."""
    rounds = tuple(RoundTime(**one) for one in document["rounds"])
    low, high = document["parameters"]
    return Path(**{**document, "rounds": rounds, "parameters": (low, high)})
