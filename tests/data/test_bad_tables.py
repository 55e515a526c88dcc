"""Every unusable table is refused with one message that says what, where and what to do."""

from __future__ import annotations

import gzip
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from pipeline.config.choices import SplitKind, Task
from pipeline.config.schema_data import DataConfig
from pipeline.core.errors import DataError
from pipeline.data import prepare

GOOD = "a,b,y\n" + "".join(f"{i % 7},{i % 3}.5,{i % 2}\n" for i in range(40))
ROWS = GOOD.splitlines()[1:]


def lines(header: str, rows: list[str]) -> str:
    """Return a CSV text."""
    return "\n".join([header, *rows]) + "\n"


CASES = {
    "empty": ("", {}, "is empty"),
    "blank": ("\n\n \n", {}, "is empty"),
    "header only": ("a,b,y\n", {}, "no rows"),
    "binary": (b"\x00\x01\x02" * 50, {}, "binary file"),
    "excel": (b"PK\x03\x04" + b"x" * 50, {}, "Excel"),
    "damaged parquet": (b"PAR1" + b"x" * 50, {}, "damaged Parquet"),
    "damaged gzip": (gzip.compress(GOOD.encode() * 99)[:90], {}, "damaged gzip"),
    "ragged": (lines("a,b,y", [*ROWS, "1,2,3,4,5"]), {}, "line 42"),
    "duplicate column": (lines("a,b,a,y", ["1,2,3,4"]), {}, "'a' stands in the header 2 times"),
    "unknown target": (GOOD, {"target": "yy"}, "did you mean 'y'"),
    "unknown drop": (GOOD, {"drop": ["bb"]}, "data.drop=bb"),
    "unknown group": (GOOD, {"group": "town"}, "its columns are a, b, y"),
    "missing target": (lines("a,b,y", [*ROWS, "1,2,"]), {}, "missing in 1 of 41 rows, row 41"),
    "all targets missing": (lines("a,b,y", ["1,2,"] * 30), {}, "missing in every row"),
    "one class": (lines("a,b,y", [f"{i % 5},1,x" for i in range(30)]), {}, "one class only: 'x'"),
    "aligned with blanks": (
        "a  b   y\n" + "1  2   3\n" * 40,
        {},
        "aligned with blanks; write them",
    ),
    "text regression": (
        lines("a,b,y", [*ROWS, "1,2,many"]),
        {"task": Task.regression},
        "not numeric: 'many' in row 41",
    ),
    "infinite target": (lines("a,b,y", [*ROWS, "1,2,inf"]), {"task": Task.regression}, "infinite"),
    "constant target": (
        lines("a,b,y", [f"{i % 5},{i % 3},2.5" for i in range(30)]),
        {"task": Task.regression},
        "is constant: every value is 2.5",
    ),
    "wild target": (
        lines("a,b,y", [f"{i % 5},{i % 3},{i / 7}" for i in range(60)] + ["1,1,1e60"]),
        {"split": SplitKind.last},
        "too far for float32",
    ),
    "infinite value": (
        lines("a,b,y", [*ROWS, "inf,2,0"]),
        {},
        "'a' has a value that is infinite, row 41",
    ),
    "huge value": (lines("a,b,y", [*ROWS, "1e200,2,0"]), {}, r"larger than 1e\+100"),
    "nothing left": (
        lines("a,b,y", [f"{i},k,{i % 2}" for i in range(40)]),
        {},
        "no feature is left.*a: identifier.*b: constant",
    ),
    "only the target": (lines("y", [str(i % 2) for i in range(40)]), {}, "no feature is left"),
    "too few rows": (lines("a,b,y", ROWS[:5]), {}, "too few rows"),
    "too few groups": (GOOD, {"group": "g", "drop": []}, "data.group=g"),
    "weight of zero": (
        lines("a,b,w,y", [f"{row[:-1]}{i},{row[-1]}" for i, row in enumerate(ROWS)]),
        {"weight": "w"},
        "above 0, but the column holds 0 in row 1 ",
    ),
    "weights of words": (
        lines(
            "a,b,w,y", [f"{i % 5},{i % 3},{'low' if i % 2 else 'high'},{i / 7}" for i in range(40)]
        ),
        {"weight": "w"},
        "above 0, but the column holds 'high' in rows 1, 2, 3",
    ),
    "dates as weights": (
        lines("a,b,w,y", [f"{i % 5},{i % 3},2020-01-{i % 28 + 1:02},{i / 7}" for i in range(40)]),
        {"weight": "w"},
        "above 0, but the column holds '2020-01-01' in rows 1, 2, 3",
    ),
    "text as time": (
        lines("a,t,y", [f"{i % 7},x{i % 5},{i % 2}" for i in range(40)]),
        {"time": "t"},
        "neither dates nor numbers",
    ),
    "missing time": (
        lines("a,t,y", [f"{i % 7},{i},{i % 2}" for i in range(40)] + ["1,,0"]),
        {"time": "t"},
        "no time in row 41",
    ),
    "one time": (
        lines("a,t,y", [f"{i % 7},5,{i % 2}" for i in range(40)]),
        {"time": "t"},
        "too few different times",
    ),
    "sorted classes": (
        lines("a,b,y", [f"{i % 7},{i % 3},{int(i > 30)}" for i in range(40)]),
        {"split": SplitKind.last},
        "all training rows have the same class",
    ),
    "pixels": (
        GOOD,
        {"kind": "pixels", "image_height": 2, "image_width": 2},
        "2 pixel columns are not 2 x 2 x 1",
    ),
    "pixels without size": (GOOD, {"kind": "pixels"}, "data.image_height"),
    "no pixel value": (
        lines("a,b,y", [*ROWS, "300,2,0"]),
        {"kind": "pixels", "image_height": 1, "image_width": 2},
        "column 'a' is no pixel: 300",
    ),
    "date target": (
        lines("a,b,y", [f"{i % 7},{i % 3},2020-01-{i % 28 + 1:02d}" for i in range(40)]),
        {"task": Task.regression},
        "not numeric: '2020-01-01'",
    ),
    "name of a date part": (
        lines("t,t (weekday),y", [f"2020-01-{i % 28 + 1:02d},{i % 9},{i % 2}" for i in range(40)]),
        {},
        r"'t \(weekday\)' is called like a part of a date",
    ),
}


