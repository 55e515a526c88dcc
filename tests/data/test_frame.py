"""A DataFrame of any dtype is read as it is meant, or refused in words, before anything slow."""

from __future__ import annotations

import datetime as dt
import decimal
import re
import uuid
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipeline.config.schema_data import DataConfig
from pipeline.core.errors import DataError
from pipeline.data import prepare
from pipeline.data.frame import (
    check_frame,
    find_target,
    plain_frame,
    with_plain_target,
    write_frame,
)
from pipeline.data.typed import typed

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.data.dataset import Dataset

ROWS = 120
generator = np.random.default_rng(0)
NUMBERS = generator.normal(0, 1, ROWS)
CODES = generator.integers(0, 5, ROWS)
WHEN = pd.date_range("2020-01-01", periods=ROWS, freq="25h")


class Size(StrEnum):
    """An enum as a cell."""

    small = "S"
    large = "L"


def arrow(values: Any, kind: pa.DataType) -> Any:
    """Return an array backed by Arrow."""
    return pd.array(values, dtype=pd.ArrowDtype(kind))


def cells(*values: Any) -> pd.Series:
    """Return Python objects, repeated."""
    return pd.Series(list(values) * (ROWS // len(values)), dtype=object)


DTYPES: dict[str, tuple[Any, str]] = {
    "numbers and texts": (cells(3, "n/v", "many", 2.0), "category"),
    "whole numbers as objects": (cells(1, 2, 3, None), "number"),
    "floats and decimals": (cells(1.5, decimal.Decimal("2.5"), None), "number"),
    "beyond 64 bits": (cells(10**30, 10**31, 5), "number"),
    "truths with gaps": (cells(True, False, None), "boolean"),
    "enums": (cells(Size.small, Size.large), "category"),
    "dates": (pd.Series([day.date() for day in WHEN], dtype=object), "date"),
    "timestamps as objects": (pd.Series(list(WHEN), dtype=object), "date"),
    "identities": (cells(*[uuid.UUID(int=one) for one in range(3)]), "category"),
    "nothing at all": (cells(None), "number"),
    "categories": (pd.Categorical(generator.choice(["b", "a"], ROWS)), "category"),
    "categories of numbers": (pd.Categorical(CODES), "category"),
    "categories of truths": (pd.Categorical(CODES > 1), "category"),
    "an order": (
        pd.Categorical(["low", "high", "mid"] * 40, ["low", "mid", "high"], ordered=True),
        "ordered",
    ),
    "cut": (pd.cut(NUMBERS, 4), "ordered"),
    "intervals": (pd.arrays.IntervalArray(pd.cut(NUMBERS, 4)), "category"),
    "sparse": (pd.arrays.SparseArray(np.where(CODES > 2, NUMBERS, 0)), "number"),
    "Int64": (pd.array([1, None, 3, 4] * 30, dtype="Int64"), "number"),
    "boolean": (pd.array([True, None, False] * 40, dtype="boolean"), "boolean"),
    "string": (pd.array(["a", None, "b"] * 40, dtype="string"), "category"),
    "Float32": (pd.array(NUMBERS, dtype="Float32"), "number"),
    "float16": (NUMBERS.astype("float16"), "number"),
    "longdouble": (NUMBERS.astype(np.longdouble), "number"),
    "uint64": (CODES.astype("uint64") + 2**63, "category"),  # float64 would make them one
    "timedelta": (pd.to_timedelta(NUMBERS, unit="h"), "number"),
    "period": (WHEN.to_period("M"), "date"),
    "zoned": (WHEN.tz_localize("Europe/Berlin"), "date"),
    "arrow timestamp, zoned": (
        arrow(WHEN.tz_localize("Asia/Tokyo"), pa.timestamp("us", "Asia/Tokyo")),
        "date",
    ),
    "arrow timestamp": (arrow(WHEN, pa.timestamp("ms")), "date"),
    "arrow date": (arrow([day.date() for day in WHEN], pa.date32()), "date"),
    "arrow duration": (arrow(pd.to_timedelta(NUMBERS, unit="h"), pa.duration("ns")), "number"),
    "arrow whole": (arrow([1, None, 3, 4] * 30, pa.int64()), "number"),
    "arrow text": (arrow(["a", None, "b"] * 40, pa.string()), "category"),
    "arrow truth": (arrow([True, None, False] * 40, pa.bool_()), "boolean"),
    "arrow decimal": (
        arrow([decimal.Decimal("1.25")] * 119 + [None], pa.decimal128(8, 2)),
        "number",
    ),
    "arrow dictionary": (
        pd.Series(pa.array(["u", "v"] * 60).dictionary_encode(), dtype="category"),
        "category",
    ),
}


def swept(frame: pd.DataFrame, place: Path, **options: Any) -> Dataset:
    """Return the data set that a sweep makes of a DataFrame."""
    named = check_frame(frame)
    write_frame(named, place / "data.parquet", options.get("drop", ()))
    config = DataConfig(name="t", path=str(place / "data.parquet"), target="y", **options)
    return prepare(config, 0)


def beside(values: Any) -> pd.DataFrame:
    """Return a frame with a column `x`, another feature and a target, and an index that is not 0..n."""
    frame = pd.DataFrame({"x": values, "other": NUMBERS, "y": NUMBERS * 2 + CODES})
    return frame.set_axis([f"row {row}" for row in range(ROWS)])


@pytest.mark.parametrize("name", DTYPES)
def test_a_column_of_any_dtype_is_read_as_it_is_meant(name: str, tmp_path: Path) -> None:
    """And the very frame is read alike when it is predicted: whole, by single rows, raw or made plain."""
    values, kind = DTYPES[name]
    frame = beside(values)
    dataset = swept(frame, tmp_path, keep=["x"])
    column = next(one for one in dataset.columns if one.name == "x")
    assert (column.kind, column.used) == (kind, True)
    trained = typed(dataset.frame, [column]).reset_index(drop=True)
    for rows in (frame, frame.iloc[[7]]):
        expected = trained.iloc[[7]] if len(rows) == 1 else trained
        for given in (rows, plain_frame(rows)):
            found = typed(given, [column]).set_axis(expected.index)
            pd.testing.assert_frame_equal(found, expected)


def test_categories_stay_categories_and_orders_stay_orders(tmp_path: Path) -> None:
    """Numbers that were declared categories are none; `pd.cut` makes an order."""
    frame = beside(pd.cut(NUMBERS, [-9, 0, 9]))
    frame["code"] = pd.Categorical(CODES)
    write_frame(check_frame(frame), tmp_path / "data.parquet")
    kept = pd.read_parquet(tmp_path / "data.parquet")
    assert kept["x"].cat.ordered
    assert list(kept["x"].cat.categories) == ["(-9, 0]", "(0, 9]"]
    assert list(kept["code"].cat.categories) == ["0", "1", "2", "3", "4"]
    assert not kept["code"].cat.ordered


@pytest.mark.parametrize(
    "values",
    [
        cells([1, 2], [3]),
        cells(b"a", b"b"),
        cells([1], "a"),
        cells({"a": 1}, {"b": [2]}),
        cells(1j, 2),
    ],
    ids=["lists", "bytes", "lists and texts", "dicts", "complex and numbers"],
)
def test_nested_cells_are_left_out_with_a_reason(values: Any, tmp_path: Path) -> None:
    """The sweep goes on with the other columns."""
    dataset = swept(beside(values), tmp_path)
    assert dict(dataset.dropped)["x"].startswith("not plain values")
    predicted = typed(plain_frame(beside(values)), dataset.columns)
    assert list(predicted) == ["other"]


def test_whole_numbers_are_column_names_too(tmp_path: Path) -> None:
    """They become their text, also when the same frame is predicted."""
    frame = pd.DataFrame(np.c_[NUMBERS, CODES, NUMBERS + CODES])
    named = check_frame(frame)
    assert find_target(named, 2) == "2"
    assert find_target(check_frame(beside(CODES).rename(columns={"y": " y "})), " y ") == "y"
    write_frame(named, tmp_path / "data.parquet")
    config = DataConfig(name="t", path=str(tmp_path / "data.parquet"), target="2", keep=["0", "1"])
    dataset = prepare(config, 0)
    assert typed(frame, dataset.columns).equals(typed(named, dataset.columns))


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        ({"a": [1]}, "is a builtins.dict, not a pandas DataFrame"),
        (pd.DataFrame({("a", "b"): [1]}), "have 2 levels; give each column one name"),
        (
            pd.DataFrame([[1, 2, 3]], columns=["a", "a ", "b"]),
            "columns of the same name: 'a'; rename",
        ),
        (pd.DataFrame([[1, 2]], columns=[1, "1"]), "columns of the same name: '1'"),
    ],
    ids=["no frame", "levels", "blanks", "number and text"],
)
def test_a_frame_without_plain_names_is_refused(frame: Any, said: str) -> None:
    """In words, with what to do."""
    with pytest.raises(DataError, match=re.escape(said)):
        check_frame(frame)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (NUMBERS + 1j, "column 'x' of the DataFrame (complex128) cannot be swept: "),
        (cells("fine", "\ud800"), "column 'x' of the DataFrame (object) cannot be swept: "),
    ],
    ids=["complex", "half a character"],
)
def test_what_cannot_be_stored_is_refused_by_name(values: Any, said: str, tmp_path: Path) -> None:
    """With the dtype and what to do; where it is left out anyway, it does not matter."""
    with pytest.raises(DataError, match=re.escape(said)) as raised:
        swept(beside(values), tmp_path)
    assert "data.drop" in str(raised.value)
    assert "x" in dict(swept(beside(values), tmp_path, drop=["x"]).dropped)
    assert list(plain_frame(beside(values))) == ["x", "other", "y"]


