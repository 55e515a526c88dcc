"""A row means the same in any file, format and order; the smallest cases of tables read wrongly."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config.choices import Task
from pipeline.config.schema_data import DataConfig
from pipeline.core.errors import DataError
from pipeline.data import load
from pipeline.data.infer import judge
from pipeline.data.layout import layout
from pipeline.data.typed import Column, Kind, typed

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.data.dataset import Dataset

ROWS = 60
RANDOM = np.random.default_rng(4)


def _money(value: float) -> str:
    return f"${value:,.2f}"


START = pd.Timestamp("2020-01-13")


def _day(random: np.random.Generator) -> list[Any]:
    return [START + pd.Timedelta(days=int(days)) for days in random.integers(0, 900, ROWS)]


def _moment(random: np.random.Generator) -> list[Any]:
    return [START + pd.Timedelta(minutes=int(x)) for x in random.integers(0, 90_000, ROWS)]


def _american(moment: pd.Timestamp) -> str:
    return f"{moment.month}/{moment.day}/{moment.year} {moment.hour}:{moment.minute:02}"


KINDS: dict[str, tuple[Callable[[np.random.Generator], list[Any]], Callable[[Any], str]]] = {
    "whole": (lambda r: r.integers(-50, 5000, ROWS).tolist(), str),
    "measured": (lambda r: r.normal(0, 1e3, ROWS).tolist(), repr),
    "gaps": (lambda r: [None if x < 5 else float(x) for x in r.integers(0, 40, ROWS)], repr),
    "codes": (lambda r: r.choice(["01", "02", "10", "20", "A1"], ROWS).tolist(), str),
    "zip": (lambda r: r.choice(["01234", "12345", "00501"], ROWS).tolist(), str),
    "words": (lambda r: r.choice(["red", "NA", "None", "1", "2.50", "true"], ROWS).tolist(), str),
    "truth": (lambda r: [bool(x) for x in r.integers(0, 2, ROWS)], lambda x: str(x).upper()),
    "day": (_day, lambda x: x.strftime("%d.%m.%Y")),
    "moment": (_moment, _american),
    "money": (lambda r: r.integers(1, 99999, ROWS).tolist(), _money),
    "share": (lambda r: (r.integers(0, 1000, ROWS) / 10).tolist(), lambda x: f"{x}%"),
}
"""Values as a program has them, and how a file writes each."""


def _typed(frame: pd.DataFrame, columns: list[Column]) -> dict[str, list[Any]]:
    values = typed(frame, columns)
    return {name: values[name].tolist() for name in values}


def _same(one: dict[str, list[Any]], other: dict[str, list[Any]]) -> None:
    for name, values in one.items():
        np.testing.assert_array_equal(np.array(values), np.array(other[name]), err_msg=name)


@settings(max_examples=6, deadline=None)
@given(
    st.integers(0, 10**6),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["utf-8", "utf-16", "utf-8-sig"]),
    st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=8, unique=True),
)
def test_a_row_means_the_same_in_any_file_format_and_order(seed, delimiter, encoding, some):
    """Whole, shuffled, in part, alone; CSV, Parquet and DataFrame; whatever the other rows hold."""
    random = np.random.default_rng(seed)
    native = pd.DataFrame({name: make(random) for name, (make, _) in KINDS.items()})
    written = pd.DataFrame(
        {name: [None if pd.isna(x) else KINDS[name][1](x) for x in native[name]] for name in native}
    )
    with tempfile.TemporaryDirectory() as folder:

        def read(rows: pd.DataFrame, name: str) -> pd.DataFrame:
            path = Path(folder) / name
            if name.endswith("parquet"):
                rows.to_parquet(path, index=False)
            else:
                rows.to_csv(path, index=False, sep=delimiter, encoding=encoding)
            return load.read_table(path)

        table = read(written, "train.csv")
        columns = [judge(table[name], keep=True).column for name in table]
        right = _typed(table, columns)
        assert {column.name: column.kind for column in columns} == {
            **dict.fromkeys(native, Kind.number),
            **dict.fromkeys(["codes", "zip", "words"], Kind.category),
            **dict.fromkeys(["day", "moment"], Kind.date),
            "truth": Kind.boolean,
        }
        for name, row in right.items():
            assert not any(map(pd.isna, row)) or name == "gaps"
        places = [*some]
        part = {name: [row[place] for place in places] for name, row in right.items()}
        _same(part, _typed(read(written.iloc[places], "part.csv"), columns))
        _same(part, _typed(read(native.iloc[places], "part.parquet"), columns))
        _same(part, _typed(native.iloc[places], columns))
        _same(right, _typed(native[list(reversed(list(native)))], columns))
        for place in places[:3]:
            alone = {name: [row[place]] for name, row in right.items()}
            _same(alone, _typed(read(written.iloc[[place]], "one.csv"), columns))


CELLS = st.one_of(
    st.sampled_from(["", "1", " 2", "a b", 'say ""so""', "x,y", "1;2", "line\nbreak", "NA", "ü"]),
    st.integers(-99, 99).map(str),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=3, max_size=12), st.booleans())
def test_a_large_file_is_split_as_a_small_one(rows, quoted):
    """Arrow gives what pandas gives, or leaves the file to pandas."""
    always = [
        [f'"{cell}"' if quoted or set(cell) & set('",\n') else cell for cell in row] for row in rows
    ]
    text = "first,second\n" + "".join(",".join(row) + "\n" for row in always)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        path.write_text(text, "utf-8")
        form = layout(path.read_bytes(), "t.csv", DataConfig(name="x", delimiter=","))
        fast = load.read_large(path, form)
        if fast is not None:
            slow = load._parse_any(path, form)
            pd.testing.assert_frame_equal(
                fast.apply(lambda cells: cells.str.strip()),
                slow.apply(lambda cells: cells.str.strip()),
                check_dtype=False,
            )


def _rows(texts: list[str], name: str = "x", y: str = "y") -> str:
    """Return a table of one column of interest, a number and a target."""
    lines = [f'"{text}",{place % 7},{place * 37 % 11}.5' for place, text in enumerate(texts)]
    return "\n".join([f"{name},a,{y}", *lines]) + "\n"


def _column(dataset: Dataset, name: str = "x") -> Column:
    return next(column for column in dataset.columns if column.name == name)


@pytest.mark.parametrize(
    ("texts", "kind", "form"),
    [
        (["01", "02", "03", "10", "A1"], Kind.category, "canonical"),
        (["01", "02", "10"], Kind.category, "canonical"),
        (["$1,200", "$950", "$2,400.50"], Kind.number, "$1,234.5"),
        (["EUR 12", "EUR 1.200,50"], Kind.number, "EUR1.234,5"),
        (["1.234,56 €", "950,00 €"], Kind.number, "1.234,5 €"),
        (["10%", "12.5%"], Kind.number, "1234.5%"),
        (["12 km", "7 km", "8.5 km"], Kind.number, "1234.5 km"),
        (["1,200", "950", "12,000"], Kind.number, "1,234.5"),
        (["1'200", "950"], Kind.number, "1'234.5"),
        (["0.123", "1.234", "12.5"], Kind.number, ""),
        (["Q1", "Q2", "Q3"], Kind.category, "canonical"),
        (["1 room", "2 rooms", "3 rooms"], Kind.category, "canonical"),
        (["2B", "3B", "4B"], Kind.category, "canonical"),
        (["1/3/11", "12/31/11", "2/1/12"], Kind.date, "%m/%d/%y"),
        (["31/3/2011", "2/12/2011"], Kind.date, "%d/%m/%Y"),
        (["8/21/2016 14:30", "8/2/2016 4:05"], Kind.date, "%m/%d/%Y %H:%M"),
        (["03/01/2015 10:00", "13/01/2015 11:00"], Kind.date, "%d/%m/%Y %H:%M"),
        (["Jan 3, 2015", "Feb 13, 2016"], Kind.date, "%b %d, %Y"),
        (["3 January 2015", "13 February 2016"], Kind.date, "%d %B %Y"),
        (["2018-03", "2019-11"], Kind.date, "ISO8601"),
        (["8/21/2016", "8/21/2016 14:30", "8/22/2016 0:15"], Kind.date, "%m/%d/%Y %H:%M"),
        (["2022-01-05", "2022-01-06", "17.01.2022"], Kind.date, "%d.%m.%Y"),
        (["14:30", "8:05", "23:59"], Kind.date, "%H:%M"),
        (["2020-01-31T10:00:00Z", "2021-05-01T11:00:00+02:00"], Kind.date, "ISO8601"),
        (["3.1.2015 10:00", "13.1.2015 11:30"], Kind.date, "%d.%m.%Y %H:%M"),
        (["1/3/2011 2:30 PM", "1/13/2011 9:05 AM"], Kind.date, "%m/%d/%Y %I:%M %p"),
    ],
)
def test_a_kind_and_its_form_are_found_from_the_whole_column(prepared, texts, kind, form):
    """Money, percent, units, thousands, codes, dates and times."""
    column = _column(prepared(_rows(texts * 20), target="y"))
    assert (column.kind, column.format, column.used) == (kind, form, True)


def test_hours_and_cycles_are_inputs_where_they_vary(prepared):
    """An hourly series needs its hour; a constant minute says nothing."""
    hours = pd.date_range("2023-01-01", periods=300, freq="h")
    parts = _column(prepared(_rows([f"{x:%m/%d/%Y %H:%M}" for x in hours]), target="y")).parts
    assert {"hour", "hour sin", "hour cos", "weekday sin"} <= set(parts)
    assert not {"minute", "year", "month", "month sin"} & set(parts)


GERMAN = "einwohner;flaeche;kosten\n" + "".join(
    f"{w:,};{f};{k}\n".replace(",", ".").replace("_", ",")
    for w, f, k in zip(
        [*range(600, 1000, 50), *range(1010, 90_000, 700)],
        [f"{x}_{x % 10}" for x in range(200)],
        [f"{1000 + x * 13}" for x in range(200)],
        strict=False,
    )
)


def test_points_separate_thousands_where_the_file_writes_decimal_commas(prepared):
    """85.052 is no 85, and 950 beside it is 950."""
    dataset = prepared(GERMAN, target="kosten")
    assert _column(dataset, "einwohner").format == "1.234,5"
    values = typed(dataset.frame, dataset.columns)
    assert values["einwohner"][:9].tolist() == [600, 650, 700, 750, 800, 850, 900, 950, 1010]
    assert values["flaeche"][:2].tolist() == [0.0, 1.1]
    rows = dataset.features("train")
    assert rows["flaeche"].str.contains(",").all()
    assert np.array_equal(dataset.encode(rows, "standard"), dataset.arrays("standard").x_train)


@pytest.mark.parametrize("form", ["${:,.0f}", "{:,.2f} EUR", "{:.1f}%", "German"])
def test_a_target_of_amounts_is_a_number(prepared, form):
    """Never silently a class for each."""
    values = [800 + 37.25 * place for place in range(60)]
    german = str.maketrans(",.", ".,")
    texts = [
        f"{value:,.2f}".translate(german) if form == "German" else form.format(value)
        for value in values
    ]
    body = "".join(f"{place % 9};{place % 4};{text}\n" for place, text in enumerate(texts))
    dataset = prepared(f"a;b;price\n{body}", target="price")
    assert dataset.regression
    assert np.allclose(dataset.judged.numbers, values, atol=0.6)
    assert any("is read as numbers written like" in note for note in dataset.notes)


def test_a_mark_that_may_mean_two_things_is_said_with_the_key(prepared):
    """1.234 beside 950, and nothing else in the file."""
    texts = [f"{x:,}".replace(",", ".") for x in (*range(700, 1000, 20), *range(1003, 9000, 90))]
    text = "x;y\n" + "".join(f"{cell};{place % 40}\n" for place, cell in enumerate(texts))
    notes = " ".join(prepared(text, target="y").notes)
    assert "is read as 1" in notes
    assert "data.decimal='.' changes that" in notes
    assert _column(prepared(text, target="y", decimal=".")).format == ""


def test_a_measure_is_no_identifier(prepared):
    """Whole numbers that nearly all differ stay, unless consecutive, or named so and unrelated."""
    random = np.random.default_rng(0)
    income = random.integers(20_000, 200_000, 300)
    frame = pd.DataFrame(
        {
            "income": income,
            "customer_id": random.permutation(10**6)[:300],
            "order_number": income * 3 + 1,
            "noise": random.permutation(10**6)[:300],
            "row": random.permutation(300) + 4000,
            "y": income / 1000 + random.normal(size=300),
        }
    )
    dataset = prepared(frame, target="y")
    assert set(dict(dataset.dropped)) == {"customer_id", "row"}
    said = {item.column.name: item for item in dataset.judgements}
    assert said["row"].hint == "data.keep=[row]"
    assert "named like an identifier, but it tells about the target" in said["order_number"].note
    assert said["noise"].is_doubted
    assert said["noise"].hint == "data.drop=[noise]"
    assert not said["income"].note
    lots = random.integers(0, 300, (2, 300)) * 1000 + 17
    again = {"order_number": lots[0], "lot": lots[1]}
    said = {
        item.column.name: item for item in prepared(frame.assign(**again), target="y").judgements
    }
    assert "named like an identifier, but values repeat" in said["order_number"].note
    assert said["order_number"].hint == "data.drop=[order_number]"
    assert not said["lot"].note
    kept = prepared(frame.assign(y=random.choice(["a", "b"], 300)), target="y", keep=["row"])
    assert "order_number" in dict(kept.dropped)


def test_what_is_not_read_is_counted_and_said(prepared):
    """A few strays among numbers; many make a category, and the sentence names the key."""
    few = ["1.5", "2.5", "3.5"] * 30 + ["unknown"] * 2
    assert "with 'unknown' count as missing" in " ".join(prepared(_rows(few), target="y").notes)
    dated = _rows(["2020-01-01", "2020-05-02"] * 30 + ["soon"])
    assert "holds dates; 1 row with 'soon' counts as missing" in " ".join(
        prepared(dated, target="y", test_fraction=0.0).notes
    )
    bags = prepared(_rows(["None", "driver", "both"] * 20), target="y", test_fraction=0.0)
    assert "'None' in 20 rows is no value, as a blank cell is" in " ".join(bags.notes)
    for form in ("A{:05d}", "C{}", "A-{}", "N{}AA", "id{}"):
        codes = prepared(_rows([form.format(place + 7) for place in range(60)]), target="y")
        assert not any("looks like" in note or "read as" in note for note in codes.notes), form
    units = _rows([f"{place}q" for place in range(60)])
    assert "looks like numbers ('" in " ".join(prepared(units, target="y").notes)
    assert "read as a category, and left out (identifier" in " ".join(
        prepared(units, target="y").notes
    )
    bands = prepared(_rows(["<10k", "10k-20k", "20k-40k", ">40k"] * 15), target="y")
    assert not bands.notes  # < and > are no currencies
    money = _rows([f"{'$€£'[place % 3]}{place * 7}" for place in range(60)])
    assert "amounts in several currencies ($, £, €)" in " ".join(prepared(money, target="y").notes)
    many = ["1.5", "2.5"] * 30 + [f"n{place}" for place in range(12)]
    notes = " ".join(prepared(_rows(many), target="y").notes)
    assert "data.numbers=[x] changes that" in notes
    assert "holds numbers in 8" in notes
    taken = prepared(_rows(many), target="y", numbers=["x"])
    assert _column(taken).kind is Kind.number
    assert "hold no number" in " ".join(taken.notes)


def test_dates_that_are_not_taken_are_said(prepared):
    """Two formats in one column."""
    texts = ["05.01.2022", "06.01.2022", "01/27/2022"] * 20
    notes = " ".join(prepared(_rows(texts), target="y").notes)
    assert "looks like dates ('0" in notes
    assert "but no format reads more than 67% of its rows" in notes
    odd = _rows([f"{day}/1/2020 (KW {day})" for day in range(1, 20)] * 3)
    assert "but no format is known" in " ".join(prepared(odd, target="y").notes)
    compact = _rows([f"2020{month:02}{day:02}" for month in range(1, 13) for day in range(1, 20)])
    assert "looks like dates (YYYYMMDD)" in " ".join(prepared(compact, target="y").notes)
    dataset = prepared(compact, target="y", dates={"x": "%Y%m%d"})
    assert _column(dataset).kind is Kind.date


def test_test_rows_are_read_by_the_kinds_of_the_table_before_anything_is_trained(
    prepared, tmp_path
):
    """Digits alone stay codes; what cannot be read is refused with column, count and example."""
    table = _rows(["01", "02", "10", "A1"] * 20)
    (tmp_path / "digits.csv").write_text(_rows(["01", "10"] * 5), "utf-8")
    dataset = prepared(table, target="y", test_path=str(tmp_path / "digits.csv"))
    assert set(typed(dataset.features("test"), [_column(dataset)])["x"]) == {"01", "10"}
    numbers = _rows(["1.5", "2.5", "3.5"] * 20)
    (tmp_path / "money.csv").write_text(_rows(["1.5"] + ["0.3 EUR"] * 9), "utf-8")
    with pytest.raises(
        DataError, match=r"data\.test_path: 9 of 10 values of column 'x' .*'0.3 EUR'"
    ):
        prepared(numbers, target="y", test_path=str(tmp_path / "money.csv"))


def test_declared_kinds_win_over_judgement(prepared):
    """Categories of digits, numbers of codes, dates by their format, an order of levels."""
    rows = [
        f"{n % 3},{n % 4:02},{n % 28 + 1}/{n % 12 + 1}/2020,{'SML'[n % 3]},{n % 11}.5"
        for n in range(90)
    ]
    text = "\n".join(["floor,code,sold on,size,y", *rows]) + "\n"
    dataset = prepared(
        text,
        target="y",
        categories=["floor"],
        numbers=["code"],
        dates={"sold on": "%d/%m/%Y"},
        ordered={"size": ["S", "M", "L"]},
    )
    values = typed(dataset.frame.iloc[:3], dataset.columns)
    assert values["floor"].tolist() == ["0", "1", "2"]
    assert values["code"].tolist() == [0, 1, 2]
    assert values["sold on (month)"].tolist() == [1, 2, 3]
    assert values["size"].tolist() == [0, 1, 2]
    assert dataset.notes == ()
    part = prepared(text, target="y", ordered={"size": ["S", "M"]}, dates={"sold on": "%d/%m/%Y"})
    assert "hold no level that is named ('L' in rows 3" in " ".join(part.notes)
    with pytest.raises(DataError, match=r"data\.dates\.sold on=%Y: 7\d of 7\d values"):
        prepared(text, target="y", dates={"sold on": "%Y"})
    with pytest.raises(DataError, match=r"data\.ordered=siz.*did you mean 'size'"):
        prepared(text, target="y", ordered={"siz": ["S", "M"]})


def test_names_are_used_without_blanks_and_found_with_them(prepared):
    """`rent ` is rent, whichever way the target is said; a line break is a blank."""
    text = 'size ,"Area\n(m2)",rent \n' + "".join(f"{n % 7}.5,{n % 5},{n}.25\n" for n in range(40))
    for target in ("rent", "rent ", " rent"):
        dataset = prepared(text, target=target, task=Task.regression)
        assert [column.name for column in dataset.columns] == ["size", "Area (m2)"]
        assert "'rent ' is 'rent'" in " ".join(dataset.notes)
    with pytest.raises(DataError, match="the column 'a' stands in the header 2 times"):
        prepared("a,a ,y\n1,2,3\n", target="y")


@pytest.mark.parametrize(
    ("content", "header"),
    [
        ("Fläche;Miete (€)\n85,8;858,18\n96,6;987,79\n".encode("cp1252"), ["Fläche", "Miete (€)"]),
        (b"a\x81,b\n1,2\n", ["a\x81", "b"]),
        ('"Fläche\n(m2)";Miete\n66,0;588,0\n72,6;600,8\n'.encode(), ["Fläche (m2)", "Miete"]),
        (b"a|b|c\n1|2|3\n", ["a", "b", "c"]),
        (b"a, b\tc, d\n1\t2\n3\t4\n", ["a, b", "c, d"]),
        (b"x\n3,14\n2,71\n", ["x"]),
        (b"sep=;\na;b\n1,5;2\n", ["a", "b"]),
        (b"\n\na;b\n1;2\n", ["a", "b"]),
        ("\ufeffa;b\n1;2\n".encode(), ["a", "b"]),
    ],
)  # fmt: skip
def test_files_as_spreadsheets_write_them(tmp_path, content, header):
    """Windows' encoding, wrapped headers, pipes, decimal commas in one column, Excel's first line."""
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    frame = load.read_table(path)
    assert list(frame.columns) == header
    assert frame.notna().all(axis=None)


def test_how_a_file_is_written_can_be_said(tmp_path):
    """Delimiter, encoding and decimal mark."""
    path = tmp_path / "t.csv"
    path.write_bytes("a,1:b,2\n3:ü\n".encode("cp850"))
    config = DataConfig(name="x", delimiter=":", encoding="cp850", decimal=",")
    frame = load.read_table(path, config=config)
    assert list(frame.columns) == ["a,1", "b,2"]
    assert frame["b,2"].tolist() == ["ü"]
    assert frame.attrs["decimal"] == ","


def test_a_line_is_a_row_also_a_blank_one(tmp_path):
    """A missing value of the one column; blank lines at the end are none."""
    path = tmp_path / "t.csv"
    path.write_text("x\n-0.59\n\n0.57\n\n1.82\n\n\n", "utf-8")
    frame = load.read_table(path)
    assert frame["x"].isna().tolist() == [False, True, False, True, False]
    path.write_text('x\n1\n""\n', "utf-8")
    assert len(load.read_table(path)) == 2


def test_blank_lines_of_a_training_table_are_left_out_and_said(prepared):
    """Every second line, as some programs write; messages still count the file's rows."""
    rows = "".join(f"{n % 7},{n}.5\n\n" for n in range(40))
    dataset = prepared(f"a,y\n{rows}", target="y")
    assert dataset.rows == 40
    assert dataset.notes[0] == "39 rows without any value are left out."


