"""What became of each column is said, with the override that changes it; leaks come first."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from pipeline.config.compose import compose
from pipeline.data.columns import MOST_RECORDED, Attention, ColumnFact, recorded, said, setting
from pipeline.plan import main as plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.data.dataset import Dataset


@pytest.fixture
def flats() -> pd.DataFrame:
    """Return 300 flats with an id, a constant, gaps, dates, and two targets."""
    generator = np.random.default_rng(0)
    size = generator.uniform(20, 120, 300).round(1)
    frame = pd.DataFrame(
        {
            "id": range(1000, 1300),
            "size": size,
            "city": generator.choice(["Bonn", "Köln"], 300),
            "sold": pd.date_range("2020-01-01", periods=300).strftime("%Y-%m-%d"),
            "land": "Germany",
            "rent": (9 * size + generator.normal(0, 30, 300)).round(2),
        }
    )
    frame.loc[::9, "size"] = np.nan
    frame["dear"] = np.where(frame["rent"] > 700, "yes", "no")
    return frame


def facts(dataset: Dataset) -> dict[str, ColumnFact]:
    """Return the facts by column."""
    return {fact.name: fact for fact in dataset.facts}


def test_every_column_has_its_fact(prepared: Callable[..., Dataset], flats: pd.DataFrame) -> None:
    """Name, kind, inputs; what was dropped by rule with what keeps it, by configuration without."""
    found = facts(prepared(flats, target="rent", drop=["dear"]))
    assert list(found) == ["rent", "id", "size", "city", "sold", "land", "dear"]
    assert {name: fact.what for name, fact in found.items()} == {
        "rent": "is predicted (regression)",
        "id": "left out: identifier: whole numbers, 255 different values in 255 rows",
        "size": "2 inputs: value, missing",
        "city": "2 inputs: Bonn, Köln",
        "sold": "9 inputs: month, weekday, elapsed days, weekday sin, weekday cos, ...",
        "land": "left out: constant: every value is Germany",
        "dear": "left out (data.drop)",
    }
    assert (found["id"].attention, found["id"].hint) == (Attention.dropped, "data.keep=[id]")
    assert (found["land"].attention, found["land"].hint) == (
        Attention.dropped,
        "",
    )  # no input of it
    assert (found["dear"].attention, found["dear"].hint) == (Attention.none, "")
    assert found["sold"].kind == "date"


@pytest.mark.parametrize(
    "leak",
    [
        lambda frame: frame["rent"] * 3 + 1,
        lambda frame: np.log(frame["rent"]),
        lambda frame: frame["rent"].round(-1),
    ],
    ids=["on another scale", "logarithm", "rounded"],
)
def test_a_feature_that_tells_the_target_alone_comes_first(
    prepared: Callable[..., Dataset], flats: pd.DataFrame, leak: Callable[[pd.DataFrame], pd.Series]
) -> None:
    """Whatever was done to it, with the override that leaves it out and no other."""
    flats = flats.drop(columns="dear")
    flats["deposit paid"] = leak(flats)
    flats["deposit paid"] = flats["deposit paid"].astype(object).where(flats.index != 5, "unknown")
    dataset = prepared(flats, target="rent")
    assert facts(dataset)["deposit paid"].attention is Attention.severe
    first = said(dataset.facts)[0]
    assert first.startswith("Column 'deposit paid' may give the target away: alone it tells ")
    assert first.endswith("""'data.drop=["deposit paid"]'""")


@pytest.mark.parametrize(
    "leak",
    [
        lambda frame: frame["dear"].map({"yes": "A", "no": "B"}),
        lambda frame: frame["rent"],
        lambda frame: frame["sold"].where(frame["dear"] == "yes"),
        lambda frame: [
            f"{dear}{row}" if row % 20 == 0 else dear for row, dear in enumerate(frame["dear"])
        ],
    ],
    ids=["level", "number", "date", "levels, some of one row"],
)
def test_a_feature_that_names_the_class_alone_is_severe(
    prepared: Callable[..., Dataset], flats: pd.DataFrame, leak: Callable[[pd.DataFrame], pd.Series]
) -> None:
    """A level for each class, rare levels beside it, a threshold, a date that only one class has."""
    flats["later"] = leak(flats)
    found = facts(prepared(flats.drop(columns="rent"), target="dear"))
    assert found["later"].attention is Attention.severe
    assert "alone it tells" in found["later"].note
    assert found["size"].attention is Attention.none


def test_honest_features_are_not_suspected(prepared: Callable[..., Dataset]) -> None:
    """Neither a strong one, nor what seems to name a class that hardly any row has."""
    generator = np.random.default_rng(1)
    size = generator.normal(0, 1, 400)
    rare = np.where(np.arange(400) % 100 == 7, "fraud", "fine")
    frame = pd.DataFrame({"size": size, "city": generator.choice(["a", "b"], 400)})
    strong = prepared(frame.assign(rent=size + generator.normal(0, 0.1, 400)), target="rent")
    assert said(strong.facts) == []
    assert said(prepared(frame.assign(kind=rare), target="kind").facts) == []


def test_the_only_feature_is_doubted_but_never_to_be_dropped(
    prepared: Callable[..., Dataset],
) -> None:
    """Without it there would be nothing to learn from; also where it looks like an identifier."""
    x = np.random.default_rng(0).normal(0, 1, 90).round(3)
    dataset = prepared(pd.DataFrame({"x": x, "y": 2 * x + 1}), target="y")
    (line,) = said(dataset.facts)
    assert facts(dataset)["x"].attention is Attention.doubted
    assert "drop" not in line
    size = np.random.default_rng(0).permutation(10**6)[:90]
    alone = pd.DataFrame({"size": size, "y": size % 7})
    (line,) = said(prepared(alone, target="y").facts)
    assert "taken as a measure" in line
    assert "drop" not in line
    (line, _) = said(prepared(alone.assign(other=size[::-1] + 1), target="y").facts)
    assert "data.drop=[size] changes that" in line


def test_a_log_says_a_dozen_lines_and_how_many_more(
    prepared: Callable[..., Dataset], flats: pd.DataFrame
) -> None:
    """Of what needs attention; the report has the rest."""
    empty = {f"c{number}": 1 for number in range(20)}
    lines = said(prepared(flats.assign(**empty), target="rent", drop=["dear"]).facts)
    assert len(lines) == 12
    assert lines[0].startswith("Column 'id' is left out (identifier")
    assert lines[0].endswith("data.keep=[id] changes that.")
    assert lines[-1] == "... 11 more columns in report.html"


def test_pixels_are_one_fact_and_wide_tables_are_recorded_in_part() -> None:
    """A summary stays readable; what needs attention is always in it, in the table's order."""
    many = [ColumnFact(f"c{number}", "number", used=True) for number in range(3000)]
    many[2999] = ColumnFact("last", "number", used=False, attention=Attention.dropped)
    kept = recorded(many)
    assert len(kept) == MOST_RECORDED
    assert [one["name"] for one in kept[:2]] == ["c0", "c1"]
    assert kept[-1]["name"] == "last"
    assert json.loads(json.dumps(kept[-1]))["attention"] == "dropped"


@pytest.mark.parametrize(
    "name", ["id", "null", "Größe (m²)", "a,b", "it's", 'say "x"', "a]b", "07"]
)
def test_a_hint_does_what_it_says_when_it_is_typed(name: str) -> None:
    """The shell takes its quotes away, the configuration reads exactly this name."""
    import shlex

    (word,) = shlex.split(setting("keep", name))
    assert compose([word]).data.keep == [name]


def test_the_plan_shows_every_column(
    flats: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is trained."""
    flats["deposit"] = flats["rent"] * 3
    flats.to_csv(tmp_path / "flats.csv", index=False)
    plan(["data=table", f"data.path={tmp_path / 'flats.csv'}", "data.target=rent"])
    out = capsys.readouterr().out
    assert "  id       number    left out: identifier" in out
    assert "(data.keep=[id])" in out
    assert (
        "  sold     date      9 inputs: month, weekday, elapsed days, weekday sin, weekday cos, ..."
        in out
    )
    assert "Column 'deposit' may give the target away" in out
