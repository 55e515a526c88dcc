"""What a finished sweep teaches about its machine: the calibration's rates, measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from pipeline.forecast.correction import corrected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.forecast.calibration import Calibration
    from pipeline.forecast.stacktime import Work

TRUST = 0.5
"""Weight of the rates so far, in stacks."""


@dataclass(frozen=True)
class StackRecord:
    """What one stack took."""

    arithmetic: float
    """Operations of all its fits over the epochs that they trained."""
    steps: float
    """Steps of all its fits over those epochs."""
    core_seconds: float
    fresh: bool
    """Whether its program was new: then compiling is in the seconds."""


@dataclass(frozen=True)
class RoundRecord:
    """What one round took."""

    work: Work
    """As predicted for the epochs that its fits did train."""
    seconds: float
    """Wall time."""


@dataclass
class Lesson:
    """Everything that one sweep measured; filled in while it runs."""

    stacks: list[StackRecord] = field(default_factory=list)
    rounds: list[RoundRecord] = field(default_factory=list)
    single: dict[str, float] = field(default_factory=dict)
    """Rates that are measured directly, by their name in Calibration."""

    def rates(self, calibration: Calibration) -> dict[str, float]:
        """Return the measured rates by name; only those that this sweep could measure."""
        found = dict(self.single)
        if self.rounds:
            factor = corrected([(one.work, one.seconds) for one in self.rounds])
            for name in ("round_seconds", "stack_seconds", "compile_seconds"):
                found[name] = factor.fixed * getattr(calibration, name)
            found["overlap"] = factor.training * calibration.overlap
        speed = training_rates(self.stacks, calibration)
        if speed is not None:
            flops, step = speed
            found |= {"flops": flops, "step_seconds": step}
            if "overlap" in found:
                found["overlap"] /= slowdown(self.stacks, calibration, flops, step)
        return found


def training_rates(
    stacks: Sequence[StackRecord], calibration: Calibration
) -> tuple[float, float] | None:
    """Return operations of a core and second, and seconds of a step, that explain the stacks.

    Least squares of relative errors, drawn towards the rates so far. Stacks that also compiled tell
    nothing of training and are left out; None where no other is left.
    """
    known = [one for one in stacks if not one.fresh and one.core_seconds > 0.0]
    if not known:
        return None
    usual = np.array([1.0 / calibration.flops, calibration.step_seconds])
    rows = np.array([(one.arithmetic, one.steps) for one in known]) * usual
    rows /= np.array([[one.core_seconds] for one in known])
    matrix = rows.T @ rows + TRUST * np.eye(2)
    right = rows.sum(axis=0) + TRUST
    factors = np.clip(np.linalg.solve(matrix, right), 0.01, 100.0)
    seconds = factors * usual
    return float(1.0 / seconds[0]), float(seconds[1])


def slowdown(
    stacks: Sequence[StackRecord], calibration: Calibration, flops: float, step: float
) -> float:
    """Return by how much new rates lengthen the training of the stacks."""
    before = sum(
        s.arithmetic / calibration.flops + s.steps * calibration.step_seconds for s in stacks
    )
    after = sum(s.arithmetic / flops + s.steps * step for s in stacks)
    return after / before if before > 0.0 and after > 0.0 else 1.0