def test_what_a_column_holds_elsewhere_moves_no_row(prepared):
    """Digest and hash split follow values, as they did when pandas typed each column."""
    plain = "a,t,y\n" + "".join(f"{n % 7},TRUE,{n}.5\n" for n in range(40))
    spelled = "a,t,y\n" + "".join(f"{n % 7}.0,true,{n}.50\n" for n in range(40))
    assert prepared(plain, target="y").digest == prepared(spelled, target="y").digest


def test_the_target_of_test_rows_is_read_as_the_table_writes_it(tmp_path, prepared):
    """`1.234` is 1234 beside a table with `1.234,50`, though its own file shows no more than that."""
    rows = [f"{n},5;{n}.{n:03},50" for n in range(100, 200)]
    table = "x;y\n" + "\n".join(rows) + "\n"
    (tmp_path / "later.csv").write_text("x;y\n101,5;1.234\n102,5;2.500\n103,5;\n")
    words = {"target": "y", "test_path": str(tmp_path / "later.csv"), "missing_target": "drop"}
    dataset = prepared(table, **words)
    assert dataset.judged.numbers[dataset.split.test].tolist() == [1234.0, 2500.0]
    (tmp_path / "later.csv").write_text("x;y\n101,5;1234.5\n102,5;2.500\n")
    with pytest.raises(
        DataError,
        match=r"data\.test_path: 1 of 2 values of the target 'y' .*1\.234,5.*'1234\.5' in row 1",
    ):
        prepared(table, **words)


