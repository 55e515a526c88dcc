"""CSV and Parquet files as people write them."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from pipeline.config.schema_data import DataConfig
from pipeline.core.errors import DataError
from pipeline.data.infer import kind_of
from pipeline.data.layout import layout
from pipeline.data.load import read_table
from pipeline.data.plain import plain_numbers
from pipeline.data.source import find
from pipeline.data.typed import Column, Kind, typed

TEXT = "town,size\nKöln,1.5\nGraz,\n"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16", "utf-16-le", "utf-16-be"]
)
def test_an_encoding_is_recognised(tmp_path, encoding):
    """The same table comes out of every usual encoding."""
    path = tmp_path / "t.csv"
    path.write_bytes(TEXT.encode(encoding))
    frame = read_table(path)
    assert list(frame.columns) == ["town", "size"]
    assert frame["town"].tolist() == ["Köln", "Graz"]


@pytest.mark.parametrize("end", ["€\n", "€", "é\n", "1€\n", "\U0001d54f\n"])
def test_a_file_that_ends_with_a_character_of_several_bytes_is_utf_8(tmp_path, end):
    """Wherever that character stands among the last bytes."""
    path = tmp_path / "t.csv"
    path.write_bytes(f"a,b\nx,1\ny,{end}".encode())
    notes: list[str] = []
    assert read_table(path, notes=notes)["b"].iloc[-1] == end.strip()
    assert notes == []


def test_windows_text_far_down_the_file_is_read_and_said(tmp_path):
    """A file that stops being UTF-8 behind the sample is read again, with a note."""
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,b\n" + b"x,1\n" * 400_000 + "€,2\n".encode("cp1252"))
    notes: list[str] = []
    assert read_table(path, notes=notes)["a"].iloc[-1] == "€"
    assert "cp1252" in notes[0]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_delimiter_is_recognised_even_where_others_stand_in_quotes(tmp_path, delimiter):
    """The delimiter splits the header into most columns."""
    path = tmp_path / "t.csv"
    path.write_text(f'"a, b; c"{delimiter}d{delimiter}e\n1{delimiter}2{delimiter}3\n', "utf-8")
    assert list(read_table(path).columns) == ["a, b; c", "d", "e"]


def test_decimal_commas_are_seen_and_cells_stay_text(tmp_path):
    """What a number means is judged by the column; the file says which mark it uses."""
    path = tmp_path / "t.csv"
    path.write_text("a;b\n3,14;1\n-2,5;2\n", "utf-8")
    frame = read_table(path)
    assert frame["a"].tolist() == ["3,14", "-2,5"]
    assert frame.attrs["decimal"] == ","


def test_gzip_is_recognised_by_content_not_by_name(tmp_path):
    """A .csv that is compressed is read."""
    path = tmp_path / "t.csv"
    path.write_bytes(gzip.compress(TEXT.encode()))
    assert len(read_table(path)) == 2


def test_parquet_gives_its_columns_and_no_index(tmp_path):
    """A pandas index that Parquet stored is a plain column again."""
    path = tmp_path / "t"
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]}, index=pd.Index([7, 8], name="key"))
    frame.to_parquet(path)
    read = read_table(path)
    assert sorted(read.columns) == ["a", "b", "key"]
    assert read.index.tolist() == [0, 1]


def test_a_category_of_numbers_stays_a_category_in_parquet(tmp_path):
    """Parquet stores its numbers alone; what a column with a role holds is left as it is."""
    path = tmp_path / "t"
    size = pd.Categorical([2, 10, None, 2], ordered=True)
    codes = pd.Categorical([7, 3, 7, None])
    pd.DataFrame({"code": codes, "size": size, "year": codes, "y": codes}).to_parquet(path)
    read = read_table(path, config=DataConfig(name="t", target="y", time="year"))
    assert isinstance(read["code"].dtype, pd.CategoricalDtype)
    assert read["code"].tolist()[:3] == ["7", "3", "7"]
    assert kind_of(read["size"]).column == Column("size", Kind.ordered, parts=("2", "10"))
    assert read["year"].dtype.kind == "f"
    assert read["y"].dtype == "Int64"


def test_a_parquet_file_with_a_name_twice_is_refused_by_it(tmp_path):
    """In the words for a CSV file: pyarrow called it a damaged one."""
    column = pa.array([1, 2])
    parquet.write_table(pa.table([column, column], names=["a", "a"]), tmp_path / "t")
    with pytest.raises(DataError, match="the column 'a' stands in the header 2 times"):
        read_table(tmp_path / "t")


def test_what_a_cell_says_is_kept_and_only_an_empty_one_is_missing(tmp_path):
    """NA may be North America; typed columns read it as missing later."""
    path = tmp_path / "t.csv"
    path.write_text("a,b\nNone,1\nNA,02\n,3\n", "utf-8")
    frame = read_table(path)
    assert frame["a"].tolist()[:2] == ["None", "NA"]
    assert pd.isna(frame["a"].tolist()[2])
    assert frame["b"].tolist() == ["1", "02", "3"]


def test_a_header_longer_than_the_sample_is_no_fault(tmp_path):
    """A very wide table is read whole."""
    path = tmp_path / "t.csv"
    names = [f"column_with_a_long_name_{number:06d}" for number in range(40_000)]
    path.write_text(",".join(names) + "\n" + ",".join("1" * len(names)) + "\n", "utf-8")
    assert read_table(path).shape == (1, 40_000)


def test_lines_longer_than_the_header_are_refused():
    """A first column without a name would shift every value."""
    with pytest.raises(DataError, match="header has 2 columns but the first row has 3"):
        layout(b"a,b\n1,2,3\n", "data.path=t.csv")


def test_a_path_is_relative_to_the_working_directory_or_a_shipped_name(tmp_path, monkeypatch):
    """The user's own file wins over a shipped one of the same name."""
    monkeypatch.chdir(tmp_path)
    assert find("hourly_wages.csv").parent.name in {"data", "shipped_data"}
    (tmp_path / "hourly_wages.csv").write_text("a,b\n1,2\n", "utf-8")
    assert find("hourly_wages.csv") == tmp_path / "hourly_wages.csv"


def test_a_misspelt_file_is_answered_with_the_nearest(tmp_path):
    """The message names the file that was probably meant."""
    (tmp_path / "houses.csv").write_text("a,b\n1,2\n", "utf-8")
    with pytest.raises(DataError, match=r"did you mean .*houses\.csv"):
        find(str(tmp_path / "house.csv"))


def test_numbers_keep_their_digits(tmp_path):
    """What was written is what is read, to the last bit."""
    values = np.random.default_rng(0).normal(size=500) * 10.0 ** np.arange(500).clip(0, 20)
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "".join(f"{value!r},1\n" for value in values.tolist()), "utf-8")
    frame = read_table(path)
    assert (typed(frame, [Column("a", Kind.number)])["a"].to_numpy() == values).all()
    assert (plain_numbers(frame["a"]) == values).all()
