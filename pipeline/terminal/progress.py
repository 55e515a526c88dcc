"""The display of a running sweep: a panel on a terminal, a line for each round elsewhere, or nothing.

Everything goes to stderr but the final table, so that stdout stays readable by programs. Every
sentence goes to the logger of this module, for `sweep.log`; a terminal shows the last one. A failing
display is switched off: it must never cost a fit.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Concatenate, ParamSpec

from rich.console import Console, ConsoleOptions
from rich.text import Text

from pipeline.core.control import Progress
from pipeline.core.language import duration, trial
from pipeline.core.records import Decision, Finding, Fit, FitResult, Objective, Round, StackPlan
from pipeline.figures.inline import CapacityScore
from pipeline.terminal.live import TerminalView, panel
from pipeline.terminal.notebook import NotebookView, in_notebook
from pipeline.terminal.picture import Picture, tally, time_left
from pipeline.terminal.table import counts, fits_done, labelled, ranking

HEARTBEAT = 30.0
"""Seconds between plain lines while a stack trains, where there is no live view."""
PLAIN_WIDTH = 120
"""Width of the final table where stdout is no terminal, in columns."""

log = logging.getLogger(__name__)
Given = ParamSpec("Given")


def _harmless(
    method: Callable[Concatenate[Display, Given], None],
) -> Callable[Concatenate[Display, Given], None]:
    """Decorate a method so that its exceptions switch the display off instead of being raised."""

    @functools.wraps(method)
    def guarded(self: Display, /, *args: Given.args, **kwargs: Given.kwargs) -> None:
        if self._broken:
            return
        try:
            with self._lock:
                method(self, *args, **kwargs)
        except Exception:
            self._broken = True
            log.debug("the progress display failed and is switched off", exc_info=True)
            with contextlib.suppress(Exception):
                self._end_view()

    return guarded


class Display(contextlib.AbstractContextManager["Display"]):
    """The display of a sweep. Every method may be called from any thread, and none of them raises."""

    def __init__(
        self,
        verbose: bool,
        *,
        objective: Objective | None = None,
        quiet: bool = False,
        stderr: Console | None = None,
        stdout: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare a display; nothing is written before `start`.

        Args:
            verbose: False: only the final table is shown.
            quiet: Nothing is shown: the caller has the result as an object.
            objective: The metric that is searched by; default val_loss.
            stderr: Where progress goes; default the process's stderr.
            stdout: Where the final table goes; default the process's stdout.
            clock: Seconds, monotonic.
        """
        self._verbose, self._quiet = verbose, quiet
        self._err = stderr or Console(file=sys.stderr, highlight=False)
        self._out = stdout
        self._clock = clock
        self._lock = threading.RLock()
        self._broken = False
        self._view: TerminalView | NotebookView | None = None
        self._picture = Picture(objective=objective or Objective())
        self._stack_of: dict[Fit, int] = {}
        self._started = self._spoken = self._round_began = clock()
        self._round_outcomes: Counter[str] = Counter()

    def __exit__(self, *_: object) -> None:
        """Close the live view, also after an exception."""
        self.close()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """Draw the panel, from the thread that refreshes the terminal.

        Takes no lock: this thread holds rich's lock, and a printing thread takes the two in the opposite
        order. A picture that changes meanwhile is drawn again a quarter of a second later.
        """
        elapsed = self._clock() - self._started
        try:
            yield from panel(self._picture, elapsed, options.max_width, console.height)
        except Exception:  # noqa: BLE001 - this thread's failure would be printed over the view
            yield Text(self._picture.title)

    @_harmless
    def start(self, title: str, facts: Mapping[str, str] | None = None) -> None:
        """Open the view; `facts` are label to value: rows, features, budget, tracking store."""
        self._picture.title = title
        self._started = self._spoken = self._clock()
        if self._verbose and in_notebook():
            self._view = NotebookView(self._picture, self._clock)
        elif self._verbose and self._err.is_terminal:
            self._view = TerminalView(self, self._err)
        self._say(title, "bold")
        for label, value in (facts or {}).items():
            self._say(f"  {label}: {value}", "dim")

    @_harmless
    def round(self, round: Round, plan: StackPlan) -> None:  # noqa: A002 - the project's word
        """Begin a round; `plan` is its partition into stacks."""
        picture = self._picture
        picture.phase = f"{round.phase}, round {round.number}: {plan.sentence}"
        picture.round_done, picture.round_fits = 0, len(round.fits)
        picture.stacks.clear()
        self._stack_of = {fit: stack.number for stack in plan.stacks for fit in stack.fits}
        self._round_outcomes.clear()
        self._round_began = self._clock()
        self._note(f"{picture.phase}{f' - {round.reason}' if round.reason else ''}")

    @_harmless
    def progress(self, progress: Progress) -> None:
        """Record a stack's progress; cheap: another thread draws it."""
        self._picture.follow(progress)
        if self._view is not None:
            self._view.redraw()
        elif self._clock() - self._spoken >= HEARTBEAT:
            self._say(
                f"  stack {progress.stack}: epoch {progress.epoch}/{progress.epochs}, "
                f"{progress.live} training; {time_left(self._picture.seconds_left)}"
            )

    @_harmless
    def fit_done(self, result: FitResult) -> None:
        """Count a fit."""
        picture = self._picture
        before = picture.outcomes.copy()
        picture.add(result)
        self._round_outcomes += picture.outcomes - before
        picture.stacks.pop(self._stack_of.get(result.fit, -1), None)  # its fits end together

    @_harmless
    def decisions(self, decisions: Sequence[Decision], standing: tuple[CapacityScore, ...]) -> None:
        """Show the new decisions after a round, and the ranking of capacities, the best first."""
        picture = self._picture
        picture.rank(standing)
        for decision in decisions:
            is_said = f"is {decision.verdict}" in decision.reason
            picture.decision = (
                decision.reason if is_said else f"{decision.verdict}: {decision.reason}"
            )
            self._note(picture.decision)
            if decision.verdict == "chosen" and decision.score is not None and not standing:
                # every fit with a score was cut, and none is ranked
                picture.rank((CapacityScore(decision.capacity, 0, decision.score),))
        if not picture.round_fits:
            return
        self._plain(
            f"{picture.phase.partition(':')[0]}: {fits_done(picture.round_done)}"
            f"{tally(self._round_outcomes)} in {duration(self._clock() - self._round_began)}; "
            f"leader {picture.leader}; {time_left(picture.seconds_left)}"
        )
        picture.round_fits = 0

    @_harmless
    def estimate(self, low: float, high: float) -> None:
        """Update the time left: the likely range in seconds."""
        self._picture.seconds_left = low, high

    @_harmless
    def finding(self, finding: Finding, fit: str) -> None:
        """Record a finding of diagnosis in a fit: the first of each code as a sentence, then only counted."""
        self._picture.findings[finding.code] += 1
        if self._picture.findings[finding.code] == 1:
            self._note(f"{finding.severity} {finding.code} in {trial(fit)}: {finding.sentence}")

    @_harmless
    def ending(self, step: str) -> None:
        """Show a step after the end of the search."""
        self._picture.stacks.clear()
        self._picture.phase = step
        self._plain(self._picture.phase)

    def stopping(self, line: str) -> bool:
        """Show in the panel that a signal arrived; return False without a panel. Takes no lock."""
        if not isinstance(self._view, TerminalView):
            return False
        self._picture.stopping = line
        return True

    @_harmless
    def attention(self, lines: Sequence[str]) -> None:
        """Print at the end what a person should look at, the gravest first: the beginning is rarely read."""
        if lines:
            self._say("Please look at:", "bold")
        for line in lines:
            self._say(f"  {line}", "yellow")

    @_harmless
    def final(
        self, summary: Mapping[str, Any], rows: Sequence[Mapping[str, str]] = (), common: str = ""
    ) -> None:
        """Print the table of the best trials on stdout, also when not verbose; not in a notebook.

        Args:
            summary: The sweep's summary as in `summary.json`.
            rows: Best first; keys become columns in the order of the first row.
            common: Values that all rows share.
        """
        if self._quiet or isinstance(self._view, NotebookView):
            return
        self._end_view()
        out = self._out or Console(file=sys.stdout, highlight=False)
        if not out.is_terminal:
            out.width = max(out.width, PLAIN_WIDTH)
        out.print(Text(counts(summary)), soft_wrap=True)
        if rows:
            out.print(Text(f"the best, all with {common}:\n" if common else ""))
            out.print(ranking(rows, out.width), "")

    def closing(self, lines: Mapping[str, str]) -> bool:
        """Print the last lines, label to text; a text may be a command and is not wrapped.

        Returns:
            Whether they are on the terminal's stdout or in a notebook's cell; False: on stderr.
        """
        if isinstance(self._view, NotebookView):
            self._view.close_with(lines)
        elif not self._quiet:
            out = self._out or Console(file=sys.stdout, highlight=False)
            self._closing(lines, out if out.is_terminal else None)
            return out.is_terminal and not self._broken
        return True

    @_harmless
    def _closing(self, lines: Mapping[str, str], out: Console | None) -> None:
        wide = max(map(len, lines), default=0) + 2
        for label, text in lines.items():
            if out is None:
                self._say(f"{label:<{wide}}{text}")
            else:
                log.info("%s: %s", label, text)
                out.print(labelled(label, text, wide, out.width), soft_wrap=True)

    @_harmless
    def close(self) -> None:
        """End the live view; a second call does nothing."""
        self._end_view()

    def _end_view(self) -> None:
        view, self._view = self._view, None
        if view is not None:
            view.end()

    def _note(self, line: str) -> None:
        """Write a sentence into the log file, and redraw the view."""
        log.info("%s", line)
        if self._view is not None:
            self._view.redraw()

    def _plain(self, line: str) -> None:
        """Print one line where there is no live view; else only log it."""
        (self._say if self._view is None else self._note)(line)

    def _say(self, line: str, style: str = "") -> None:
        """Print one permanent line: above the live view, or with the time of day in a plain log."""
        log.info("%s", line.strip())
        self._spoken = self._clock()
        if not self._verbose:
            return
        if self._view is not None:
            self._view.say(line, style)
        else:
            self._err.print(Text(f"{time.strftime('%H:%M:%S')} {line}"), soft_wrap=True)