@pytest.mark.parametrize(
    ("town", "size", "said"),
    [
        ("Ulm", "", ["'size' is empty in 20 of 20 rows of data.test_path, and never in the table"]),
        ("BONN", "1.5", ["'town': 20 of 20 rows of data.test_path have levels that the table does not"]),
        ("", "2.5", ["'town' is empty in 20 of 20 rows of data.test_path"]),
        ("Bonn", "3.5", []),
        ("Bonn", "3500", ["'size': 20 of 20 rows of data.test_path are more than 10 standard deviations"]),
    ],
)  # fmt: skip
def test_a_column_of_test_rows_that_is_another_one_is_said(prepared, tmp_path, town, size, said):
    """Empty as it never was in the table, or with other words: its scores are of other rows."""
    table = "town,size,y\n" + "".join(
        f"{'Ulm' if n % 3 else 'Bonn'},{n / 7:.3f},{n / 3:.3f}\n" for n in range(90)
    )
    test = "town,size,y\n" + "".join(f"{town},{size},{n / 3:.3f}\n" for n in range(20))
    (tmp_path / "later.csv").write_text(test, "utf-8")
    notes = prepared(table, target="y", test_path=str(tmp_path / "later.csv")).notes
    told = [note for note in notes if "data.test_path" in note]
    assert len(told) == len(said)
    assert all(words in " ".join(told) for words in said)


