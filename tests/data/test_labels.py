"""Labels are what the file says, and come back exactly; what may be no value is never lost unsaid."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config.choices import MissingTarget, Task
from pipeline.config.schema_data import DataConfig
from pipeline.core.errors import DataError
from pipeline.data import prepare
from pipeline.data.csvfile import inert, original, read_predictions, write_csv
from pipeline.data.labels import codes_of, label_text, labels_of_texts, places_among
from pipeline.data.missing import with_target
from pipeline.data.target import Target, read_target
from pipeline.data.typed import MISSING_TEXTS

LIKE_NUMBERS = st.sampled_from(
    [
        "0",
        "1",
        "01",
        "10",
        "1.0",
        "0.0",
        "1.1",
        "1.10",
        "-1",
        "+1",
        "1e5",
        "1_0",
        "True",
        "TRUE",
        "12",
    ]
)
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
NASTY = st.sampled_from(
    ["yes", "no", "Yes", "<b>", "a,b", 'say "a"', "two\nlines", "=1+1", "'=1", "+", "-", "-5", "- 5.",
     "@SUM(A1)", "+1+cmd|' /C calc'!A0", "'", "None", "none", "ß", "probability_1"]
)  # fmt: skip
LABELS = st.one_of(LIKE_NUMBERS, WORDS, NASTY).map(str.strip).filter(bool)


def read(
    texts: list[object], notes: list[str] | None = None, *, written: bool = True, **options: object
) -> tuple[pd.DataFrame, Target]:
    """Return the rows that have a target, and the target, as a sweep reads them."""
    task = options.pop("task", Task.classification)
    config = DataConfig(name="test", target="y", task=task, **options)
    frame = pd.DataFrame({"y": pd.Series(texts, dtype=object if not written else "str")})
    frame = with_target(frame, config, [] if notes is None else notes, written=written)
    return frame, read_target(frame["y"], config.task)


def predicted(target: Target) -> pd.DataFrame:
    """Return predictions that are all right, as `evaluation.final` and `predict` make them."""
    frame = pd.DataFrame({"row": np.arange(len(target.numbers)) + 1})
    frame["truth"] = frame["prediction"] = target.label(target.numbers)
    for place, label in enumerate(target.classes):
        frame[f"probability_{label_text(label)}"] = (target.numbers == place).astype(float)
    return frame


@given(st.lists(LABELS, min_size=2, max_size=6, unique=True))
def test_any_labels_of_a_text_file_come_back_as_they_were_written(labels):
    """Through target, codes, description, `predictions.csv` and back, with and without its classes."""
    _, target = read(labels * 8, na_is_class=True)
    assert sorted(map(label_text, target.classes)) == sorted(labels)
    assert [label_text(target.classes[code]) for code in target.numbers] == labels * 8
    assert json.loads(json.dumps(target.classes)) == list(target.classes)
    text = write_csv(predicted(target))
    for classes in (json.loads(json.dumps(target.classes)), None):
        table = read_predictions(text.encode(), classes)
        assert table["truth"].map(label_text).tolist() == labels * 8
        assert (table["truth"] == table["prediction"]).all()
        names = [name.removeprefix("probability_") for name in table if name.startswith("prob")]
        assert names == list(map(label_text, target.classes))
    assert set(map(type, table["truth"])) == set(map(type, predicted(target)["truth"]))


@settings(max_examples=15)
@given(st.lists(LABELS.filter(lambda text: "\r" not in text), min_size=2, max_size=6, unique=True))
def test_any_labels_of_a_csv_file_are_classes_of_the_prepared_table(labels):
    """Quoted cells with delimiters, quotes and line breaks included."""
    frame = pd.DataFrame({"a": np.arange(10 * len(labels)) % 7 + 0.5, "y": labels * 10})
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/table.csv"
        frame.to_csv(path, index=False, quoting=csv.QUOTE_ALL)
        config = DataConfig(
            name="test", path=path, target="y", task=Task.classification, na_is_class=True
        )
        dataset = prepare(config, 0)
    assert [label_text(dataset.classes[code]) for code in dataset.judged.numbers] == labels * 10


@given(
    st.one_of(
        st.lists(st.integers(-(2**63), 2**63 - 1), min_size=2, max_size=5, unique=True),
        st.lists(st.floats(-1e9, 1e9).filter(bool), min_size=2, max_size=5, unique=True),
        st.just([True, False]),
        st.lists(LABELS, min_size=2, max_size=5, unique=True),
    )
)
def test_labels_of_a_typed_table_keep_value_and_type(labels):
    """Integers, floats, booleans and texts of Parquet files and DataFrames; "1" is no 1 there."""
    series = pd.Series(labels * 8, name="y")
    config = DataConfig(name="test", target="y", na_is_class=True)
    frame = with_target(series.to_frame(), config, [])
    target = read_target(frame["y"], Task.classification)
    assert [target.classes[code] for code in target.numbers] == labels * 8
    assert set(map(type, target.classes)) == set(map(type, labels))
    assert target.label(target.numbers).tolist() == labels * 8
    back = read_predictions(write_csv(predicted(target)).encode(), target.classes)
    assert back["truth"].tolist() == labels * 8
    assert set(map(type, back["truth"].tolist())) == set(map(type, labels))


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        (pd.array([1, 2, None] * 8, dtype="Int64"), (1, 2)),
        (pd.array([True, False, None] * 8, dtype="boolean"), (False, True)),
        (pd.Categorical(["b", "a ", "a"] * 8, categories=["a", "a ", "b", "c"]), ("a", "b")),
        (pd.Categorical([3, 1, 2] * 8), (1, 2, 3)),
        ([Decimal("1.10"), Decimal("2.25")] * 12, ("1.10", "2.25")),
        (["0", "1", None] * 8, ("0", "1")),
        (np.array([0.0, 1.0, np.nan] * 8), (0.0, 1.0)),
    ],
)
def test_labels_of_every_dtype_come_back_from_a_parquet_file(tmp_path, values, classes):
    """Also where rows without one are left out: whole numbers stay whole."""
    path = tmp_path / "table.parquet"
    pd.DataFrame({"a": np.arange(24) % 5 + 0.5, "y": values}).to_parquet(path)
    options = {"task": Task.classification, "missing_target": MissingTarget.drop}
    dataset = prepare(DataConfig(name="test", path=str(path), target="y", **options), 0)
    assert dataset.classes == classes
    assert list(map(type, dataset.classes)) == list(map(type, classes))


def test_durations_are_a_regression_in_seconds_and_infinity_is_no_class():
    """Neither is silently a class of its own."""
    durations = pd.Series(pd.to_timedelta(range(3), unit="min"), name="y")
    target = read_target(durations, Task.auto)
    assert target.numbers.tolist() == [0.0, 60.0, 120.0]
    assert target.notes == ("The target 'y' is in seconds.",)
    with pytest.raises(DataError, match="label inf, which is no class"):
        read_target(pd.Series([0.0, 1.0, np.inf] * 4, name="y"), Task.classification)


@pytest.mark.parametrize(
    ("texts", "classes"),
    [
        (["2", "1", "10"], (1, 2, 10)),
        (["01", "02", "10"], ("01", "02", "10")),
        (["1.0", "0.0"], (0.0, 1.0)),
        (["1.1", "1.10"], ("1.1", "1.10")),
        (["True", "False"], (False, True)),
        (["TRUE", "FALSE"], ("FALSE", "TRUE")),
        (["true", "false"], ("false", "true")),
        (["yes", "yes ", "no"], ("no", "yes")),
        (["nan", "inf"], ("inf", "nan")),
        (["9223372036854775808", "1"], ("1", "9223372036854775808")),
        (["+", "-"], ("+", "-")),
        (["none", "mild", "severe"], ("mild", "none", "severe")),
        (["None", "a", "b"], ("None", "a", "b")),
    ],
)
def test_a_text_becomes_a_number_only_where_every_label_is_spelled_so(texts, classes):
    """And never where two labels would become one."""
    options = {"na_is_class": True} if "nan" in texts else {}
    _, target = read(texts * 8, task=Task.auto, **options)
    assert target.classes == classes
    assert list(map(type, target.classes)) == list(map(type, classes))


def test_blanks_that_make_two_labels_one_are_said():
    """Nothing is said where nothing was merged."""
    notes: list[str] = []
    read(["yes", "yes ", "no", "no"] * 5, notes)
    assert notes == [
        "Blanks around a label of the target 'y' are not part of it: 'yes ' (5 rows) is 'yes'."
    ]
    notes.clear()
    read([" 1", "2"] * 5, notes)
    assert notes == []


def test_classes_that_differ_in_case_stay_apart_and_are_said():
    """Nobody knows which of them the owner means."""
    _, target = read(["yes", "Yes", "no"] * 5)
    assert target.classes == ("Yes", "no", "yes")
    assert "only in how they are written stay apart: 'Yes', 'yes'" in target.notes[0]


@pytest.mark.parametrize("mark", sorted(MISSING_TEXTS - {"", "none", "-", "--", "."}))
def test_a_text_that_may_mean_no_value_stops_and_is_named(mark):
    """With its rows, and both keys that decide."""
    texts = ["EU", mark.upper(), "", "APAC"] * 6
    with pytest.raises(DataError) as caught:
        read(texts)
    message = str(caught.value)
    assert "missing in 12 of 24 rows, rows 2, 3, 6, ..." in message
    assert f": 6 cells with {mark.upper()!r}, 6 empty cells; set data.na_is_class=true" in message
    assert "data.missing_target=drop" in message
    assert f"data.na_is_class=true if {mark.upper()!r} is a class" in message


def test_the_keys_decide_what_a_mark_is():
    """A class with `data.na_is_class`, left out and said with `data.missing_target=drop`."""
    texts = ["EU", "NA", "APAC"] * 6
    notes: list[str] = []
    assert read(texts, notes, na_is_class=True)[1].classes == ("APAC", "EU", "NA")
    assert notes == []
    frame, target = read(texts, notes, missing_target=MissingTarget.drop)
    assert target.classes == ("APAC", "EU")
    assert len(frame) == 12
    assert notes == [
        "Left out: 6 rows without a target (data.missing_target=drop): 6 cells with 'NA'."
    ]
    with pytest.raises(DataError, match=r"missing in 6 of 24 rows.*leave them out"):
        read([*texts, *[""] * 6], na_is_class=True)  # an empty cell is never a class


def test_none_is_a_class_among_words_and_no_value_among_numbers():
    """And the log says so."""
    notes: list[str] = []
    _, target = read(["None", "mild", "severe"] * 6, notes)
    assert target.classes == ("None", "mild", "severe")
    assert "'None' (6 rows) of the target 'y' is taken as a class" in notes[0]
    with pytest.raises(DataError, match="6 cells with 'None'"):
        read(["None", "mild", "severe"] * 6, na_is_class=False)
    with pytest.raises(DataError, match="6 cells with 'None'"):
        read(["None", "0", "1"] * 6)
    with pytest.raises(
        DataError, match=r"6 cells with 'NA'; leave them out with data.missing_target=drop$"
    ):
        read(["NA", "0.5", "1.5", "2.5"] * 6, task=Task.auto)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([f"${i},200" for i in range(40)], r"40 different texts like '\$0,200'.*plain numbers"),
        ([f"{i}.234,56" for i in range(40)], "look like numbers"),
        ([f"{i} 234 km" for i in range(40)], "look like numbers"),
        ([f"{i}.5%" for i in range(40)], "data.task=classification if they are classes"),
        ([*map(str, np.arange(37) / 4), "many", "many", "few"],
         r"numbers in 37 of 40 rows, but also 'many' \(2x\), 'few' \(1x\), rows 38, 39, 40"),
        ([*map(str, np.arange(38) / 4), "n.a.", "unknown"],
         r"but also 'n.a.' \(1x\), 'unknown' \(1x\), rows 39, 40"),
        ([f"2020-{i // 28 + 1:02d}-{i % 28 + 1:02d}" for i in range(40)],
         "holds dates like '2020-01-01'"),
        ([f"name {i}" for i in range(40)], "40 different texts in 40 rows.*they name rows, not classes"),
    ],
)  # fmt: skip
def test_a_text_target_that_is_no_set_of_classes_is_refused_in_words(texts, message):
    """Never a silent classification of forty classes."""
    with pytest.raises(DataError, match=message):
        read(texts, task=Task.auto)


def test_codes_among_numbers_are_classes():
    """A leading zero, or two spellings of one number, and a few measures as words."""
    for texts in (
        [f"{i:03d}" for i in range(20)],
        ["1.1", "1.10", "1.2"],
        ["1st", "2nd", "3rd"],
        ["5%", "10%"],
    ):
        assert read(texts * 5, task=Task.auto)[1].classes == tuple(sorted(texts))
    assert read([f"{i}.5" for i in range(20)] * 5, task=Task.auto)[1].regression
    assert read(["1", "2.5"] * 5)[1].classes == ("1", "2.5")


def test_a_label_is_found_again_whatever_type_another_file_gives_it():
    """1, 1.0 and "1" are the class 1; the text 01 is not, and "maybe" is no truth."""
    assert codes_of(pd.Series(["1", "0"]), (0, 1))[0].tolist() == [1, 0]
    assert codes_of(pd.Series([1.0, None]), ("0", "1"))[0].tolist() == [1, -1]
    assert codes_of(pd.Series(["01", "1"]), (0, 1)) == (pytest.approx([-1, 1]), ["01"])
    assert codes_of(pd.Series(["TRUE", "maybe"]), (False, True))[1] == ["maybe"]
    assert codes_of(pd.Series([1, 10]), ("01", "10"))[1] == [1]


def test_models_saved_before_labels_kept_their_spelling_are_compared():
    """The incumbent of yesterday called 01 and 1.0 just 1."""
    assert places_among(("01", "02", "10"), (1, 2, 10)) == [0, 1, 2]
    assert places_among(("01", "10", "2"), (1, 2, 10)) == [0, 2, 1]
    assert places_among((0.0, 1.0), (0, 1)) == [0, 1]
    assert places_among(("FALSE", "TRUE"), (False, True)) == [0, 1]
    assert places_among(("1.1", "1.10"), ("1.1", "1.10")) == [0, 1]
    assert places_among(None, None) == []
    for others in (("a", "c"), ("a", "b", "c"), (1, 2)):
        assert places_among(("a", "b"), others) is None


@given(st.one_of(WORDS, NASTY, LIKE_NUMBERS))
def test_a_cell_that_a_spreadsheet_would_run_is_inert_and_comes_back(text):
    """Whatever it begins with."""
    assert original(inert(text)) == text
    assert not inert(text).startswith(("=", "@", "\t", "\r"))


@pytest.mark.parametrize(
    "text", ["-1", "+", "-", "- 50000.", "-5%", "-1e-05", "1-2", "a=b", "-inf"]
)
def test_numbers_and_lone_signs_are_written_as_they_are(text):
    """A class called + is one."""
    assert inert(text) == text


@pytest.mark.parametrize(
    "text", ["=HYPERLINK(1)", "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "\t=1", "-a"]
)
def test_what_a_spreadsheet_would_run_stands_behind_an_apostrophe(text):
    """In every column of text; numbers and headers are not touched."""
    frame = pd.DataFrame({"prediction": [text], "n": [-1.5], "e": [-1e-9]})
    cells = pd.read_csv(io.StringIO(write_csv(frame)))
    assert cells["prediction"].tolist() == [f"'{text}"]
    assert (cells["n"].item(), cells["e"].item()) == (-1.5, -1e-9)


def test_predictions_of_a_sweep_before_labels_kept_their_spelling_are_still_read():
    """Its truth says 1.0 where its classes say 1."""
    old = "row,part,truth,prediction,probability_0,probability_1\n0,test,1.0,1,0.2,0.8\n"
    table = read_predictions(old.encode(), None)
    assert (table["truth"].tolist(), table["prediction"].tolist()) == ([1], [1])
    regression = read_predictions(b"row,part,truth,prediction\n0,test,1.5,1.25\n", None)
    assert regression["truth"].tolist() == [1.5]


def test_a_label_of_the_test_file_that_the_table_lacks_is_refused_at_the_start(prepared, tmp_path):
    """With its rows and the file's key."""
    frame = pd.DataFrame({"a": np.arange(60) % 7, "y": ["x", "z"] * 30})
    frame.assign(y=["z", "w"] * 30).to_csv(tmp_path / "other.csv", index=False)
    with pytest.raises(DataError, match=r"data.test_path: target 'y': 'w' in rows 2, 4, 6, ..."):
        prepared(frame, target="y", test_path=str(tmp_path / "other.csv"))
    assert labels_of_texts(["x"]) == ["x"]