@pytest.mark.parametrize(("content", "options", "message"), CASES.values(), ids=CASES)
def test_a_bad_table_is_refused_with_one_clear_message(tmp_path, content, options, message):
    """One line, exit code 2, with the thing at fault in it."""
    path = tmp_path / "bad.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    config = DataConfig(name="bad", path=str(path), **{"target": "y", **options})
    with pytest.raises(DataError, match=message) as caught:
        prepare(config, 0)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("path", ["", None, "no/such/folder/file.csv", "missing.csv"])
def test_a_missing_file_is_refused(tmp_path, monkeypatch, path):
    """The message names the key."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"data\.path"):
        prepare(DataConfig(name="bad", path=path, target="y"), 0)


def test_an_address_is_no_path():
    """It was looked for in a folder `https:`."""
    with pytest.raises(DataError, match=r"https://x\.org/t\.csv is an address; fetch the file"):
        prepare(DataConfig(name="bad", path="https://x.org/t.csv", target="y"), 0)


def test_a_folder_is_refused_as_a_table(tmp_path):
    """With a hint at images."""
    with pytest.raises(DataError, match=r"is a folder; .*data=images"):
        prepare(DataConfig(name="bad", path=str(tmp_path), target="y"), 0)


def test_parquet_with_values_that_are_lists_says_so(tmp_path):
    """A nested target or feature is named, not tried."""
    frame = pd.DataFrame({"a": np.arange(40) % 7, "y": [[1, 2], [3]] * 20})
    frame.to_parquet(tmp_path / "t.parquet")
    config = DataConfig(name="bad", path=str(tmp_path / "t.parquet"), target="y")
    with pytest.raises(DataError, match="predict a number or a class"):
        prepare(config, 0)
    config.target = "a"
    with pytest.raises(DataError, match="y: not plain values"):
        prepare(config, 0)


def test_test_rows_without_a_column_are_refused(tmp_path):
    """The separate file must have the table's columns."""
    (tmp_path / "a.csv").write_text(GOOD, "utf-8")
    (tmp_path / "b.csv").write_text("a,y\n1,0\n2,1\n", "utf-8")
    config = DataConfig(
        name="bad", path=str(tmp_path / "a.csv"), test_path=str(tmp_path / "b.csv"), target="y"
    )
    with pytest.raises(DataError, match=r"data\.test_path: the table has no column b"):
        prepare(config, 0)


def test_a_bad_path_is_refused_before_pandas_or_scikit_learn_is_imported():
    """So that the answer comes at once."""
    program = (
        "import sys\n"
        "from pipeline.config.schema_data import DataConfig\n"
        "from pipeline.data import prepare\n"
        "from pipeline.core.errors import DataError\n"
        "try:\n    prepare(DataConfig(name='x', path='missing.csv', target='y'), 0)\n"
        "except DataError:\n    print(sorted({'pandas', 'sklearn'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
