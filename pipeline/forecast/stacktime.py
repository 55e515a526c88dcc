"""The seconds of stacks, rounds and whole sweeps: the planner's arithmetic at the pace of a machine."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline.core.records import Round, Stack, StackPlan
from pipeline.training.cost import COMPILE_SECONDS, SHARE_OF_EPOCHS, Cost, Workload
from pipeline.training.padding import pad_to
from pipeline.training.planner import Limits, plan_stacks, program_of

ROUND_SECONDS = 0.3
"""Seconds of a round beside its stacks: proposing, recording, waiting for the store."""
STACK_SECONDS = 0.4
"""Seconds of a stack beside its training: building, reading back, diagnosing."""
ENCODED_BYTES = 8e7
"""Bytes of inputs that are encoded and copied to the device in a second, beside training: 20 million numbers
(28 columns in 48 intervals)."""
KEPT = 0.8
"""Share of its compile seconds that a program on the disk saves: it is only read."""


@dataclass(frozen=True)
class WallTime:
    """Wall time of a stack or of rounds."""

    again: float = 0.0
    """Seconds where all programs are on the disk."""
    compiling: float = 0.0
    """Additional seconds where none is."""

    @property
    def seconds(self) -> float:
        """Seconds where no program is on the disk."""
        return self.again + self.compiling


class StackTime:
    """Seconds of stacks on one table and machine."""

    def __init__(self, workload: Workload, pace: float, cores: int) -> None:
        """Bind the table and the machine.

        Args:
            pace: Seconds for each second by the constants of `training.cost`.
            cores: Cores that train at once.
        """
        self.workload, self._pace, self._cores = workload, pace, max(1, cores)
        self._cost = Cost(workload)

    def of_round(self, plan: StackPlan, compiled: set[Hashable]) -> WallTime:
        """Return the wall time of a round; what it prepares is added to `compiled`.

        The cores share the training; a stack uses at most one core for each of its tiles.
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
            compiled: What need not be prepared (`prepared`).
            at_once: Stacks that share the cores.
            epochs: Of each fit; None: as many as fits usually train.
        """
        beside = self._beside(engine, stack, set(compiled))
        cores = min(max(1, self._cores // at_once), self._tiles(engine, stack))
        return beside.seconds + self._core_seconds(engine, stack, epochs) / cores

    def compiling(self, plan: StackPlan, programs: int) -> float:
        """Return the seconds that a later process saves by so many of a plan's programs on the disk."""
        known: set[Hashable] = set()
        spared = [self._beside(plan.engine, stack, known).compiling for stack in plan.stacks]
        compiled = {self._program(plan.engine, stack) for stack in plan.stacks}
        return programs * sum(spared) / max(1, len(compiled))

    def prepared(self, plan: StackPlan) -> set[Hashable]:
        """Return the keys of a plan's programs, and of the inputs that are encoded for it."""
        inputs = {self._inputs(stack) for stack in plan.stacks}
        return inputs | {self._program(plan.engine, stack) for stack in plan.stacks}

    def _beside(self, engine: str, stack: Stack, compiled: set[Hashable]) -> WallTime:
        """Return the wall time of a stack beside training; what it prepares is added to `compiled`."""
        program, inputs = self._program(engine, stack), self._inputs(stack)
        encoding = 0.0 if inputs in compiled else self._cost.table(inputs[0]) / ENCODED_BYTES
        fit = engine == "fit"
        trial = stack.fits[0].trial
        price = COMPILE_SECONDS if fit else self._cost.compile_seconds(trial, self._widths(stack))
        new = price if program not in compiled else 0.0
        compiled |= {program, inputs}
        kept = 0.0 if fit else KEPT  # what `fit` compiles is never kept
        again = STACK_SECONDS + encoding + (1.0 - kept) * new
        return WallTime(self._pace * again, self._pace * kept * new)

    def _core_seconds(self, engine: str, stack: Stack, epochs: float | None = None) -> float:
        """Return the seconds of training, summed over cores; members share one program."""
        trial = stack.fits[0].trial
        if engine == "fit":
            epoch = self._cost.fit_epoch_seconds(trial)
        else:
            epoch = self._cost.epoch_seconds(trial, self._widths(stack))
        most = math.inf if epochs is None else epochs
        trained = sum(min(SHARE_OF_EPOCHS * fit.epochs, most) for fit in stack.fits)
        return self._pace * epoch * trained

    def _tiles(self, engine: str, stack: Stack) -> int:
        """Return the most cores that a stack can use."""
        if engine == "fit":
            return 1
        members = self._cost.tile_members(stack.fits[0].trial, self._widths(stack))
        return min(self._cores, -(-len(stack.fits) // members))

    def _program(self, engine: str, stack: Stack) -> Hashable:
        """Return the key of a stack's program."""
        if engine == "fit":
            return stack  # built anew every time
        return self._widths(stack), program_of(stack.fits[0].trial, self.workload)

    def _inputs(self, stack: Stack) -> tuple[str, int]:
        """Return the key of the arrays that a stack is trained on."""
        return stack.fits[0].trial.encoding, stack.fits[0].fold

    def _widths(self, stack: Stack) -> tuple[int, ...]:
        """Return the widths that members are padded to; the linear model has none."""
        return stack.padded_units or pad_to(self._cost.widths(fit.trial) for fit in stack.fits)


@dataclass(frozen=True)
class RoundTime:
    """The size of one round and its seconds; stored in the history."""

    phase: str
    trials: int
    fits: int
    stacks: int
    again: float
    """Seconds, compiling left out."""
    compiling: float = 0.0
    """Seconds that another sweep on the same table saves: its programs are on the disk."""


@dataclass(frozen=True)
class Path:
    """The rounds of a whole sweep and its seconds; stored in the history."""

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
        """Additional seconds where none is."""
        return sum(round_.compiling for round_ in self.rounds)

    def scaled(self, factor: float) -> Path:
        """Return the path on a table whose number of rows is multiplied by a factor.

        Seconds of training follow the rows. Programs for the same number of rows are on the disk;
        others are compiled, in as many seconds as before.
        """
        is_new = factor != 1.0
        rounds = (
            replace(each, again=each.again * factor, compiling=is_new * each.compiling)
            for each in self.rounds
        )
        return replace(self, rounds=tuple(rounds))


def path_of_rounds(
    rounds: Sequence[Round], time: StackTime, limits: Limits, startup: float, ending: float
) -> Path:
    """Return the path of some rounds; `startup` and `ending` are seconds before and after them."""
    compiled: set[Hashable] = set()
    times = []
    for round_ in rounds:
        plan = plan_stacks(round_.fits, time.workload, limits)
        trials, work = len({fit.trial for fit in round_.fits}), time.of_round(plan, compiled)
        sizes = trials, len(round_.fits), len(plan.stacks)
        times.append(RoundTime(round_.phase, *sizes, work.again, work.compiling))
    every_trial = {fit.trial for round_ in rounds for fit in round_.fits}
    parameters = [trial.parameters for trial in every_trial]
    smallest_largest = min(parameters), max(parameters)
    return Path(startup, tuple(times), ending, len(every_trial), smallest_largest)


def path_of(document: dict[str, Any]) -> Path:
    """Return a stored path."""
    rounds = tuple(RoundTime(**round_) for round_ in document["rounds"])
    low, high = document["parameters"]
    return Path(**{**document, "rounds": rounds, "parameters": (low, high)})