def test_rows_in_a_file_with_decimal_commas_mean_the_same_to_a_model_of_plain_numbers(
    prepared, tmp_path
):
    """4.755 is 4755 beside 12,5; a table whose own columns differ in their marks reads as it did."""
    (tmp_path / "german.csv").write_text("a;b\n12,5;4.755\n-0,25;812\n1.012,5;1.000\n", "utf-8")
    rows = load.read_table(tmp_path / "german.csv")
    columns = [Column("a", Kind.number), Column("b", Kind.number)]
    found = typed(rows, columns)
    assert found["a"].tolist() == [12.5, -0.25, 1012.5]
    assert found["b"].tolist() == [4755.0, 812.0, 1000.0]
    mixed = "x;price;y\n" + "".join(f"48.{n};{n},5;{n % 2}\n" for n in range(137, 437))
    mixed += "".join(f"0.{n};{n},5;{n % 2}\n" for n in range(100, 130))
    dataset = prepared(mixed, target="y")
    read = typed(dataset.features("train"), [_column(dataset)])["x"]
    assert read.max() < 49


def test_columns_are_judged_by_the_marks_of_the_table_whatever_a_file_of_test_rows_shows(
    prepared, tmp_path
):
    """Beside decimal commas 1.234 is 1234; a point where the table has none is refused, not read as 4.755."""
    table = "a;b;y\n" + "".join(f"{n},5;{n % 50 + 800};{n % 2}\n" for n in range(100, 200))
    (tmp_path / "later.csv").write_text("a;b;y\n101,5;4.755;0\n102,5;812;1\n", "utf-8")
    with pytest.raises(DataError, match=r"1 of 2 values of column 'b' .*'4\.755' in row 1"):
        prepared(table, target="y", test_path=str(tmp_path / "later.csv"))
    grouped = "a;b;y\n" + "".join(f"{n},5;1.{n};{n % 2}\n" for n in range(100, 105)) * 20
    (tmp_path / "later.csv").write_text("a;b;y\n101,5;812;0\n102,5;1.812;1\n", "utf-8")
    dataset = prepared(grouped, target="y", test_path=str(tmp_path / "later.csv"))
    used = [column for column in dataset.columns if column.used]
    found = typed(dataset.frame, used)["b"]
    assert found.iloc[dataset.split.test].tolist() == [812.0, 1812.0]
    assert found.iloc[0] == 1100.0
