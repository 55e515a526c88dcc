"""The display: a live view on a terminal, plain lines elsewhere, silence; and harmless."""

from __future__ import annotations

import io
import logging
import math
import sys
import threading
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from pipeline.core.control import Progress
from pipeline.core.records import (
    Capacity,
    Decision,
    Direction,
    Finding,
    Fit,
    FitResult,
    Objective,
    Outcome,
    Round,
    Stack,
    StackPlan,
    Trial,
)
from pipeline.terminal.live import sparkline, tally, time_left
from pipeline.terminal.progress import HEARTBEAT, Display
from pipeline.terminal.table import counts, fits_done

TRIAL = Trial(Capacity("2x64", (("layers", 2), ("units", 64))), 0.003, 5000)
FITS = tuple(Fit(TRIAL, execution, execution, 50) for execution in range(3))
ROUND = Round(3, "grow", FITS, "wider and deeper")
PLAN = StackPlan((Stack(0, FITS),), "stacked", "3 fits in 1 stack, padding 0 %")


class Clock:
    """A clock that moves when told."""

    now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def result(execution: int, *losses: float, outcome: Outcome = Outcome.completed) -> FitResult:
    """Make a fit whose val_loss curve is given."""
    curve = np.array(losses)
    best = int(np.nanargmin(curve)) if outcome is Outcome.completed else -1
    curves = {"loss": curve, "val_loss": curve, "val_auc": curve}
    return FitResult(FITS[execution], outcome, curves, best, None, None, 0.1)


def play(display: Display) -> None:
    """Let a display live through one round and its end."""
    with display:
        display.start("wages", {"rows": "534", "store": "sqlite:///[odd].db"})
        display.round(ROUND, PLAN)
        display.progress(Progress(0, 5, 50, 3, 0.6))
        display.fit_done(result(0, 0.9, 0.5, 0.6))
        display.fit_done(result(1, 0.8, 0.41, 0.6))
        display.fit_done(result(2, math.nan, outcome=Outcome.diverged))
        for _ in range(5):
            display.finding(
                Finding("dead-units", "warning", "12 of 64 units are dead"), FITS[0].name
            )
        display.decision(Decision(3, "grow", "2x64", 0.455, 0.02, "better", "2x64 beats 1x64"))
        display.estimate(60.0, 90.0)
        display.final(
            {"status": "done", "trials": 1, "fits": 3, "seconds": 4.2},
            [{"rank": 1, "trial": TRIAL.name, "val_loss": 0.4552}],
        )


def consoles(*, terminal: bool) -> tuple[Console, Console]:
    """Return stderr and stdout that remember what was written."""
    err = Console(file=io.StringIO(), force_terminal=terminal, width=100, highlight=False)
    return err, Console(file=io.StringIO(), width=100, highlight=False)


def written(console: Console) -> str:
    """Return all that a console wrote."""
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_every_event_is_told(*, terminal: bool) -> None:
    """Facts, round, outcomes, decision and finding reach stderr on a terminal and off it."""
    err, out = consoles(terminal=terminal)
    play(Display(True, stderr=err, stdout=out))
    text = written(err)
    for told in (
        "wages",
        "sqlite:///[odd].db",
        "3 fits in 1 stack",
        "1 diverged",
        "2x64 beats",
        f"warning dead-units in {FITS[0].name}: 12 of 64",
    ):
        assert told in text
    assert "val_loss 0.41 (2x64 lr 0.003 #1)" in text


@pytest.mark.parametrize("terminal", [True, False])
def test_the_last_words_stand_on_the_terminal_and_never_in_a_pipe(*, terminal: bool) -> None:
    """A person reads labelled lines, whole, so that a command can be copied; a script its one last line."""
    err, _ = consoles(terminal=terminal)
    out = Console(file=io.StringIO(), force_terminal=terminal, width=80, color_system=None)
    command = "python -m pipeline.predict " + " ".join(f"word={n}" for n in range(30))
    with Display(True, stderr=err, stdout=out) as display:
        assert display.closing({"answer": "1x32 [odd]", "predict": command}) is terminal
    said, silent = (out, err) if terminal else (err, out)
    assert f"predict  {command}\n" in written(said)
    assert "answer   1x32 [odd]\n" in written(said)
    assert written(silent) == ""


def test_one_fit_is_not_fits_and_a_budget_is_no_status() -> None:
    """Lines for people."""
    assert (fits_done(1), fits_done(2)) == ("1 fit done", "2 fits done")
    said = counts({"status": "budget", "trials": 9, "fits": 30, "cut": 2, "seconds": 46.0})
    assert said == "ended by its budget: trials 9, fits 30, cut 2, 46 s"


def test_the_range_of_time_left_is_said_with_a_round() -> None:
    """As the forecaster knew it last."""
    err, out = consoles(terminal=False)
    display = Display(True, stderr=err, stdout=out)
    play(display)
    assert "time left not known yet" in written(
        err
    )  # nobody had told anything when the round ended
    play(display)
    assert "1 min 00 s to 1 min 30 s left" in written(err)


def test_plain_lines_carry_no_escape_codes() -> None:
    """A log file gets text and the time of day, no colours and no cursor movements."""
    err, out = consoles(terminal=False)
    play(Display(True, stderr=err, stdout=out))
    assert "\x1b" not in written(err)
    assert all(line[2] == ":" and line[5] == ":" for line in written(err).splitlines())


def test_not_verbose_says_only_the_end() -> None:
    """verbose=false leaves stderr empty and still prints the final table."""
    err, out = consoles(terminal=True)
    play(Display(False, stderr=err, stdout=out))
    assert written(err) == ""
    assert "2x64 lr 0.003" in written(out)


