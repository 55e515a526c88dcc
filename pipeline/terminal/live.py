"""The live view of a sweep: what is known right now, and its picture for a terminal."""

from __future__ import annotations

import logging
import math
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pipeline.core import language
from pipeline.core.records import Outcome
from pipeline.figures.inline import CapacityScore
from pipeline.terminal.table import fits_done

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.core.control import Progress
    from pipeline.core.records import FitResult, Objective

BARS = "▁▂▃▄▅▆▇█"
SHOWN_STACKS = 6
"""Stacks drawn at once; more would push the rest out of a small terminal."""


@dataclass
class Picture:
    """What the view shows: written by the display, read by the thread that draws."""

    title: str = ""
    round: str = "preparing: Keras starts, a model is saved and loaded on trial"
    stacks: dict[int, Progress] = field(default_factory=dict)
    round_done: int = 0
    round_fits: int = 0
    fits: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    best_name: str = ""
    best_value: float = math.nan
    best_curve: tuple[float, ...] = ()
    best_capacity: str = ""
    capacities: dict[str, CapacityScore] = field(default_factory=dict)
    decision: str = ""
    metric: str = "val_loss"
    seconds_left: tuple[float, float] | None = None
    """The fewest and the most that are likely."""

    def add(self, result: FitResult, objective: Objective) -> None:
        """Take a finished fit: the best so far, alone and of its capacity."""
        if result.outcome is not Outcome.cut:
            self.fits += 1
            self.round_done += 1
            self.outcomes[result.outcome] += 1
        value, trial = result.best(objective.metric), result.fit.trial
        if not result.outcome.is_ranked or not math.isfinite(value):
            return
        if math.isnan(self.best_value) or objective.as_loss(value) < objective.as_loss(
            self.best_value
        ):
            self.best_name, self.best_value = language.trial(result.fit.name), value
            self.best_curve = tuple(map(float, result.curves[objective.metric]))
            self.best_capacity = trial.capacity.label
        known = self.capacities.get(trial.capacity.label)
        if known is None or objective.as_loss(value) < objective.as_loss(known.score):
            point = CapacityScore(trial.capacity.label, trial.parameters, value)
            self.capacities[trial.capacity.label] = point


class TerminalView:
    """The live view on a terminal: drawn four times a second below the lines that stay."""

    def __init__(self, view: RenderableType, console: Console) -> None:
        """Open the view; log handlers that wrote to stderr write above it from now on."""
        self._console = console
        self._live = Live(
            view,
            console=console,
            refresh_per_second=4,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),
            redirect_stderr=True,
        )
        before = sys.stderr
        self._live.start()
        self._moved = _move_handlers(before, sys.stderr)

    def say(self, line: str, style: str) -> None:
        """Print a line that stays."""
        self._console.print(Text(line, style=style))

    def redraw(self) -> None:
        """Leave it to the thread that draws."""

    def end(self) -> None:
        """Take the view away."""
        self._live.stop()
        for handler, stream in self._moved:
            handler.setStream(stream)


def _move_handlers(old: TextIO, new: TextIO) -> list[tuple[logging.StreamHandler[TextIO], TextIO]]:
    """Let log handlers write to another stream; return them with the one they had.

    A handler keeps the stream that it was made with: its lines would tear the live view.
    """
    loggers = [logging.getLogger(), logging.getLogger("pipeline")]
    found = [
        handler
        for logger in loggers
        for handler in logger.handlers
        if isinstance(handler, logging.StreamHandler) and handler.stream is old
    ]
    for handler in found:
        handler.setStream(new)
    return [(handler, old) for handler in found]


def sparkline(values: Sequence[float], width: int = 32) -> str:
    """Draw values as one line of bars; surplus values are averaged, gaps are left blank."""
    columns = min(width, len(values))
    means = [
        _mean(values[i * len(values) // columns : (i + 1) * len(values) // columns])
        for i in range(columns)
    ]
    finite = [mean for mean in means if math.isfinite(mean)]
    if not finite:
        return ""
    low, span = min(finite), max(finite) - min(finite)
    top = len(BARS) - 1
    return "".join(
        " " if not math.isfinite(mean) else BARS[round((mean - low) / span * top) if span else 0]
        for mean in means
    )


def time_left(seconds: tuple[float, float] | None) -> str:
    """Say how long is left; it is not known until the search begins."""
    if seconds is None:
        return "time left not known yet"
    low, high = (language.duration(round(one)) for one in seconds)
    return f"{low} left" if low == high else f"{low} to {high} left"


def tally(outcomes: Counter[str]) -> str:
    """Count what did not complete, for example `, 2 diverged, 5 dropped`; empty when all did."""
    return "".join(
        f", {count} {name}" for name, count in sorted(outcomes.items()) if name != "completed"
    )


def draw(picture: Picture, elapsed: float) -> RenderableType:
    """Return the picture as a renderable of a few short lines.

    Args:
        picture: What is known.
        elapsed: Seconds since the sweep started.
    """
    head = Text.assemble(
        (picture.title, "bold"),
        f"   {language.duration(round(elapsed))} · {time_left(picture.seconds_left)}",
    )
    lines: list[RenderableType] = [Text(), head]
    if picture.round:
        lines.append(Text(picture.round, overflow="ellipsis", no_wrap=True))
    if picture.stacks:
        lines.append(_stacks(picture))
    lines.append(_counts(picture))
    if picture.best_name:
        lines.append(_best(picture))
    return Group(*lines)


def _stacks(picture: Picture) -> Table:
    table = Table.grid(padding=(0, 2))
    running = sorted(picture.stacks.values(), key=lambda progress: progress.stack)
    for progress in running[:SHOWN_STACKS]:
        best = f"best {progress.best:.4g}" if math.isfinite(progress.best) else ""
        table.add_row(
            Text(f"stack {progress.stack}", style="dim"),
            ProgressBar(total=max(progress.epochs, 1), completed=progress.epoch, width=28),
            Text(f"epoch {progress.epoch}/{progress.epochs}"),
            Text(f"{progress.live} training"),
            Text(best),
        )
    return table


def _counts(picture: Picture) -> Text:
    line = Text(
        f"{fits_done(picture.fits)}{tally(picture.outcomes)}"
        f" · this round {picture.round_done} of {picture.round_fits}"
    )
    if picture.findings:
        seen = ", ".join(f"{code} x{n}" for code, n in picture.findings.most_common(4))
        line.append(f" · {seen}", style="yellow")
    return line


def _best(picture: Picture) -> Text:
    return Text.assemble(
        "best so far ",
        (f"{picture.metric} {picture.best_value:.4g}", "bold green"),
        f"  {picture.best_name}  ",
        (sparkline(picture.best_curve), "cyan"),
    )


def _mean(values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else math.nan
