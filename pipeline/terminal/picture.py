"""The state of a running sweep and the lines that show it, on a terminal and in a notebook."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from pipeline.core import language
from pipeline.core.control import Progress
from pipeline.core.records import FitResult, Objective, Outcome
from pipeline.figures.inline import CapacityScore
from pipeline.terminal.table import fits_done

SHOWN_STEPS = 6
"""Most capacities of the path that are shown, the last ones."""
SHOWN_FINDINGS = 3


@dataclass
class Picture:
    """The state that the view shows: written by the display, read by the drawing thread."""

    title: str = ""
    phase: str = "preparing: Keras starts, a model is saved and loaded on trial"
    stacks: dict[int, Progress] = field(default_factory=dict)
    best: float = math.nan
    """The best objective of a fit so far."""
    round_done: int = 0
    round_fits: int = 0
    fits: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    capacities: tuple[CapacityScore, ...] = ()
    """The best trial of each capacity, the best first."""
    path: list[str] = field(default_factory=list)
    """The capacities that have led so far, in order."""
    decision: str = ""
    stopping: str = ""
    """Sentence on the signal that stops the sweep; empty for none."""
    objective: Objective = field(default_factory=Objective)
    seconds_left: tuple[float, float] | None = None
    """Likely range; None: not known yet."""

    def follow(self, progress: Progress) -> None:
        """Record the progress of a stack."""
        self.stacks[progress.stack] = progress
        seen = [value for value in (self.best, progress.best) if math.isfinite(value)]
        self.best = min(seen, key=self.objective.as_loss, default=math.nan)

    def add(self, result: FitResult) -> None:
        """Count a finished fit; a cut one counts only among the outcomes, and only with a score."""
        is_done = result.outcome is not Outcome.cut
        if is_done or result.best_epoch >= 0:
            self.outcomes[result.outcome] += 1
        if is_done:
            self.fits += 1
            self.round_done += 1

    def rank(self, capacities: tuple[CapacityScore, ...]) -> None:
        """Record the ranking of capacities, the best first."""
        self.capacities = capacities
        if capacities and self.path[-1:] != [capacities[0].label]:
            self.path.append(capacities[0].label)

    @property
    def leading(self) -> str:
        """Label of the leading capacity; empty before there is one."""
        return self.capacities[0].label if self.capacities else ""

    @property
    def leader(self) -> str:
        """The leading capacity with score and standard error; in the first round the best fit so far."""
        if self.capacities:
            best = self.capacities[0]
            return (
                f"{best.label}: {self.objective.metric} {language.with_error(best.score, best.se)}"
            )
        seen = f"; best fit so far {language.number(self.best)}" if math.isfinite(self.best) else ""
        return f"none yet{seen}"

    def lines(self) -> dict[str, str]:
        """Return the lines below the head, label to text; the labels never change."""
        steps = self.path[-SHOWN_STEPS:]
        path = " → ".join([*(["…"] if len(steps) < len(self.path) else []), *steps])
        return {
            "phase": self.phase,
            "now": self.stopping or self._now(),
            "fits": self._counts(),
            "path": path or language.NOTHING,
            "leader": self.leader,
            "last": self.decision or language.NOTHING,
        }

    def head(self, elapsed: float) -> str:
        """Return elapsed time and time left as text; `elapsed` in seconds."""
        return f"{language.duration(round(elapsed))} · {time_left(self.seconds_left)}"

    def _now(self) -> str:
        running = list(self.stacks.values())
        compiling = sum(progress.compiling for progress in running)
        training = [progress for progress in running if not progress.compiling]
        said = [f"compiling {language.plural(compiling, 'program')}"] if compiling else []
        if training:
            epochs = sorted({progress.epoch for progress in training})
            reached = " to ".join(str(epoch) for epoch in (epochs[0], epochs[-1])[: len(epochs)])
            live = language.plural(sum(progress.live for progress in training), "fit")
            most = max(progress.epochs for progress in training)
            said.append(f"training {live}, epoch {reached} of {most}")
        return ", ".join(said) or language.NOTHING

    def _counts(self) -> str:
        said = f"{fits_done(self.fits)}{tally(self.outcomes)}"
        if self.round_fits:
            said += f"; of this round {self.round_done} of {self.round_fits}"
        seen = self.findings.most_common(SHOWN_FINDINGS)
        return f"{said}{''.join(f' · {code} ×{count}' for code, count in seen)}"


def time_left(seconds: tuple[float, float] | None) -> str:
    """Return the time left as text; None: not known, before the search begins."""
    if seconds is None:
        return "time left not known yet"
    low, high = (language.duration(round(second)) for second in seconds)
    return f"{low} left" if low == high else f"{low} to {high} left"


def tally(outcomes: Counter[str]) -> str:
    """Return the counts of other outcomes than completed: `, 2 diverged, 5 dropped`; empty for none."""
    return "".join(
        f", {count} {name}" for name, count in sorted(outcomes.items()) if name != "completed"
    )
