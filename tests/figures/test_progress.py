"""The display: a panel on a terminal, a line a round elsewhere, silence; and harmless."""

from __future__ import annotations

import io
import logging
import math
import sys
import threading
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from pipeline.core import language
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
from pipeline.figures.inline import CapacityScore
from pipeline.terminal.live import CHART_LINES, drawn, panel
from pipeline.terminal.picture import Picture, tally, time_left
from pipeline.terminal.progress import HEARTBEAT, Display
from pipeline.terminal.table import counts, fits_done, ranking

TRIAL = Trial(Capacity("2x64", (("layers", 2), ("units", 64))), 0.003, 5000)
FITS = tuple(Fit(TRIAL, execution, execution, 50) for execution in range(3))
ROUND = Round(3, "grow", FITS, "wider and deeper")
STANDING = (CapacityScore("2x64", 5000, 0.455, 0.021), CapacityScore("1x64", 600, 0.5, 0.03))
BETTER = Decision(3, "grow", "2x64", 0.455, 0.02, "better", "2x64 beats 1x64 beyond noise")
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
        display.estimate(60.0, 90.0)
        display.decisions([BETTER], STANDING)
        display.final(
            {"status": "done", "trials": 1, "fits": 3, "seconds": 4.2},
            [{"#": "1", "trial": TRIAL.name, "val_loss": "0.4552"}],
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
def test_sentences_are_in_the_log_and_facts_are_shown(
    caplog: pytest.LogCaptureFixture, *, terminal: bool
) -> None:
    """What is swept and where stays on the screen; every sentence is in `sweep.log`."""
    caplog.set_level(logging.INFO)
    err, out = consoles(terminal=terminal)
    play(Display(True, stderr=err, stdout=out))
    for told in ("wages", "sqlite:///[odd].db"):
        assert told in written(err)
    for told in (
        "grow, round 3: 3 fits in 1 stack, padding 0 % - wider and deeper",
        "better: 2x64 beats 1x64 beyond noise",
        f"warning dead-units in {FITS[0].name}: 12 of 64",
        "grow, round 3: 3 fits done, 1 diverged in",
    ):
        assert told in caplog.text
    assert "12 of 64" not in written(err)


def test_a_round_is_one_line_without_a_terminal() -> None:
    """What was trained, who leads with its standard error, and the time left."""
    err, out = consoles(terminal=False)
    clock = Clock()
    display = Display(True, stderr=err, stdout=out, clock=clock)
    display.round(ROUND, PLAN)
    for execution in range(3):
        display.fit_done(result(execution, 0.5))
    clock.now += 12
    display.estimate(60.0, 90.0)
    display.decisions([BETTER], STANDING)
    display.decisions([], STANDING)
    (line,) = written(err).splitlines()
    assert line[9:].replace(language.GLUE, " ") == (
        "grow, round 3: 3 fits done in 12 s; leader 2x64: val_loss 0.455 ± 0.021; "
        "1 min 00 s to 1 min 30 s left"
    )


def busy() -> Picture:
    """Return what is known in the middle of a sweep."""
    picture = Picture(title="sweep wages", phase="grow, round 3: 48 fits in 2 stacks")
    picture.stacks = {
        0: Progress(0, 40, 200, 20, 0.41),
        1: Progress(1, 0, 200, 24, math.nan, compiling=True),
    }
    picture.rank((STANDING[1],))
    picture.rank(STANDING)
    picture.decision = "better: " + "2x64 beats 1x64 " * 20
    return picture


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (40, 12)])
def test_the_panel_never_moves_and_never_leaves_the_screen(width: int, height: int) -> None:
    """As many lines before the first round as in the middle, none longer than the terminal."""
    empty, full = (panel(one, 58.0, width, height) for one in (Picture(title="sweep"), busy()))
    assert len(empty) == len(full)
    assert len(full) < max(height, 14)
    assert all(len(line.plain) < width for line in full)


def test_the_panel_says_what_a_person_asks() -> None:
    """Phase, path, leader with its error, last decision, compilers at work, the time, a chart."""
    picture = busy()
    picture.seconds_left = (30.0, 70.0)
    said = "\n".join(line.plain for line in panel(picture, 58.0, 80, 24)).replace(
        language.GLUE, " "
    )
    for told in (
        "sweep wages  58 s · 30 s to 1 min 10 s left",
        "phase   grow, round 3: 48 fits in 2 stacks",
        "now     compiling 1 program, training 20 fits, epoch 40 of 200",
        "path    1x64 → 2x64",
        "leader  2x64: val_loss 0.455 ± 0.021",
        "last    better: 2x64 beats 1x64",
    ):
        assert told in said
    assert " …" in said
    *_, first, second = (line for line in said.splitlines() if "●" in line)
    assert first.startswith("1x64  0.500 ± 0.030")
    assert second.startswith("2x64  0.455 ± 0.021")
    assert first.index("●") > second.index("●")


