"""Whole numbers that float64 does not hold stay what they are, and what might be a code is said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.config.schema_data import DataConfig
from pipeline.data import prepare
from pipeline.data.infer import judge
from pipeline.data.load import read_table
from pipeline.data.roles import groups
from pipeline.data.typed import typed

FIRST = 135217135789158401
"""Numbers of float64 are 16 apart there."""
ROWS = 240


def table(column: list, dtype: str = "Int64") -> pd.DataFrame:
    """Return a table whose column `code` is of whole numbers."""
    size = np.random.default_rng(0).normal(size=ROWS).round(3)
    return pd.DataFrame({"code": pd.array(column, dtype=dtype), "size": size, "rent": 3 * size})


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("gap", [False, True], ids=["whole", "with gaps"])
def test_codes_of_many_digits_are_exact_categories_in_any_file(tmp_path, ending, gap):
    """Eight accounts that are one number as float64 are eight levels, and that is said."""
    cells = [None if gap and not row % 9 else FIRST + row % 8 for row in range(ROWS)]
    path = tmp_path / f"flats.{ending}"
    write = pd.DataFrame.to_csv if ending == "csv" else pd.DataFrame.to_parquet
    write(table(cells), path, index=False)
    dataset = prepare(DataConfig(name="flats", path=str(path), target="rent"), 0)
    column = next(column for column in dataset.columns if column.name == "code")
    assert column.kind == "category"
    levels = set(typed(dataset.features("train"), dataset.columns)["code"]) - {"(missing)"}
    assert levels == {str(FIRST + place) for place in range(8)}
    fact = next(fact for fact in dataset.facts if fact.name == "code")
    assert "16 digits or more" in fact.note
    assert fact.hint == "data.numbers=[code]"


def test_rows_of_one_group_are_those_with_the_same_digits(tmp_path):
    """`data.group` does not take neighbours for one."""
    path = tmp_path / "flats.csv"
    table([FIRST + row % 8 for row in range(ROWS)]).to_csv(path, index=False)
    config = DataConfig(name="flats", path=str(path), target="rent", group="code")
    assert len(set(groups(config, read_table(path)))) == 8


@pytest.mark.parametrize("dtype", ["str", "int64"])
def test_numbers_that_only_name_their_rows_are_identifiers_whatever_their_length(dtype):
    """They are told apart by all their digits."""
    judged = judge(pd.Series(np.arange(FIRST, FIRST + ROWS), name="code").astype(dtype))
    assert not judged.column.used
    assert judged.reason == f"identifier: whole numbers, {ROWS} different values in {ROWS} rows"


def test_a_measure_of_many_digits_is_a_number_and_said_to_be_rounded():
    """Nanoseconds since 1970 tell the time, to the 15 digits that a number has."""
    when = FIRST * 12 + np.random.default_rng(1).permutation(ROWS) * 1_000_003
    judged = judge(pd.Series(when, name="when").astype("str"), target=when.astype(float))
    assert (judged.column.kind, judged.column.used) == ("number", True)
    assert "rounded to 15 digits" in judged.note
    assert judged.is_doubted


@pytest.mark.parametrize(
    ("cells", "is_said"),
    [
        (["1E5", "44", "103"], True),
        (["1e5", "2e3"], True),
        (["1e+05", "44", "103"], False),
        (["1e-05", "44", "103"], False),
        (["1.5E5", "44", "103"], False),
        (["1E5", "4.4", "103"], False),
    ],
)
def test_a_code_that_reads_as_a_power_of_ten_is_said(prepared, cells, is_said):
    """1E5 among whole numbers is 100000 or a code; with a point or a sign it is a number."""
    rows = table([1] * ROWS).assign(code=[cells[row % len(cells)] for row in range(ROWS)])
    fact = next(fact for fact in prepared(rows, target="rent").facts if fact.name == "code")
    assert fact.kind == "number"
    assert ("which is read as" in fact.note) == is_said
