"""What raw columns mean, and that serving reads them as training did."""

from __future__ import annotations

import ast
import datetime as dt
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import pipeline.data.imagefile
import pipeline.data.typed
from pipeline.data.dateforms import find_format
from pipeline.data.infer import judge
from pipeline.data.typed import DATE_PARTS, MISSING_LEVEL, Column, dates, typed

NAN = float("nan")


def kind(values: list | pd.Series, name: str = "x") -> tuple[str, bool]:
    """Return what a column is taken for, and whether it is used."""
    column = judge(pd.Series(values, name=name)).column
    return column.kind, column.used


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.5, 2.5, NAN] * 9, "number"),
        ([1, 2, 3] * 9, "number"),
        (["1", "2", "?", "3"] * 9, "number"),
        ([" 1.5", "2", "-", "n/a"] * 9, "number"),
        (["7"] * 40 + ["8"] * 40 + ["unknown"], "number"),
        ([Decimal("1.5"), Decimal("2.5")] * 9, "number"),
        ([True, False, None] * 9, "boolean"),
        (["true", "FALSE", ""] * 9, "boolean"),
        (["a", "b", "1"] * 9, "category"),
        (["a", 1, 2.5, True] * 9, "category"),
        (pd.Series(["a", "b"] * 9, dtype="category"), "category"),
        (["2020-01-31", "2021-05-01"] * 9, "date"),
        (["31.01.2020", "01.05.2021"] * 9, "date"),
        (["2020-01-31T10:00:00Z", "2021-05-01T10:00:00+02:00"] * 9, "date"),
        ([dt.date(2020, 1, 31), dt.date(9999, 5, 1)] * 9, "date"),
        (pd.Series(pd.to_datetime(["2020-01-01", "2021-01-01"] * 9)).dt.tz_localize("UTC"), "date"),
        (pd.Series(pd.to_timedelta([1, 2, 3] * 9, unit="h")), "number"),
    ],
)
def test_a_column_is_what_its_values_say(values, expected):
    """Whatever type the file gave it."""
    assert kind(values) == (expected, True)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([3] * 30, "constant: every value is 3"),
        (["?", None] * 15, "constant: no values"),
        ([None] * 30, "constant: no values"),
        (list(range(100)), "identifier: whole numbers, 100 different values in 100 rows"),
        ([*range(95), *[0] * 5], "identifier"),
        ([f"n{i}" for i in range(100)], "identifier or free text"),
        ([f"n{i % 60}" for i in range(100)], "free text: 60 different values in 100 rows"),
        ([[1], [2]] * 15, "not plain values"),
        ([b"a", b"b"] * 15, "not plain values"),
        (np.array([1j, 2j] * 15), "not plain values"),
    ],
)
def test_a_column_that_cannot_help_is_dropped_with_a_reason(values, reason):
    """Never in silence."""
    judged = judge(pd.Series(values, name="x"))
    assert not judged.column.used
    assert judged.reason.startswith(reason)


@pytest.mark.parametrize(
    "values",
    [
        [*range(94), *[0] * 6],
        np.linspace(0, 1, 100),
        [f"n{i % 50}" for i in range(100)],
        [1.0, NAN] * 20,
    ],
)
def test_a_column_just_inside_the_rules_is_kept(values):
    """94 % different whole numbers, measured numbers, 50 % different texts, a value or none."""
    assert kind(values)[1]


def test_a_column_that_the_user_keeps_is_kept():
    """`data.keep` overrides the rules."""
    series = pd.Series(range(100), name="income")
    assert judge(series, keep=True).column.used
    assert not judge(series).column.used


def test_stray_texts_among_numbers_are_named():
    """They count as missing, and the log says which."""
    judged = judge(pd.Series(["1", "2"] * 40 + ["unknown"], name="age"))
    assert "1 row with 'unknown' counts as missing" in judged.note