@pytest.mark.parametrize("terminal", [True, False])
def test_a_signal_is_answered_in_the_panel(*, terminal: bool) -> None:
    """What is written past it would be drawn over."""
    err, out = consoles(terminal=terminal)
    with Display(True, stderr=err, stdout=out) as display:
        display.start("wages")
        assert display.stopping("stopping at the next boundary") is terminal
        err.print(display)
    assert ("stopping at the next boundary" in written(err)) is terminal


def test_the_end_says_what_is_done_now(caplog: pytest.LogCaptureFixture) -> None:
    """It takes as long as some rounds: a panel that stands still is taken for a hang."""
    caplog.set_level(logging.INFO)
    err, _ = consoles(terminal=True)
    with Display(True, stderr=err) as display:
        display.start("wages")
        display.ending("drawing the report")
        err.print(display)
    assert "drawing the report" in written(err)
    assert "drawing the report" in caplog.text


def test_before_anything_has_led_the_best_fit_is_named() -> None:
    """A single fit is no leader; the best is that of all stacks, in the objective's own direction."""
    assert Picture().leader == "none yet"
    for direction, best in (("min", "0.550"), ("max", "0.612")):
        picture = Picture(objective=Objective("val_auc", Direction(direction)))
        for stack, seen in enumerate((0.612, math.nan, 0.55)):
            picture.follow(Progress(stack, 5, 50, 3, seen))
        assert picture.leader == f"none yet; best fit so far {best}"


def test_a_stack_that_is_done_does_not_train_any_more() -> None:
    """While the others of its round still do."""
    err, _ = consoles(terminal=True)
    other = tuple(Fit(TRIAL, execution, execution, 50) for execution in range(3, 5))
    plan = StackPlan((Stack(0, FITS), Stack(1, other)), "stacked", "5 fits in 2 stacks")
    with Display(True, stderr=err) as display:
        display.start("wages")
        display.round(Round(3, "grow", (*FITS, *other), "wider"), plan)
        display.progress(Progress(0, 40, 50, 3, 0.6))
        display.progress(Progress(1, 0, 50, 2, math.nan, compiling=True))
        display.fit_done(result(0, 0.9, 0.5, 0.6))
        err.print(display)
    *_, drawn_last = written(err).split("now     ")
    assert "compiling 1 program\n" in drawn_last.partition("fits")[0]


@given(
    st.lists(
        st.tuples(st.integers(0, 10**9), st.floats(allow_nan=True), st.floats(allow_nan=True)),
        max_size=30,
    ),
    st.integers(30, 120),
)
def test_a_chart_fits_whatever_the_scores_are(
    points: list[tuple[int, float, float]], width: int
) -> None:
    """Also of infinite scores and errors that nobody knows."""
    found = [
        CapacityScore(f"{at}x8", size, score, abs(se))
        for at, (size, score, se) in enumerate(points)
    ]
    lines = drawn(found, width, CHART_LINES)
    assert len(lines) <= CHART_LINES
    assert all("●" in line.plain for line in lines)


@pytest.mark.parametrize("terminal", [True, False])
def test_the_last_words_stand_on_the_terminal_and_never_in_a_pipe(*, terminal: bool) -> None:
    """A person reads labelled lines, whole, so that a command can be copied; a script its one last line."""
    err, _ = consoles(terminal=terminal)
    out = Console(file=io.StringIO(), force_terminal=terminal, width=80, color_system=None)
    command = "python -m pipeline.predict " + " ".join(f"word={n}" for n in range(30))
    sentence = "1x32 [odd]: test RMSE 3.91; the best baseline, gradient boosting, has 1,234.5678 and is worse"
    with Display(True, stderr=err, stdout=out) as display:
        assert display.closing({"answer": sentence, "predict": command}) is terminal
    said, silent = (out, err) if terminal else (err, out)
    assert f"predict  {command}\n" in written(said)
    if terminal:
        shown = written(out).partition("\npredict")[0]
        assert " ".join(shown.split()) == f"answer {sentence}"
        assert [len(line) < 80 for line in shown.splitlines()] == [True, True]
    else:
        assert f"answer   {sentence}\n" in written(err)
    assert written(silent) == ""


