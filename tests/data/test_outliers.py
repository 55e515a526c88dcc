"""Numbers that are no measurements: totals below a table, codes for no value, a row that decides all."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from pipeline.core.errors import DataError
from pipeline.data.outliers import code_for_missing, lone_row
from pipeline.plan import _columns


@pytest.fixture
def flats() -> pd.DataFrame:
    """Return 200 flats: area, colour, and a rent that area tells in part."""
    draw = np.random.default_rng(0)
    area = draw.uniform(20, 80, 200).round(1)
    rent = (10 * area + draw.normal(0, 60, 200)).round(2)
    return pd.DataFrame({"area": area, "colour": draw.choice(["red", "blue"], 200), "rent": rent})


@pytest.mark.parametrize("first", [True, False])
def test_a_total_below_the_table_is_said_and_makes_no_column_a_leak(prepared, flats, first):
    """Beside a total every column seems to tell the target; the row is named wherever it is split to."""
    total = pd.DataFrame(
        [{"area": flats["area"].sum(), "colour": "Total", "rent": flats["rent"].sum()}]
    )
    parts = [total, flats] if first else [flats, total]
    dataset = prepared(pd.concat(parts), target="rent")
    target, *others = dataset.facts
    assert target.attention == "severe"
    row = 1 if first else 201
    assert f"in row {row} (counted below the header) alone makes more than 99" in target.sentence
    assert target.sentence.endswith("it is the sum of all others, a total: remove it.")
    assert not any("give the target away" in fact.note for fact in others)
    assert any("a total: remove it" in line for line in _columns(dataset.facts))


@pytest.mark.parametrize("shift", [0.0, -1e4])
def test_a_row_that_decides_every_score_is_said(prepared, flats, shift):
    """A slip of the pen, not a total; of numbers below zero there is no logarithm."""
    flats["rent"] += shift
    flats.loc[7, "rent"] = 1e12
    sentence = prepared(flats, target="rent").facts[0].sentence
    assert "1e+12 in row 8 (counted below the header) alone makes more than 99 %" in sentence
    assert ("correct it" in sentence, "logarithm" in sentence, "total" in sentence) == (
        True,
        not shift,
        False,
    )


def test_an_ordinary_target_has_no_row_that_decides():
    """Nor has a skewed one, a table of few rows, or one whose large values are several."""
    draw = np.random.default_rng(1)
    for values in (draw.normal(size=500), draw.lognormal(0, 1, 500), np.r_[np.zeros(9), 1.0]):
        assert lone_row(values) is None
    assert lone_row(np.r_[np.zeros(400), 5.0, 5.0]) is None


def test_a_target_that_is_one_number_but_for_a_row_is_said_or_refused(prepared, flats):
    """Where that row is trained on nothing can be learned; where it is not, no scale is known."""
    flats["rent"] = 1.5
    trained = prepared(flats.assign(rent=[*range(2), *range(198)]), target="rent").split
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        odd = flats.copy()
        odd.loc[trained.train[3], "rent"] = 2.5
        said = prepared(odd, target="rent").facts[0].sentence
    assert f"2.5 in row {trained.train[3] + 1} (counted below the header) differs from 1.5" in said
    odd = flats.copy()
    odd.loc[trained.test[3], "rent"] = 2.5
    with pytest.raises(DataError, match=r"same value of 'rent'; use more rows with another value$"):
        prepared(odd, target="rent")


@pytest.mark.parametrize("code", [-999, 9999, -99.0])
def test_a_code_for_no_value_is_pointed_out(prepared, flats, code):
    """In a feature and in the target; it is read as it stands, for nobody but the owner knows."""
    flats.loc[::20, "area"] = code
    area = prepared(flats, target="rent").facts[1]
    assert area.attention == "doubted"
    assert f"Column 'area' holds {code:g} in " in area.sentence
    flats.loc[::20, "rent"] = -99999
    target = prepared(flats, target="rent", drop=["area"]).facts[0]
    assert target.attention == "severe"
    assert "Target 'rent' holds -99999 in 10 rows, far from every other value" in target.sentence
    assert "data.missing_target=drop" in target.sentence


@pytest.mark.parametrize(
    "values",
    [
        [*range(100)],
        [*range(100), 99, 99],
        [*range(60), 999],
        [*range(40), 500, 500],
        [0] * 40 + [99] * 60,
    ],
    ids=["in the range", "repeated in it", "once", "not of nines", "the usual value"],
)
def test_an_ordinary_number_is_no_code(values):
    """Nines that belong to a range, or stand there once, are numbers."""
    assert code_for_missing(np.array(values, dtype=float)) is None


def test_a_class_that_the_test_does_not_hold_is_said(prepared, flats):
    """A class of two rows gives none to the test: an accuracy of 100 % says nothing of it."""
    kind = np.where(flats["area"] > 50, "large", "small")
    kind[[5, 77]] = "odd"
    notes = prepared(flats.assign(kind=kind), target="kind", drop=["rent"]).notes
    said = [note for note in notes if "has no test row" in note]
    assert said == ["Class 'odd' has no test row: the test score says nothing of it."]
    kind[[5, 77, 6, 78]] = "odd", "odd", "rare", "rare"
    notes = prepared(flats.assign(kind=kind), target="kind", drop=["rent"]).notes
    assert [note for note in notes if "has no test row" in note] == [
        "Each of 2 classes ('odd', 'rare') has no test row: the test score says nothing of it."
    ]


def test_the_short_form_of_a_date_and_time_is_a_date(prepared, flats):
    """As ISO 8601 writes it without marks: 20240131T1530."""
    hours = pd.date_range("2024-01-01", periods=200, freq="7h")
    for form in ("%Y%m%dT%H%M", "%Y%m%dT%H%M%S"):
        frame = flats.assign(at=hours.strftime(form))
        (column,) = [one for one in prepared(frame, target="rent").columns if one.name == "at"]
        assert (column.kind, "hour" in column.parts) == ("date", True)
