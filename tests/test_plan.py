"""`python -m pipeline.plan`: what it prints, against the sweep of the same words; without TensorFlow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = ("tensorflow", "keras", "keras_tuner", "mlflow", "jax", "plotly", "ray")
PROGRAM = """
import json, sys
from pipeline.plan import main
code = main(json.loads(sys.argv[1]))
print(json.dumps([name for name in json.loads(sys.argv[2]) if name in sys.modules]), file=sys.stderr)
raise SystemExit(code)
"""


def plan(*words: str, home: Path) -> str:
    """Return what a plan prints; none of the heavy packages may have been imported."""
    command = [sys.executable, "-c", PROGRAM, json.dumps(words), json.dumps(HEAVY)]
    # A calibration of its own: another test may have swept the same table on this machine.
    environment = {**os.environ, "XDG_CACHE_HOME": f"{home}-cache"}
    ended = subprocess.run(
        command, cwd=home, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert json.loads(ended.stderr.strip().splitlines()[-1]) == []
    assert list(home.iterdir()) == [], "a plan writes nothing"
    return ended.stdout


@pytest.mark.parametrize(
    ("cells", "said"), [((1, 2, 3, 4), True), ((0, 1), False), (("a", "b", "c"), False)]
)
def test_few_whole_numbers_may_be_counts(
    tmp_path: Path, cells: tuple[int, ...], said: bool
) -> None:
    """They are classes by the rule, and a person who rates or counts hears of the other way."""
    table, home = tmp_path / "table.csv", tmp_path / "home"
    home.mkdir()
    rows = "".join(f"{row * 7 % 31},{cells[row % len(cells)]}\n" for row in range(120))
    table.write_text("x,y\n" + rows, "utf-8")
    words = ("data=table", f"data.path={table}", "data.target=y")
    line = next(
        line for line in plan(*words, home=home).splitlines() if line.startswith("predict y")
    )
    assert f"({len(cells)} classes" in line
    assert ("data.task=regression predicts the number" in line) == said
    if said:
        assert "predict y (regression)" in plan(*words, "data.task=regression", home=home)


def test_a_terminal_gets_lines_broken_between_words() -> None:
    """What follows stands further in; no word is cut."""
    from pipeline.plan import wrapped

    line = "  listed     date      10 inputs: year, month, weekday, elapsed days, weekday sin, ..."
    first, second = wrapped(line, 60).splitlines()
    assert len(first) < 60
    assert second.startswith(" " * 6)
    assert f"{first} {second.strip()}" == line


def rows(said: str) -> set[str]:
    """Return the lines of the table with single spaces."""
    return {" ".join(line.split()) for line in said.splitlines()}


def test_a_grid_is_counted(tmp_path: Path) -> None:
    """The smoke sweep has 3 trials of 2 executions: test_sweep.py trains just these."""
    said = plan("experiment=smoke", home=tmp_path)
    assert "wages: 534 rows" in said
    assert "predict wage (regression)" in said
    assert "Counted from the space" in said
    assert {"trials 3", "fits 6", "parameters 24 to 401"} <= rows(said)


def test_a_search_on_new_data_says_its_range(tmp_path: Path) -> None:
    """Rounds, trials, fits, parameters and seconds, and that they are a guess."""
    said = plan("data=titanic", home=tmp_path)
    assert "2 classes" in said
    for word in ("rounds", "trials", "fits", "parameters"):
        assert word in said, word
    assert "New data" in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["budget.fits=20"], "budget.fits=20 ends it in round"),
        (["data.folds=4", "data.repeats=2"], "predict wage (regression)"),
        (["search=hyperband", "training.epochs=9"], "Counted from the space"),
        (["budget.cost=1", "budget.cost_per_hour=2"], "The budget lasts"),
    ],
)
def test_other_words_are_planned_too(words: list[str], says: str, tmp_path: Path) -> None:
    """Budgets, folds, money and the searches of KerasTuner, which is not imported for them either."""
    assert says in plan(*words, home=tmp_path)


def test_few_validation_rows_are_said_with_the_folds_that_mend_it(tmp_path: Path) -> None:
    """Before an hour is spent; with folds, or with enough rows, nothing is said."""
    (home := tmp_path / "home").mkdir()
    path = tmp_path / "few.csv"
    words = ("data=table", f"data.path={path}", "data.target=y")
    path.write_text("x,y\n" + "".join(f"{n % 7}.5,{n * 37 % 101}.25\n" for n in range(60)))
    said = plan(*words, home=home)
    assert "10 validation rows" in said
    assert "data.folds=5 validates on every row" in said
    assert "validates on every row" not in plan(*words, "data.folds=5", home=home)
