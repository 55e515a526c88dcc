"""How long stacks and rounds take: the planner's arithmetic at the measured rates of a machine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from pipeline.training.cost import PASSES, Cost
from pipeline.training.order import steps
from pipeline.training.padding import pad_to
from pipeline.training.sizes import cpu, shape_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from pipeline.core.records import Fit, Stack, StackPlan
    from pipeline.forecast.calibration import Calibration
    from pipeline.training.padding import PaddedFamily, Widths
    from pipeline.training.planner import Workload


@dataclass(frozen=True)
class Work:
    """Seconds of a stack or a round, of two kinds that machines and tables scale differently."""

    fixed: float = 0.0
    """Beside training: compiling, building, recording."""
    training: float = 0.0

    @property
    def seconds(self) -> float:
        """Both."""
        return self.fixed + self.training

    def __add__(self, other: Work) -> Work:
        """Return both one after the other."""
        return Work(self.fixed + other.fixed, self.training + other.training)


class StackTime:
    """Seconds of stacks on one table and machine, all cores at work."""

    def __init__(self, workload: Workload, calibration: Calibration, cores: int) -> None:
        """Bind the table and the machine.

        Args:
            workload: The fits' family, settings and rows.
            calibration: Rates of the machine.
            cores: How many train at once.
        """
        self.workload, self.calibration, self.cores = workload, calibration, max(1, cores)
        self._cost = Cost(workload.family, workload.settings, workload.rows, workload.val_rows)

    def shared_by(self, stacks: int) -> StackTime:
        """Return the time of stacks of which so many run side by side."""
        return StackTime(self.workload, self.calibration, self.cores // max(1, stacks))

    def with_compiling(self, share: float) -> StackTime:
        """Return the time where compiling takes this share of what it is calibrated to take."""
        seconds = share * self.calibration.compile_seconds
        return StackTime(
            self.workload, replace(self.calibration, compile_seconds=seconds), self.cores
        )

    def of_round(self, plan: StackPlan, compiled: set[Hashable]) -> Work:
        """Return the wall time of a round; programs that it compiles are added to `compiled`.

        Training is shared by the cores, but no stack is faster than its tiles, of which each needs
        one core.
        """
        fixed, core_seconds, longest = self.calibration.round_seconds, 0.0, 0.0
        for stack in plan.stacks:
            fixed += self.fixed_seconds(plan.engine, stack, compiled)
            total = self.core_seconds(plan.engine, stack)
            core_seconds += total
            longest = max(longest, total / self.parallel(plan.engine, stack))
        spread = 1 if plan.engine == "fit" else self.cores
        return Work(fixed, self.calibration.overlap * max(core_seconds / spread, longest))

    def of_stack(self, engine: str, stack: Stack, compiled: set[Hashable]) -> Work:
        """Return the wall time of a stack that has the machine for itself."""
        fixed = self.fixed_seconds(engine, stack, compiled)
        seconds = self.core_seconds(engine, stack) / self.parallel(engine, stack)
        return Work(fixed, self.calibration.overlap * seconds)

    def fixed_seconds(self, engine: str, stack: Stack, compiled: set[Hashable]) -> float:
        """Return what a stack takes beside training."""
        new = self.programs(engine, stack) - compiled
        compiled |= new
        rates = self.calibration
        return rates.stack_seconds + len(new) * rates.compile_seconds

    def core_seconds(self, engine: str, stack: Stack) -> float:
        """Return the time of all cores together that training a stack takes."""
        if engine == "fit":
            return sum(self.fit_seconds(engine, fit, stack) for fit in stack.fits)
        # One load for all: they share encoding, batch size and widths.
        first = self.fit_seconds(engine, stack.fits[0], stack, epochs=1.0)
        return first * sum(self.epochs(fit) for fit in stack.fits)

    def fit_seconds(
        self, engine: str, fit: Fit, stack: Stack, epochs: float | None = None
    ) -> float:
        """Return the core seconds of one fit.

        Args:
            engine: That of the plan.
            fit: The fit.
            stack: Its stack, whose padding it pays for.
            epochs: Epochs that it trains; None: as many as fits usually do.
        """
        arithmetic, number = self.load(engine, fit, stack)
        rates = self.calibration
        lasting = self.epochs(fit) if epochs is None else epochs
        return lasting * (arithmetic / rates.flops + number * rates.step_seconds)

    def load(self, engine: str, fit: Fit, stack: Stack) -> tuple[float, int]:
        """Return operations and steps of one epoch of a fit, padding included."""
        batch = self.workload.settings.batch_of(fit.trial, self.workload.rows)
        number = steps(batch, self.workload.rows)
        if engine == "fit":
            products = self.workload.family.products(fit.trial.capacity, fit.trial.encoding)
            return 2.0 * PASSES * products * self.workload.rows, number
        return number * self._cost.arithmetic(fit.trial, self._widths(stack)), number

    def epochs(self, fit: Fit) -> float:
        """Return how many epochs a fit trains, on average."""
        rates, settings = self.calibration, self.workload.settings
        whole = min(1.0, rates.share_of_epochs) * fit.epochs
        if not settings.drop_after:
            return whole
        dropped = min(1.0, rates.share_dropped)
        return (1.0 - dropped) * whole + dropped * min(settings.drop_after, whole)

    def parallel(self, engine: str, stack: Stack) -> int:
        """Return how many cores a stack can keep busy."""
        if engine == "fit":
            return 1
        tiles = -(-len(stack.fits) // self._members(stack))
        return min(self.cores, tiles)

    def programs(self, engine: str, stack: Stack) -> set[Hashable]:
        """Return what tells the programs of a stack from others."""
        if engine == "fit":
            return {(stack.fits[0].trial.with_rate(1.0), len(stack.fits))}  # built anew every time
        trial = stack.fits[0].trial
        batch = self.workload.settings.batch_of(trial, self.workload.rows)
        widths = self._widths(stack)
        masked = {self._cost.widths(fit.trial) for fit in stack.fits} != {widths}
        regularised = tuple(sorted(name for name, value in trial.nuisance if value))
        return {(widths, self._members(stack), batch, trial.encoding, masked, regularised)}

    def _widths(self, stack: Stack) -> Widths:
        """Return what members are padded to; the linear model has no widths."""
        return stack.padded_units or pad_to(self._cost.widths(fit.trial) for fit in stack.fits)

    def _members(self, stack: Stack) -> int:
        trial, family = stack.fits[0].trial, cast("PaddedFamily", self.workload.family)
        capacity = family.of_widths(self._widths(stack))
        sizes = (
            family.parameters(capacity, trial.encoding),
            family.products(capacity, trial.encoding),
        )
        batch = self.workload.settings.batch_of(trial, self.workload.rows)
        table = self.workload.rows, self.workload.val_rows
        return shape_of(*sizes, table, batch, cpu(convolutional=family.convolutional)).members


def total(work: Sequence[Work]) -> Work:
    """Return the sum."""
    return sum(work, Work())
