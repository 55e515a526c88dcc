"""Texts that tools mistake for something else: as categories and as labels they stay what they are."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import assume, example, given
from hypothesis import strategies as st

from pipeline.config.choices import Task
from pipeline.config.schema import DataConfig
from pipeline.data import prepare
from pipeline.data.labels import label_text
from pipeline.data.load import read_table
from pipeline.data.typed import MISSING_LEVEL, MISSING_TEXTS, typed
from pipeline.models.artefact_mlmodel import json_rows

ROWS = 60
ODD = (
    *("NA", "nan", "null", "None", "#N/A", "-", "1e5", "1E5", "-0", "0", "001", "1", "1.0", "1.10"),
    *("inf", "TRUE", "true", "3/4", "1,5", "\u22121", "=1+1", "'x", "#x", "\\N", "sep=;", "1_000"),
    *('a "b"', '"', '""', '"quoted"', "x,y", "x;y", "a|b", "a\tb", "line\nbreak", "a\r\nb", "\\"),
    *(" leading", "trailing ", "\u00a0hard", "née", "ne\u0301e", "東京", "🙂", "Red", "red", "RED"),
)
TEXTS = st.one_of(
    st.sampled_from(ODD),
    st.text(st.sampled_from("a1.,;|\t\n\"' é🙂-+e0\\#"), min_size=1, max_size=5),
)
LEVELS = st.lists(TEXTS, min_size=2, max_size=8, unique_by=lambda text: text.strip())
FILES = st.tuples(
    st.sampled_from([",", ";", "\t", "|"]), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])
)


def _table(levels: list[str]) -> pd.DataFrame:
    place = np.arange(ROWS)
    return pd.DataFrame(
        {
            "x": [f"{value % 7}.25" for value in place],
            "c": [levels[value % len(levels)] for value in place],
            "z": [f"{value % 5}.75" for value in place],
        }
    )


def _read(rows: pd.DataFrame, folder: str, form: tuple[str, str]) -> pd.DataFrame:
    path = Path(folder, "rows.csv")
    rows.to_csv(path, index=False, sep=form[0], encoding=form[1])
    return read_table(path)


def _means(text: str) -> str:
    """Return what a category's text has to be, spelled numbers aside."""
    text = text.strip()
    return MISSING_LEVEL if text.lower() in MISSING_TEXTS else text


def _is_number(text: str) -> bool:
    return not np.isnan(pd.to_numeric(pd.Series([text.strip()]), errors="coerce")[0])


@given(LEVELS, FILES, st.permutations(range(ROWS)), st.integers(0, ROWS - 1))
@example(list(ODD[:8]), (";", "utf-16"), list(range(ROWS)), 3)
@example(list(ODD[26:34]), ("\t", "utf-8"), list(range(ROWS)), 7)
def test_a_category_is_what_its_cell_says(levels, form, order, one):
    """In any file, order and format, alone or among others; numbers in it may be spelled two ways."""
    table = _table(levels).assign(y=[f"{value % 11}.5" for value in range(ROWS)])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "table.csv")
        table.to_csv(path, index=False, sep=form[0], encoding=form[1])
        said = {"categories": ["c"], "keep": ["c"], "delimiter": form[0]}
        columns = prepare(DataConfig(name="t", path=str(path), target="y", **said), 0).columns
        rows = table.drop(columns="y")
        levels_of = typed(_read(rows, folder, form), columns)["c"].tolist()
        for place, level in enumerate(levels_of):
            text = table["c"][place]
            assert level == _means(text) or (_is_number(text) and float(level) == float(text))
        for places in (list(order), list(order)[:5], [one]):
            part = rows.iloc[places]
            part.to_parquet(Path(folder, "rows.parquet"))
            split = json.loads(json.dumps(json_rows(part)))
            ways = {
                "CSV": _read(part, folder, form),
                "DataFrame": part,
                "Parquet": read_table(Path(folder, "rows.parquet")),
                "JSON": pd.DataFrame(split["data"], columns=split["columns"]),
            }
            for way, frame in ways.items():
                got = typed(frame, columns)["c"].tolist()
                assert got == [levels_of[place] for place in places], way


@given(LEVELS, FILES)
@example(list(ODD[:8]), (",", "utf-8"))
@example(["1", "1.0", "01"], (";", "utf-8"))
@example(["line\nbreak", " line", '"', "x;y"], (";", "utf-16"))
def test_a_label_comes_back_as_the_file_has_it(levels, form):
    """Trimmed and else to the letter; a text that may mean "no value" too, where it is said to be a class."""
    assume(all(text.strip() for text in levels))
    table = _table(levels).rename(columns={"c": "y"})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "table.csv")
        table.to_csv(path, index=False, sep=form[0], encoding=form[1])
        said = {"task": Task.classification, "na_is_class": True, "delimiter": form[0]}
        dataset = prepare(DataConfig(name="t", path=str(path), target="y", **said), 0)
    labels = [label_text(label) for label in dataset.classes or ()]
    assert sorted(labels) == sorted({text.strip() for text in levels})
    found = [labels[code] for code in dataset.judged.numbers]
    assert found == [text.strip() for text in table["y"]]
