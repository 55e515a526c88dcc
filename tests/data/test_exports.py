"""Tables as offices, shops and other programs export them: read as meant, or refused in words that help."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.core.errors import DataError
from pipeline.data.typed import Kind, unchecked_numbers
from pipeline.plan import _columns

ROWS = 60


def table(cells, target="y"):
    """Return a table of a column x, a number a and a target that is a number."""
    draw = np.random.default_rng(0)
    a = draw.normal(size=ROWS).round(3)
    return pd.DataFrame({"x": list(cells), "a": a, target: (2 * a).round(3)})


@pytest.mark.parametrize(
    ("write", "value"),
    [
        (lambda n: f"({n}.25)" if n % 2 else f"{n}.25", -13.25),
        (lambda n: f"{n}.25-" if n % 2 else f"{n}.25", -13.25),
        (lambda n: f"CHF {n * 100}.-", 1300.0),
        (lambda n: f"{n * 100}.\u2013", 1300.0),
        (lambda n: "#DIV/0!" if n == 5 else "#NV" if n == 6 else "#WERT!" if n < 5 else f"{n}.5", 13.5),
        (lambda n: " $ -   " if n == 5 else f" $ ({n}.25)" if n % 2 else f" $ {n}.25 ", -13.25),
        (lambda n: "$-" if n == 13 else f"$({n},000.25)" if n % 2 else f"${n}.25", 0.0),
        (lambda n: "-   €" if n == 13 else f"({n},25 €)" if n % 2 else f"{n},25 €", 0.0),
        (lambda n: f"US${n},100.50" if n % 2 else f"-US${n}.75", 13100.5),
        (lambda n: f"R$ {n}.100,50", 13100.5),
        (lambda n: f"{n},05,100" if n % 2 else f"{n + 1},100", 1305100.0),
        (lambda n: f"\u20b9{n},05,100.50", 1305100.5),
        (lambda n: f"\u2013{n}.5" if n % 2 else f"{n}.5", -13.5),
        (lambda n: "".join(chr(0x660 + int(digit)) for digit in str(n * 31)), 403.0),
    ],
    ids=["brackets", "minus behind", "dash", "long dash", "errors", "Excel", "Excel, zero", "euros",
         "US$", "R$", "lakh", "rupees", "dash as minus", "arabic digits"],
)  # fmt: skip
def test_numbers_of_accountants_are_numbers(prepared, write, value):
    """A minus in brackets or behind, a price without rappen, cells that a spreadsheet could not compute."""
    texts = [write(n) for n in range(ROWS)]
    (column, _) = prepared(table(texts), target="y").columns
    assert column.kind is Kind.number
    assert unchecked_numbers(pd.Series([texts[13]]), column.format)[0] == value


@pytest.mark.parametrize("word", ["unknown", "n.d.", "<0.5"])
@pytest.mark.parametrize(
    ("write", "kind"),
    [(lambda n: f"{n}.5", Kind.number), (lambda n: f"{n % 28 + 1}/3/{2000 + n // 28}", Kind.date)],
)
def test_a_word_in_a_third_of_the_rows_leaves_the_others_as_they_are(prepared, write, kind, word):
    """One input says where it stood; as a category all the others were rare. New rows may hold it, too."""
    texts = [write(n) if n % 3 else word for n in range(ROWS)]
    dataset = prepared(table(texts), target="y")
    (column, _) = dataset.columns
    assert (column.kind, column.strays) == (kind, (word,))
    assert f"with '{word}' count as missing" in " ".join(dataset.notes)
    few = [str(n % 12) if n % 3 else word for n in range(ROWS)]
    assert prepared(table(few), target="y").columns[0].kind is Kind.category


def test_marks_of_schools_are_no_negative_numbers(prepared):
    """2- is a good mark less a bit, not minus two."""
    (column, _) = prepared(
        table(f"{n % 5 + 1}{'-+ '[n % 3]}" for n in range(ROWS)), target="y"
    ).columns
    assert column.kind is Kind.category


def test_weeks_are_dates(prepared):
    """Of ISO 8601, with a dash and without, read alike in a file of one row."""
    for dash in ("-", ""):
        weeks = table(f"202{n % 3}{dash}W{n % 52 + 1:02}" for n in range(ROWS))
        (column, _) = prepared(weeks, target="y").columns
        assert column.kind is Kind.date
        assert column.measure(pd.Series(["2024-W10"]))[0] == (
            pd.Timestamp("2024-03-04") - pd.Timestamp("1970-01-01")
        ) / pd.Timedelta(days=1)


@pytest.mark.parametrize(
    ("form", "days"),
    [
        ("%d%b%Y", 19787.0),
        ("%d%b%Y:%H:%M:%S", 19787 + 64999 / 86400),
        ("%Y-%m-%d %H:%M:%S UTC", 19787 + 64999 / 86400),
        ("%a, %d %b %Y %H:%M:%S GMT", 19787 + 64999 / 86400),
        ("%d/%b/%Y:%H:%M:%S +0000", 19787 + 64999 / 86400),
        ("%Y%m%d %H:%M", 19787 + 64980 / 86400),
        ("%Y年%m月%d日", 19787.0),
        ("%B %dth, %Y", 19787.0),
        ("%dth %b %Y", 19787.0),
        ("%H:%M:%S.%f", -25567 + 64999.25 / 86400),
    ],
    ids=["SAS", "SAS, time", "BigQuery", "mail", "Apache", "compact", "China", "March 5th", "5th Mar", "ms"],
)  # fmt: skip
def test_dates_of_other_programs_are_dates(prepared, form, days):
    """SAS joins day, month and year, BigQuery names the zone, people write an ordinal."""
    when = pd.date_range("2024-03-05 18:03:19.25", periods=ROWS, freq="53h7min")
    (column, _) = prepared(table(f"{one:{form}}" for one in when), target="y").columns
    assert column.kind is Kind.date
    cell = f"{when[0]:{form}}"
    for text in (cell, cell.upper() if form.startswith("%d%b") else cell):
        assert column.measure(pd.Series([text]))[0] == pytest.approx(days, abs=1e-7)


def test_a_code_with_letters_between_digits_is_no_date(prepared):
    """12ABC34 is none, and is not said to look like one."""
    dataset = prepared(table(f"{n % 7 + 10}ABC{n % 9 + 20}" for n in range(ROWS)), target="y")
    assert "dates" not in " ".join(dataset.notes)


def test_years_of_two_digits_over_a_century_are_said(prepared):
    """Who was born in 1930 is not born in 2030."""
    born = table(f"{n % 27 + 1:02}.{n % 12 + 1:02}.{30 + n:02}" for n in range(ROWS))
    notes = " ".join(prepared(born, target="y").notes)
    assert "a year of two digits is read as 1969 to 2068" in notes
    young = table(f"{n % 27 + 1:02}.{n % 12 + 1:02}.{n % 25:02}" for n in range(ROWS))
    assert "two digits" not in " ".join(prepared(young, target="y").notes)


def test_a_format_that_no_program_knows_is_refused(prepared):
    """In the words of the one that reads it."""
    with pytest.raises(DataError, match=r"data\.dates\.x=%G-W%V: ISO year directive"):
        prepared(
            table(f"2024-W{n % 52 + 1:02}" for n in range(ROWS)), target="y", dates={"x": "%G-W%V"}
        )


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["1", "1.0", "0", "0.0"], "'0', '0.0', '1', '1.0'"),
        (["rot", "rot\u200b", "bar"], "'rot', "),
        (["caf\u00e9", "cafe\u0301", "bar"], "stay apart: 'caf"),
        (["<=50K", "<=50K.", ">50K"], "stay apart: '<=50K', '<=50K.'."),
        (["very good", "very_good", "bad"], "stay apart: 'very good', 'very_good'."),
        (["non-smoker", "non  smoker", "smoker"], "stay apart: 'non  smoker', 'non-smoker'."),
    ],
)
def test_labels_that_look_alike_are_said(prepared, texts, said):
    """They stay apart, as those that differ in case do."""
    frame = table(range(ROWS)).assign(y=(texts * ROWS)[:ROWS])
    assert said in " ".join(prepared(frame, target="y").notes)


@pytest.mark.parametrize("texts", [["A-", "A"], ["1-2", "12"], ["1.5x", "15x"], ["a_1", "a1"]])
def test_labels_that_mean_two_things_are_not_said_to_look_alike(prepared, texts):
    """A mark of a school and the one below it, a range and a number."""
    frame = table(range(ROWS)).assign(y=(texts * ROWS)[:ROWS])
    assert "stay apart" not in " ".join(prepared(frame, target="y").notes)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("Rents of 2024,,\n,,\nx,a,y\n1,2,3\n4,5,6\n", "'y' stands in line 3: remove the lines"),
        ("Rents of 2024\nx,a,y\n1,2,3\n4,5,6\n", "'y' stands in line 2: remove the lines"),
        ("x^a^y\n1^2^3\n4^5^6\n", r"its only one is 'x\^a\^y'; say how columns .*data\.delimiter"),
        ("1,2,3\n4,5,6\n7,8,9\n", r"its first line holds numbers \(1, 2, 3\), no names"),
        ('[{"x":1,"a":2,"y":3},{"x":1,"a":2,"y":3}]', "holds JSON; save the table as CSV"),
        ('\ufeff{"x":1,"y":3}\n{"x":1,"y":3}\n', "holds JSON; save the table as CSV"),
        ("<!DOCTYPE html>\n<table><tr><td>x</td></tr></table>\n", "holds HTML or XML"),
        (b"ARROW1\0\0abc", "an Arrow .Feather. file"),
    ],
    ids=["title", "short title", "caret", "no header", "json", "lines of json", "html", "feather"],
)
def test_what_is_no_table_is_told_from_one_without_the_target(prepared, content, said):
    """The message says what the file is, not that it lacks a column."""
    with pytest.raises(DataError, match=said):
        prepared(content, target="y")


def test_a_name_is_found_however_its_umlaut_is_composed(prepared):
    """A Mac writes o and two dots where a keyboard writes ö."""
    dataset = prepared(table(range(ROWS), "gro\u0308\u00dfe"), target="gr\u00f6\u00dfe")
    assert dataset.target == "gr\u00f6\u00dfe"


def test_a_target_in_several_currencies_is_no_class(prepared):
    """Nor one number."""
    frame = table(range(ROWS)).assign(
        y=[f"{'EUR' if n % 2 else 'USD'} {n * 7}.50" for n in range(ROWS)]
    )
    with pytest.raises(DataError, match=r"several currencies \(EUR, USD\)"):
        prepared(frame, target="y")


def test_the_plan_says_why_a_column_is_lost(prepared):
    """Of one that is left out too: that it looks like numbers, and the word that reads it as such."""
    texts = [f"{n}.{n} kg" if n % 3 else f"{n}00 g" for n in range(ROWS)]
    dataset = prepared(table(texts), target="y")
    said = "\n".join(_columns(dataset.facts))
    assert "% of its rows, but also" in said
    assert "data.numbers=[x] changes that" in said
    assert "data.keep" not in said
    frame = table(f"line {n % 3}\nof two" for n in range(ROWS))
    assert "3 inputs: line 0 of two, line 1 of two, line 2 of two" in "\n".join(
        _columns(prepared(frame, target="y").facts)
    )


def test_a_header_that_is_repeated_is_no_row(prepared):
    """Files put together by their lines: the name of the target would be a class of its own."""
    rows = [f"{n % 7}.5,{n % 3},{'high' if n % 7 > 3 else 'low'}" for n in range(ROWS)]
    for again in ("a,b,kind", "a, b,kind "):
        lines = ["a,b,kind", *rows[:20], again, *rows[20:40], again, *rows[40:]]
        dataset = prepared("\n".join(lines) + "\n", target="kind")
        assert (dataset.rows, dataset.classes) == (ROWS, ("high", "low"))
        said = "rows 21, 42 (counted below the header) repeat the header: they are left out."
        assert said in dataset.notes
        assert {column.kind for column in dataset.columns} == {Kind.number}
    lines = ["a,b,y", *[f"{n % 7}.5,{n % 3},{n / 3:.2f}" for n in range(ROWS)], "a,b,y"]
    once = prepared("\n".join(lines) + "\n", target="y")
    assert once.regression
    assert "row 61 (counted below the header) repeats the header: it is left out." in once.notes


def test_numbers_in_the_header_are_no_repeated_header(prepared):
    """Columns called 0, 1 and 2 as pandas counts them: a row of these numbers is a row."""
    rows = [f"{n % 7},{n % 3},{n % 4}" for n in range(ROWS)]
    assert prepared("\n".join(["0,1,2", "0,1,2", *rows]) + "\n", target="2").rows == ROWS + 1
