"""A cell means what was recorded of its column, whatever stands in the other rows."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pandas as pd
import pytest

from pipeline.data.typed import DATE_PARTS, Column, Kind, typed, unreadable

NAN = float("nan")


@pytest.mark.parametrize(
    ("form", "texts", "values"),
    [
        ("$1,234.5", ["$1,200", "$ 950", "-$3.50", "($2,000)", "1200"], [1200, 950, -3.5, -2000, NAN]),
        ("1.234,5 €", ["2.680,60 €", "657,59€", "1234,5 €", "1.5 €"], [2680.6, 657.59, 1234.5, NAN]),
        ("1234.5%", ["10%", "12.5 %", "0.1"], [10, 12.5, NAN]),
        ("1'234.5", ["1'234", "12", "1'23"], [1234, 12, NAN]),
        ("1234.5 km", ["12 km", "3.5km", "12"], [12, 3.5, NAN]),
        ("1.234,5", ["85.052", "672", "81,3", "1,5e3"], [85052, 672, 81.3, 1500]),
    ],
)  # fmt: skip
def test_a_number_is_read_by_the_form_of_its_column(form, texts, values):
    """And nothing else is: 1.5 is no number where points separate thousands."""
    column = Column("x", Kind.number, format=form)
    got = typed(pd.DataFrame({"x": texts}), [column])["x"]
    assert np.array_equal(got, values, equal_nan=True)
    assert unreadable(pd.Series(texts), column).tolist() == [math.isnan(each) for each in values]
    native = pd.DataFrame({"x": np.array(values, dtype=float)})
    assert np.array_equal(typed(native, [column])["x"], values, equal_nan=True)


@pytest.mark.parametrize(
    ("column", "cells", "expected"),
    [
        (Column("x", Kind.number), ["1", "?", None, "0.3 EUR", " 2 ", "inf"], [3, 5]),
        (Column("x", Kind.number), [1.0, NAN, float("inf")], [2]),
        (Column("x", Kind.number), pd.to_datetime(["2020-01-01", None]), [0]),
        (Column("x", Kind.date, format="%d.%m.%Y"), ["06.01.2022", "2022-01-06", "6/1/22", ""], [2]),
        (Column("x", Kind.date), [dt.date(2020, 1, 1), "x"], [1]),
        (Column("x", Kind.ordered, parts=("low", "high")), ["low", "none", "middle"], [2]),
        (Column("x", Kind.boolean), ["TRUE", True, 0, "yes", "5"], [3, 4]),
        (Column("x", Kind.category), ["anything", 5, None], []),
    ],
)  # fmt: skip
def test_a_cell_that_is_given_but_not_read_is_told_from_a_missing_one(column, cells, expected):
    """Nothing given counts as missing in silence."""
    assert np.flatnonzero(unreadable(pd.Series(cells), column)).tolist() == expected


def test_a_number_that_is_no_truth_is_missing_as_it_is_said():
    """The 7 among truths that is tolerated in a large file does not reach the network as 7."""
    column = Column("x", Kind.boolean)
    found = typed(pd.DataFrame({"x": [1, 0, 7, "true", "-1"]}), [column])["x"].to_numpy()
    np.testing.assert_array_equal(found, [1.0, 0.0, np.nan, 1.0, np.nan])


def test_a_kind_may_come_as_the_text_of_a_saved_description():
    """Models of earlier versions say "number"."""
    assert Column("x", "number").kind is Kind.number


def test_a_saved_category_keeps_its_texts_and_a_new_one_unites_spellings_of_a_number():
    """3 in one file and 3.0 in another are one level; 1.10 and 1.1 are two, 01 stays 01."""
    frame = pd.DataFrame({"x": ["3.0", "3", "01", "1.10", "1.1"]})
    old, new = Column("x", Kind.category), Column("x", Kind.category, format="canonical")
    assert typed(frame, [old])["x"].tolist() == ["3.0", "3", "01", "1.10", "1.1"]
    assert typed(frame, [new])["x"].tolist() == ["3", "3", "01", "1.10", "1.1"]


def test_an_order_of_levels_is_one_number():
    """Its rank; an unknown level has none."""
    column = Column("x", Kind.ordered, parts=("1", "2", "10"))
    assert typed(pd.DataFrame({"x": ["10", 1, 2.0, "7"]}), [column])["x"].tolist()[:3] == [2, 0, 1]


def test_hours_and_cycles_are_parts_of_a_date():
    """23:30 is near midnight."""
    column = Column("d", Kind.date, parts=("hour", "minute", "hour cos"), format="%m/%d/%Y %H:%M")
    got = typed(pd.DataFrame({"d": ["1/3/2011 23:30", "12/31/2011 6:00"]}), [column])
    assert got.iloc[0].tolist() == [23, 30, pytest.approx(math.cos(math.pi / 24))]
    assert got.iloc[1].tolist() == [6, 0, pytest.approx(0)]


def test_a_date_is_read_the_same_from_text_iso_object_and_datetime():
    """A file, JSON and Parquet give the same parts."""
    column = Column("d", Kind.date, parts=DATE_PARTS, format="%d.%m.%Y")
    day = dt.date(2022, 3, 4)
    cells = [["04.03.2022"], ["2022-03-04"], ["2022-03-04T00:00:00"], [day], [pd.Timestamp(day)]]
    got = [typed(pd.DataFrame({"d": each}), [column]).iloc[0].tolist() for each in cells]
    assert all(each == got[0] for each in got)
    assert got[0][:3] == [2022, 3, 4]


def test_a_name_with_blanks_and_line_breaks_is_found():
    """As a spreadsheet's header writes it."""
    frame = pd.DataFrame({" Area\n(m2) ": ["1"]})
    assert typed(frame, [Column("Area (m2)", Kind.number)])["Area (m2)"].tolist() == [1.0]