def test_ambiguous_dates_are_named():
    """03/04/2020 is March in America."""
    judged = judge(pd.Series(["03/04/2020", "05/06/2021"] * 9, name="x"))
    assert judged.column.format == "%m/%d/%Y"
    assert "month first" in judged.note
    assert judge(pd.Series(["13/04/2020", "05/06/2021"] * 9)).column.format == "%d/%m/%Y"


@pytest.mark.parametrize(
    ("form", "most"), [("%Y-%m-%d", 1), ("%d.%m.%Y", 60), ("%d/%m/%y %H:%M:%S", 80)]
)
def test_a_format_is_found_without_reading_the_column_in_each_that_is_known(
    form: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There are 250 of them, 10 ms each: `plan` has two seconds."""
    read = []
    monkeypatch.setattr(
        "pipeline.data.dateforms.dates", lambda *args: read.append(args) or dates(*args)
    )
    days = pd.Series(pd.date_range("2020-01-01", periods=300, freq="29h").strftime(form))
    found = find_format(days, np.ones(len(days)))
    assert found is not None
    assert (found.format, found.share) == ("ISO8601" if form == "%Y-%m-%d" else form, 1.0)
    assert len(read) <= most


def test_a_date_becomes_year_month_weekday_and_elapsed_days():
    """2024-02-29 was a Thursday, 19,782 days after 1970-01-01."""
    column = Column("d", "date", parts=DATE_PARTS, format="ISO8601")
    frame = pd.DataFrame({"d": ["2024-02-29", None, "no date", "2024-02-29 12:00", "9999-12-31"]})
    values = typed(frame, [column])
    assert list(values.columns) == ["d (year)", "d (month)", "d (weekday)", "d (elapsed days)"]
    assert values.iloc[0].tolist() == [2024.0, 2.0, 3.0, 19782.0]
    assert values.iloc[1:3].isna().all().all()
    assert values.iloc[3, 3] == 19782.5
    assert values.iloc[4].tolist() == [9999.0, 12.0, 4.0, 2932896.0]


@pytest.mark.parametrize(
    "values",
    [
        ["1", "2.5", "x", None, "?"],
        [1.0, 2.5, NAN, NAN, float("inf")],
        [1, 2.5, "x", None, 1e200],
        pd.array([1, 2.5, None, None, None], dtype="Float64"),
    ],
)
def test_a_number_is_read_the_same_from_text_float_and_object(values):
    """A served row may come as JSON, a CSV or a typed frame."""
    got = typed(pd.DataFrame({"a": values}), [Column("a", "number")])["a"]
    assert got.dtype == np.float64
    assert np.array_equal(got, [1.0, 2.5, NAN, NAN, NAN], equal_nan=True)


@pytest.mark.parametrize(
    "values", [["3", " x ", None], [3, "x", "None"], [3.0, "x", NAN], [np.int64(3), "x", "?"]]
)
def test_a_category_is_read_the_same_from_any_type(values):
    """3, 3.0 and "3" are one level; a missing one is a level of its own."""
    got = typed(pd.DataFrame({"a": values}), [Column("a", "category")])["a"]
    assert got.tolist() == ["3", "x", MISSING_LEVEL]


def test_columns_may_stand_in_any_order_and_among_others():
    """Only the used ones are read, by name."""
    columns = [Column("a", "number"), Column("b", "category"), Column("c", "number", used=False)]
    values = typed(pd.DataFrame({"z": [0], "b": ["x"], "a": [1]}), columns)
    assert list(values.columns) == ["a", "b"]


def test_a_missing_column_is_named():
    """As a ValueError: this file knows no class of ours."""
    with pytest.raises(ValueError, match="lack the column 'b'"):
        typed(pd.DataFrame({"a": [1]}), [Column("a", "number"), Column("b", "number")])


@pytest.mark.parametrize("module", [pipeline.data.typed, pipeline.data.imagefile])
def test_a_file_that_travels_with_a_model_imports_nothing_of_ours(module):
    """A saved model carries a copy and runs where this package is not."""
    tree = ast.parse(Path(module.__file__).read_text("utf-8"))
    names = [
        node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert not [name for name in names if name.startswith("pipeline")]
