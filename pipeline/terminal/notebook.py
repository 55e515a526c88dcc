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
"""Between two updates: a notebook keeps up, and its log of messages stays short."""


def in_notebook() -> bool:
    """Return whether this process is a Jupyter kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


class NotebookView:
    """One output of the running cell; every update takes the place of the one before."""

    def __init__(self, picture: Picture, clock: Callable[[], float]) -> None:
        """Show the picture from now on; `clock` returns seconds, monotonic."""
        from IPython.display import HTML, display

        self._html = HTML
        self._picture, self._clock = picture, clock
        self._began = self._drawn = clock()
        self._handle = display(HTML(running(picture, 0.0)), display_id=True)
        self._answer: Mapping[str, str] = {}

    def say(self, line: str, style: str) -> None:  # noqa: ARG002 - of the terminal
        """Leave lines to the log: the cell shows the last decision."""
        self.redraw()

    def redraw(self) -> None:
        """Update the cell, unless that was done less than `SECONDS` ago."""
        if (now := self._clock()) - self._drawn >= SECONDS:
            self._drawn = now
            self._update(running(self._picture, now - self._began))

    def close_with(self, lines: Mapping[str, str]) -> None:
        """End on the answer."""
        self._answer = lines
        self._update(finished(self._picture, lines))

    def end(self) -> None:
        """End without an answer, unless there was one: what went wrong stands below the cell."""
        if not self._answer:
            self._update(stopped(self._picture, self._clock() - self._began))

    def _update(self, html: str) -> None:
        self._handle.update(self._html(html))


def running(picture: Picture, elapsed: float) -> str:
    """Return the cell while the sweep runs: the lines of the picture and its chart."""
    return _cell(picture, picture.head(elapsed), picture.lines())


def finished(picture: Picture, lines: Mapping[str, str]) -> str:
    """Return the cell once the sweep is over; its lines are label and text."""
    return _cell(picture, "", lines)


def stopped(picture: Picture, elapsed: float) -> str:
    """Return the cell of a sweep that was stopped or failed; the error stands below it."""
    return _cell(
        picture, f"stopped after {duration(round(elapsed))}: {fits_done(picture.fits)}", {}
    )


def _cell(picture: Picture, head: str, lines: Mapping[str, str]) -> str:
    from pipeline.figures.page import render

    chart = Markup(capacity_svg(picture.capacities, picture.leading))  # noqa: S704 - escaped by it
    return str(render("cell.html", title=picture.title, head=head, lines=lines, chart=chart))
