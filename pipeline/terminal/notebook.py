"""The view of a sweep in a notebook: one cell of HTML that is updated, without widgets."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

from markupsafe import Markup

from pipeline.core.language import duration
from pipeline.figures.inline import capacity_svg
from pipeline.terminal.picture import Picture
from pipeline.terminal.table import fits_done

SECONDS = 0.5
"""Least seconds between two updates."""


def in_notebook() -> bool:
    """Return whether this process is a Jupyter kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


class NotebookView:
    """One output of the running cell; every update replaces the one before."""

    def __init__(self, picture: Picture, clock: Callable[[], float]) -> None:
        """Show the picture from now on; `clock` returns seconds, monotonic."""
        from IPython.display import HTML, display

        self._html = HTML
        self._picture, self._clock = picture, clock
        self._began = self._drawn = clock()
        self._handle = display(
            HTML(cell(picture, picture.head(0.0), picture.lines())), display_id=True
        )
        self._answer: Mapping[str, str] = {}

    def say(self, line: str, style: str) -> None:  # noqa: ARG002 - of the terminal
        """Redraw the cell, which shows the last decision; other lines are in the log alone."""
        self.redraw()

    def redraw(self) -> None:
        """Update the cell, unless that was done less than `SECONDS` ago."""
        if (now := self._clock()) - self._drawn >= SECONDS:
            self._drawn = now
            self._update(self._picture.head(now - self._began), self._picture.lines())

    def close_with(self, lines: Mapping[str, str]) -> None:
        """Show the answer: label to text."""
        self._answer = lines
        self._update("", lines)

    def end(self) -> None:
        """Show, unless there was an answer, when the sweep stopped; Jupyter prints the error below."""
        if not self._answer:
            elapsed = duration(round(self._clock() - self._began))
            self._update(f"stopped after {elapsed}: {fits_done(self._picture.fits)}", {})

    def _update(self, head: str, lines: Mapping[str, str]) -> None:
        self._handle.update(self._html(cell(self._picture, head, lines)))


def cell(picture: Picture, head: str, lines: Mapping[str, str]) -> str:
    """Return the HTML of the cell: title, head, lines (label to text) and chart."""
    from pipeline.figures.page import render

    chart = Markup(capacity_svg(picture.capacities, picture.leading))  # noqa: S704 - escaped by it
    return str(render("cell.html", title=picture.title, head=head, lines=lines, chart=chart))