def test_an_empty_frame_and_a_missing_target_are_refused(tmp_path: Path) -> None:
    """The nearest name is suggested."""
    with pytest.raises(DataError, match="no rows"):
        swept(beside(NUMBERS).iloc[:0], tmp_path)
    with pytest.raises(DataError, match="did you mean 'other'"):
        find_target(beside(NUMBERS), "othre")


def test_times_of_day_and_attributes_do_no_harm(tmp_path: Path) -> None:
    """Attributes that are no JSON are not stored."""
    frame = beside(cells(dt.time(8, 30), dt.time(17, 0)))
    frame.attrs["source"] = object()
    assert swept(frame, tmp_path).columns[0].used


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        (pd.Categorical(CODES), (0, 1, 2, 3, 4)),
        (pd.Categorical([None, *CODES[1:]]), (0, 1, 2, 3, 4)),
        (pd.Categorical(CODES > 2), (False, True)),
        (pd.Categorical(CODES / 2), (0.0, 0.5, 1.0, 1.5, 2.0)),
        (pd.Categorical(["01", "1", "1.0"] * 40), ("01", "1", "1.0")),
        (pd.cut(NUMBERS, [-9, 0, 9]), ("(-9, 0]", "(0, 9]")),
    ],
    ids=["whole", "with a gap", "truths", "floats", "texts", "intervals"],
)
def test_a_target_that_is_a_category_is_classes_as_they_are(
    values: Any, classes: tuple[Any, ...], tmp_path: Path
) -> None:
    """Declared classes are no numbers to regress on, and their labels keep their type."""
    frame, is_classes = with_plain_target(beside(NUMBERS).assign(y=values), "y")
    assert is_classes
    dataset = swept(frame, tmp_path, task="classification", missing_target="drop")
    assert dataset.classes == classes
    assert [type(one) for one in dataset.classes] == [type(one) for one in classes]


def test_a_nested_target_is_refused_as_it_is() -> None:
    """With a value of it; any other is left to the reading of the table."""
    with pytest.raises(DataError, match=r"target 'y' holds values like \[1, 2\]; predict a number"):
        with_plain_target(beside(NUMBERS).assign(y=cells([1, 2], [3]).to_numpy()), "y")
    frame = beside(NUMBERS)
    assert with_plain_target(frame, "y") == (frame, False)


def test_images_given_as_arrays_are_left_as_they_are() -> None:
    """A model of images takes a path or an array in a cell."""
    pixels = np.zeros((2, 2))
    cells = pd.Series(["a.png", pixels], dtype=object)
    found = plain_frame(pd.DataFrame({"path": cells}))["path"]
    assert found[0] == "a.png"
    assert found[1] is pixels
