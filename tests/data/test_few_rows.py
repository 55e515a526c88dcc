"""Few validation rows are said before a network is chosen by them, with the override that mends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from pipeline.data.columns import said
from pipeline.data.fewrows import FEW, Few, attention, few_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.data.dataset import Dataset


def table(rows: int, groups: int = 7) -> pd.DataFrame:
    """Return a table of two numbers, a group, a day and a target."""
    x = np.random.default_rng(0).normal(size=(rows, 3))
    days = pd.date_range("2024-01-01", periods=rows).astype(str)
    frame = pd.DataFrame(x, columns=["a", "b", "y"])
    return frame.assign(who=np.arange(rows) % groups, day=days)


HALF = {"target": "y", "test_fraction": 0.0, "validation_fraction": 0.5, "drop": ["who", "day"]}


def test_one_row_below_the_limit_is_said_and_the_limit_itself_is_not(
    prepared: Callable[..., Dataset],
) -> None:
    """By the rows that are validated, however many the table has."""
    few = few_rows(prepared(table(2 * FEW - 2), **HALF))
    assert few.note.startswith(f"{FEW - 1} validation rows")
    assert few.hint == "data.folds=5"
    assert few_rows(prepared(table(2 * FEW), **HALF)) == Few()


@pytest.mark.parametrize("more", [{"folds": 2}, {"folds": 5, "repeats": 3}])
def test_folds_validate_on_every_row_already(
    prepared: Callable[..., Dataset], more: dict[str, Any]
) -> None:
    """Nothing is proposed to who has said it."""
    assert few_rows(prepared(table(60), **HALF, **more)).lines == []


def test_rows_of_one_group_count_once_and_no_more_folds_are_proposed_than_groups(
    prepared: Callable[..., Dataset],
) -> None:
    """A thousand rows of three people are three."""
    words = {**HALF, "drop": ["day"], "group": "who"}
    few = few_rows(prepared(table(2000, 4), **words))
    assert few.note.startswith("2 groups of validation rows")
    assert few.hint == "data.folds=4"
    prepared(table(2000, 4), **words, folds=4)  # what is proposed can be done
    assert few_rows(prepared(table(2000, 1000), **words)).lines == []


def test_rows_in_order_of_time_count_as_rows(prepared: Callable[..., Dataset]) -> None:
    """However few blocks they are cut into for a standard error."""
    words = {**HALF, "drop": ["who"], "time": "day"}
    assert few_rows(prepared(table(4 * FEW), **words)).lines == []
    assert few_rows(prepared(table(FEW), **words)).hint == "data.folds=5"


def test_it_stands_behind_what_is_severe_and_before_all_else(
    prepared: Callable[..., Dataset],
) -> None:
    """A column that gives the target away is graver; one left out by a rule is not."""
    frame = table(60).assign(away=lambda frame: 2 * frame.y, same=1)
    dataset = prepared(frame, **HALF)
    lines = attention(dataset, dataset.facts)
    assert "'away' may give the target away" in lines[0]
    assert lines[1] == few_rows(dataset).lines[0]
    assert [lines[0], *lines[2:]] == said(dataset.facts)


def test_notes_on_the_table_are_shown_at_the_end_of_a_sweep_too(
    prepared: Callable[..., Dataset],
) -> None:
    """Such as rows that repeat others: they were in the log alone, and people read the last lines."""
    frame = pd.concat([table(60), table(60)[:20]]).assign(same=1)
    dataset = prepared(frame, **HALF)
    lines = attention(dataset, dataset.facts)
    (note,) = dataset.table_notes
    assert "20 rows repeat another row exactly" in note
    assert note in lines
    assert lines.index(note) < next(at for at, line in enumerate(lines) if "'same'" in line)


def test_many_notes_on_the_table_do_not_fill_the_last_lines(
    prepared: Callable[..., Dataset], tmp_path: Path
) -> None:
    """A test file that lacks a value in each of many columns: the log has all of it."""
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(300, 40))).rename(
        columns="x{}".format
    )
    empty = frame.assign(**{f"x{place}": np.nan for place in range(1, 30)})
    empty.assign(x0=frame["x0"] + 1).to_parquet(tmp_path / "test.parquet")
    dataset = prepared(frame, target="x0", test_path=str(tmp_path / "test.parquet"))
    assert len(dataset.table_notes) == 29
    lines = attention(dataset, dataset.facts)
    assert len(lines) == 12 + len(few_rows(dataset).lines)
    assert lines[-1] == "... 18 more notes in sweep.log"