def test_one_fit_is_not_fits_and_a_budget_is_no_status() -> None:
    """Lines for people."""
    assert (fits_done(1), fits_done(2)) == ("1 fit done", "2 fits done")
    said = counts({"status": "budget", "trials": 9, "fits": 30, "cut": 2, "seconds": 46.0})
    assert said == (
        "ended by its budget: 9 trials, 30 fits to their end,"
        " 2 more cut and ranked as far as they came, 46 s"
    )


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


def test_a_quiet_one_says_nothing_at_all() -> None:
    """Of a sweep in somebody's program, which has the result as an object: stdout is the program's."""
    err, out = consoles(terminal=True)
    display = Display(False, stderr=err, stdout=out, quiet=True)
    play(display)
    assert display.closing({"answer": "Use 1 hidden layer."})
    assert written(err) == written(out) == ""


def test_final_table_is_on_stdout_and_whole_when_piped() -> None:
    """A pipe gets unwrapped rows with their figures."""
    err, out = consoles(terminal=False)
    play(Display(True, stderr=err, stdout=out))
    assert "done: 1 trial, 3 fits, 4.2 s" in written(out)
    assert any("1" in line and "0.4552" in line for line in written(out).splitlines())
    assert "0.4552" not in written(err)


NOTES = (
    "chosen: smallest within 1 SE",
    "within 1 SE, but larger, on 5 shared executions",
    "another 128x1024 stands for it, 128x1024 lr 0.0095 embedded-48",
    "1.5 SE behind, on 2 shared executions",
)


@pytest.mark.parametrize("name", ["2x64 lr 0.003", "128x1024 lr 0.0095 embedded-48"])
@pytest.mark.parametrize("columns", [80, 120])
def test_a_ranked_trial_takes_one_line_and_its_figures_are_whole(columns: int, name: str) -> None:
    """Reasons lose their last clauses, then the columns that matter least go: no figure is cut."""
    rows = [
        {"#": str(place), "trial": name, "val_accuracy": "0.4552", "SE": "0.085"}
        | {"behind": "0.0093", "fits": "19", "why": note}
        for place, note in enumerate(NOTES, start=1)
    ]
    console = Console(file=io.StringIO(), width=columns)
    console.print(ranking(rows, columns))
    heading, *lines = written(console).splitlines()
    assert len(lines) == len(NOTES)
    assert all(len(line) <= columns for line in [heading, *lines])
    for line, note in zip(lines, NOTES, strict=True):
        assert name in line
        assert "0.4552" in line
        assert note.partition(",")[0] in line
    assert ("behind" in heading) == all("0.0093" in line for line in lines)
    assert (columns == 120) <= all(word in heading for word in rows[0])


def test_a_window_too_narrow_for_reasons_has_none() -> None:
    """A letter a line is read by nobody."""
    rows = [{"trial": "2x64 lr 0.003", "val_loss": "0.4552", "why": NOTES[1]}]
    console = Console(file=io.StringIO(), width=30)
    console.print(ranking(rows, 30))
    assert "0.4552" in written(console)
    assert len(written(console).splitlines()) == 2


def test_what_all_ranked_trials_have_is_said_once() -> None:
    """And not in every row."""
    out = Console(file=io.StringIO(), width=80)
    rows = [{"trial": "2x64 lr 0.003", "val_loss": "0.4552"}]
    Display(True, stdout=out).final({}, rows, "encoding embedded-48")
    assert "the best, all with encoding embedded-48:" in written(out)


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


def test_a_repeated_finding_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """The first of a code is a sentence; the rest are only counted."""
    caplog.set_level(logging.INFO)
    err, out = consoles(terminal=False)
    play(Display(True, stderr=err, stdout=out))
    assert caplog.text.count("12 of 64 units are dead") == 1


def test_a_cut_fit_is_not_done_and_what_is_chosen_of_cut_ones_leads() -> None:
    """A fit cut by a signal is repeated on resume; a budget's end chooses among those it cut."""
    err, out = consoles(terminal=False)
    with Display(True, stderr=err, stdout=out) as display:
        display.round(ROUND, PLAN)
        for execution in range(3):
            cut = result(execution, 0.5, outcome=Outcome.cut)
            display.fit_done(replace(cut, best_epoch=execution - 1))  # the first has no score
        chosen = Decision(3, "choice", "2x64", 0.5, None, "chosen", "2x64 is chosen: 0.5")
        display.decisions([chosen], ())
        err.print(display)
    assert "0 fits done, 2 cut in" in written(err)
    assert "leader 2x64: val_loss 0.5" in written(err)
    assert "last    2x64 is chosen: 0.5" in written(err)  # not "chosen: 2x64 is chosen"


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
    assert "training 8 fits, epoch 98 of 99" in written(err)


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