def test_final_table_is_on_stdout_and_whole_when_piped() -> None:
    """A pipe gets unwrapped rows with their figures."""
    err, out = consoles(terminal=False)
    play(Display(True, stderr=err, stdout=out))
    assert "done: trials 1, fits 3, 4.2 s" in written(out)
    assert any("1" in line and "0.4552" in line for line in written(out).splitlines())
    assert "0.4552" not in written(err)


def test_what_needs_attention_is_said_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    """On the terminal and in the log file; nothing where nothing needs it."""
    err, out = consoles(terminal=False)
    caplog.set_level(logging.INFO)
    display = Display(verbose=True, stderr=err, stdout=out)
    display.attention([])
    assert written(err) == ""
    display.attention(["Column 'id' is left out (constant); data.keep=[id] changes that."])
    assert "Please look at:" in written(err)
    assert "data.keep=[id] changes that" in written(err)
    assert "data.keep=[id] changes that" in caplog.text


def test_a_repeated_finding_is_said_once() -> None:
    """The first of a code is a sentence; the rest are only counted."""
    err, out = consoles(terminal=False)
    play(Display(True, stderr=err, stdout=out))
    assert written(err).count("12 of 64 units are dead") == 1


def test_best_follows_the_stated_direction() -> None:
    """With val_auc:max the larger value is the best so far."""
    err, out = consoles(terminal=False)
    objective = Objective("val_auc", Direction.max)
    with Display(True, objective=objective, stderr=err, stdout=out) as display:
        display.round(ROUND, PLAN)
        for execution, value in enumerate((0.7, 0.9, 0.8)):
            display.fit_done(result(execution, value))
    assert "val_auc 0.9 (2x64 lr 0.003 #1)" in written(err)


def test_a_cut_fit_is_not_counted() -> None:
    """A fit cut by a signal is repeated on resume, so it is not done."""
    err, out = consoles(terminal=False)
    with Display(True, stderr=err, stdout=out) as display:
        display.round(ROUND, PLAN)
        for execution in range(3):
            display.fit_done(result(execution, 0.5, outcome=Outcome.cut))
    assert "fits done" not in written(err)


def test_plain_log_shows_life_now_and_then() -> None:
    """Progress is throttled to one line in HEARTBEAT seconds."""
    err, out = consoles(terminal=False)
    clock = Clock()
    with Display(True, stderr=err, stdout=out, clock=clock) as display:
        display.start("wages")
        for epoch in range(100):
            clock.now += HEARTBEAT / 20
            display.progress(Progress(0, epoch, 100, 3, 0.5))
    assert 4 <= written(err).count("epoch") <= 6


def test_a_broken_terminal_never_reaches_training() -> None:
    """A display whose stderr and stdout are closed stays silent instead of raising."""
    err, out = consoles(terminal=True)
    err.file.close()
    out.file.close()
    play(Display(True, stderr=err, stdout=out))


def test_progress_from_many_threads_is_safe() -> None:
    """Engines report from their own threads while the view is drawn."""
    err, out = consoles(terminal=True)
    with Display(True, stderr=err, stdout=out) as display:
        display.start("wages")
        display.round(ROUND, PLAN)
        threads = [
            threading.Thread(
                target=lambda number=number: [
                    display.progress(Progress(number, epoch, 99, 2, 0.5)) for epoch in range(99)
                ]
            )
            for number in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        err.print(display)
    assert "epoch 98/99" in written(err)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True)), st.integers(1, 40))
def test_sparkline_fits_its_width(values: list[float], width: int) -> None:
    """Any curve, also one with gaps or extremes, becomes at most `width` characters."""
    assert len(sparkline(values, width)) <= width


def test_sparkline_shows_the_shape() -> None:
    """A falling curve starts high and ends low; a flat one stays low; a gap is a blank."""
    assert sparkline([3.0, 2.0, 1.0]) == "█▅▁"
    assert sparkline([1.0, 1.0]) == "▁▁"
    assert sparkline([1.0, math.nan, 2.0]) == "▁ █"


def test_unknown_time_left_is_admitted() -> None:
    """No number is invented before the first measurement."""
    assert time_left(None) == "time left not known yet"
    assert time_left((42, 70)) == "42 s to 1 min 10 s left"
    assert time_left((42, 42.3)) == "42 s left"


def test_tally_leaves_out_the_completed() -> None:
    """Only what needs a look is counted."""
    assert tally(Counter(completed=9, diverged=2, dropped=1)) == ", 2 diverged, 1 dropped"


def test_log_lines_do_not_tear_the_live_view(capsys: pytest.CaptureFixture[str]) -> None:
    """Handlers that hold stderr write through the view while it lives, and to stderr after."""
    handler = logging.StreamHandler(sys.stderr)
    root = logging.getLogger()
    root.addHandler(handler)
    err, out = consoles(terminal=True)
    before = sys.stderr
    try:
        with Display(True, stderr=err, stdout=out) as display:
            display.start("wages")
            logging.getLogger("pipeline.data").warning("a column was dropped")
            assert handler.stream is not before
        assert handler.stream is before
    finally:
        root.removeHandler(handler)
    assert "a column was dropped" in written(err)
    assert "a column was dropped" not in capsys.readouterr().err


def test_a_display_that_fails_gives_the_terminal_back() -> None:
    """After a failure nothing is drawn any more and stderr is the process's own again."""
    err, out = consoles(terminal=True)
    before = sys.stderr
    display = Display(True, stderr=err, stdout=out)
    display.start("wages")
    display.round(None, PLAN)
    assert sys.stderr is before
    size = len(written(err))
    play(display)
    assert len(written(err)) == size
