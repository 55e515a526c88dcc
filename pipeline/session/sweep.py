"""The parts of one running sweep, and how an engine reports to them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.config.redact import redacted
from pipeline.core.commands import resume_command
from pipeline.core.control import Progress
from pipeline.core.errors import Interrupted
from pipeline.core.language import plural
from pipeline.core.records import Round, StackPlan
from pipeline.forecast.forecaster import Forecaster
from pipeline.ledger.ledger import Ledger
from pipeline.runtime.budget import Budget
from pipeline.runtime.signals import StopRequest
from pipeline.search.protocol import Searcher, is_usable
from pipeline.session.trainer import Networks, Trainer
from pipeline.terminal.progress import Display


@dataclass
class Sweep:
    """The parts of one running sweep; it is the control of its engines (core.control.Control)."""

    output_dir: Path
    trainer: Trainer
    searcher: Searcher
    ledger: Ledger
    display: Display
    budget: Budget
    stop: StopRequest
    networks: Networks
    forecaster: Forecaster

    def plan(self, round_: Round) -> StackPlan:
        """Return the stacks of a round: on resume as they were recorded, where it is the same round."""
        recorded = self.ledger.recorded_plan(round_.number) if self.ledger.resumed else None
        if recorded is not None and recorded[0] == round_:
            return recorded[1]
        return self.trainer.plan(round_.fits)

    def report(self, progress: Progress) -> None:
        """Pass an engine's progress on."""
        self.display.progress(progress)
        self.forecaster.progress(progress)

    def stop_reason(self) -> str:
        """Return why training must stop, or an empty string."""
        return self.stop.name or self.budget.ended()

    def unless_stopped(self) -> None:
        """Raise Interrupted where a signal requested an end."""
        if self.stop.number is not None:
            raise Interrupted(
                f"stopped by {self.stop.name}; recorded: {plural(len(self.ledger.done), 'fit')}. "
                f"{self.how_to_resume}",
                self.stop.number,
            )

    @property
    def how_to_resume(self) -> str:
        """A sentence with the command that continues the sweep."""
        return f"Continue with: {redacted(resume_command(self.ledger.run_id))}"

    def has_usable(self) -> bool:
        """Return whether there would be a champion if the sweep ended now."""
        return any(is_usable(scored) for scored in self.ledger.standing())
