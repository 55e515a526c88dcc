"""The panel on a terminal: the lines of the picture and the capacities as a small chart, in a fixed place."""

from __future__ import annotations

import logging
import math
import sys
import textwrap
from collections.abc import Sequence
from typing import TextIO

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from pipeline.core import language
from pipeline.figures.inline import CapacityScore
from pipeline.terminal.picture import Picture

LABEL = 8
"""Width of a label, in columns."""
DECISION = "last"
DECISION_LINES = 2
"""Lines of the last decision; the whole sentence is in `sweep.log`."""
CHART_LINES = 8
"""Most capacities drawn, the best ones: the panel then has 17 lines, and a small terminal 24."""
FEWEST_CHART_LINES = 2
WIDEST = 100
"""Largest width of the panel, in columns; longer lines are hard to read."""


def panel(picture: Picture, elapsed: float, width: int, height: int) -> list[Text]:
    """Return the lines of the panel; their number depends on the size of the terminal alone.

    Args:
        elapsed: Seconds since the sweep started.
        width: Columns of the terminal.
        height: Lines of the terminal.
    """
    width = min(width, WIDEST) - 1
    head = Text(picture.title, style="bold").append(f"  {picture.head(elapsed)}", "not bold")
    lines = [Text(), head]
    for label, text in picture.lines().items():
        most = DECISION_LINES if label == DECISION else 1
        wrapped = textwrap.wrap(
            text, width - LABEL, max_lines=most, placeholder=" …", break_on_hyphens=False
        )
        style = "bold green" if label == "leader" and picture.leading else ""
        for at, said in enumerate([*wrapped, *[""] * (most - len(wrapped))]):
            name = Text(f"{'' if at else label:<{LABEL}}", style="dim")
            lines.append(name.append(said, style or "not dim"))
    rows = max(FEWEST_CHART_LINES, min(CHART_LINES, height - len(lines) - 2))
    chart = drawn(picture.capacities, width, rows)
    lines += [Text(), *chart, *(Text() for _ in range(rows - len(chart)))]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines


def drawn(points: Sequence[CapacityScore], width: int, rows: int) -> list[Text]:
    """Draw the best capacities, a line each, the smallest first: label, score and error bar.

    Args:
        points: By score, the best first; the best is highlighted.
        width: Most columns of a line.
        rows: Most lines.
    """
    known = [point for point in points if math.isfinite(point.score)][:rows]
    if not known:
        return []
    best, names = known[0], max(len(point.label) for point in known)
    scores = {point.label: language.with_error(point.score, point.se) for point in known}
    figures = max(map(len, scores.values()))
    reach = [(point.score - point.error, point.score + point.error) for point in known]
    low, high = min(start for start, _ in reach), max(end for _, end in reach)
    columns = max(width - names - figures - 5, 8)

    def place(value: float) -> int:
        return round((value - low) / (high - low) * (columns - 1)) if high > low else 0

    lines = []
    for point in sorted(known, key=lambda point: (point.parameters, point.label)):
        start, middle, end = (place(point.score + k * point.error) for k in (-1, 0, 1))
        bar = " " * start + "─" * (middle - start) + "●" + "─" * (end - middle)
        text = f"{point.label:>{names}}  {scores[point.label]:<{figures}}  {bar}"
        lines.append(Text(text, style="bold green" if point is best else ""))
    return lines


class TerminalView:
    """The live view on a terminal: drawn four times a second below the lines that stay."""

    def __init__(self, view: RenderableType, console: Console) -> None:
        """Open the view; log handlers that write to stderr print above it."""
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
        """Do nothing: a thread of rich redraws."""

    def end(self) -> None:
        """Close the view and give log handlers their streams back."""
        self._live.stop()
        for handler, stream in self._moved:
            handler.setStream(stream)


def _move_handlers(old: TextIO, new: TextIO) -> list[tuple[logging.StreamHandler[TextIO], TextIO]]:
    """Redirect log handlers from one stream to another; return them with their old stream.

    A handler keeps the stream it was created with, and would write across the live view.
    """
    loggers = [logging.getLogger(), logging.getLogger("pipeline")]
    moved = [
        handler
        for logger in loggers
        for handler in logger.handlers
        if isinstance(handler, logging.StreamHandler) and handler.stream is old
    ]
    for handler in moved:
        handler.setStream(new)
    return [(handler, old) for handler in moved]
