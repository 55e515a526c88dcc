"""What training took on this machine so far: a few smoothed rates, refreshed by every sweep."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

NEWEST = 0.3
"""Weight of the newest sweep; the first replaces the built-in guess altogether."""
SLOWER = 0.1
"""Its weight where it was slower: a machine with other work to do says nothing of this one."""
MOST_CHANGE = 2.0
"""By which factor one sweep may move a rate that several have taught."""
FAR = 1.0e4
"""A value further than this factor from the built-in one is no measurement."""


@dataclass(frozen=True)
class Calibration:
    """Rates of one machine, backend and engine; the built-in values are those of two common cores."""

    startup_seconds: float = 12.0
    """From the start of the process to the first round, reading the data left out."""
    data_seconds: float = 1.0
    """Reading, splitting and encoding, per million values of the table."""
    round_seconds: float = 0.3
    """A round beside its stacks: proposing, recording, waiting for the store."""
    stack_seconds: float = 0.4
    """A stack beside its training: building, reading back, diagnosing."""
    compile_seconds: float = 2.0
    """Tracing and compiling one program."""
    flops: float = 3.0e10
    """Arithmetic of a core and second."""
    step_seconds: float = 6.0e-6
    """What a step costs a member beside arithmetic."""
    overlap: float = 1.2
    """Wall time of training, in shares of its core seconds spread evenly over the cores."""
    tracking_seconds: float = 0.06
    """Work of the background writer per fit."""
    baseline_seconds: float = 1.0
    """Baselines, per million training values that they are fitted on."""
    ending_seconds: float = 8.0
    """From the last fit to the result beside the baselines: artefact, its proof, report."""
    exit_seconds: float = 1.0
    """From the result to the end of the process."""
    share_of_epochs: float = 0.35
    """Epochs that a fit trains, as a share of the most it may."""
    share_dropped: float = 0.2
    """Fits whose learning rate is dropped."""
    sweeps: int = 0
    """How many sweeps taught this."""

    def refreshed(self, measured: Mapping[str, float]) -> Calibration:
        """Return the calibration after one more sweep.

        Args:
            measured: By name, whatever that sweep measured. A value that is not finite and positive,
                or implausibly far from the built-in one, is ignored.
        """
        usual = Calibration()
        known: dict[str, Any] = {
            name: self._moved(name, value)
            for name, value in measured.items()
            if name in RATES and plausible(name, value, getattr(usual, name))
        }
        return replace(self, **known, sweeps=self.sweeps + 1)

    def _moved(self, name: str, value: float) -> float:
        """Return a rate after one more measurement: an evening on a loaded machine hardly moves it."""
        before = float(getattr(self, name))
        if not self.sweeps:
            return value
        weight = NEWEST
        if not name.startswith("share"):
            value = min(max(value, before / MOST_CHANGE), before * MOST_CHANGE)
            slower = value < before if name == "flops" else value > before
            weight = SLOWER if slower else NEWEST
        return before + weight * (value - before)


RATES = tuple(field.name for field in fields(Calibration) if field.name != "sweeps")
"""Everything that is measured."""


def builtin(engine: str = "stacked") -> Calibration:
    """Return what is assumed before the first sweep of an engine."""
    if engine != "fit":
        return Calibration()
    return Calibration(compile_seconds=1.5, flops=4.0e10, step_seconds=2.5e-3)


def plausible(name: str, value: object, usual: float) -> bool:
    """Return whether a value may be a measurement of a rate that is usually `usual`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    if name.startswith("share"):
        return 0.0 <= value <= 1.0
    return usual / FAR <= value <= usual * FAR


def from_json(document: Any, engine: str = "stacked") -> Calibration:
    """Return a stored calibration; whatever in it makes no sense keeps its built-in value."""
    usual = builtin(engine)
    if not isinstance(document, dict):
        return usual
    known: dict[str, Any] = {
        name: float(document[name])
        for name in RATES
        if name in document and plausible(name, document[name], getattr(usual, name))
    }
    sweeps = document.get("sweeps", 0)
    count = sweeps if isinstance(sweeps, int) and not isinstance(sweeps, bool) else 0
    return replace(usual, **known, sweeps=max(0, count) if known else 0)
