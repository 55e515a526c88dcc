"""Inputs are called by their columns: as many names as inputs, in the encoder's order."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
import pytest

from pipeline.config.choices import Encoding
from pipeline.core.names import Input
from pipeline.core.records import Arrays
from pipeline.data.encode import fit_encoder
from pipeline.data.inputs import inputs_of
from pipeline.data.typed import DATE_PARTS, MISSING_LEVEL, Column, typed
from pipeline.training.diagnose.background import background
from pipeline.training.diagnose.causes import too_good

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.data.dataset import Dataset

ENCODINGS = [*(encoding.value for encoding in Encoding), "piecewise-4"]


@pytest.mark.parametrize("folds", [None, 3])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_input_of_every_encoding_has_a_name(
    prepared: Callable[..., Dataset], people: pd.DataFrame, encoding: str, folds: int | None
) -> None:
    """Numbers with gaps, a boolean, dates, categories with rare levels; the same in every fold."""
    people["shop"] = ["main"] * 60 + ["side"] * 60 + [f"s{row % 30}" for row in range(80)]
    people["mostly"] = [0] * 180 + list(range(20))
    dataset = prepared(people, target="wage", folds=folds, keep=["shop"])
    names = dataset.input_names(encoding)
    for fold in range(len(dataset.split.folds)):
        arrays = dataset.arrays(encoding, fold)
        assert arrays.x_train.shape[1] == len(names)
        assert arrays.names.inputs == names
    shown = [one.name for one in names]
    assert {"height, missing", "town = (missing)", "shop = (rare)"} <= set(shown)
    assert {one.column for one in names} == {c.name for c in dataset.columns if c.used}
    assert len(set(shown)) == len(shown)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_name_stands_where_its_value_goes(encoding: str) -> None:
    """Changing one cell changes the inputs of its own column, and no other."""
    generator = np.random.default_rng(0)
    raw = pd.DataFrame(
        {
            "flat": [0.0] * 190 + [1.0, 2.0] * 5,
            "wide": generator.normal(0, 1, 200),
            "sold": pd.date_range("2020-01-01", periods=200, freq="9D"),
            "city": generator.choice(["Bonn", "Aachen", "Köln"], 200),
        }
    )
    raw.loc[::7, "wide"] = np.nan
    columns = [
        Column("flat", "number"),
        Column("wide", "number"),
        Column("sold", "date", parts=DATE_PARTS),
        Column("city", "category"),
    ]
    known = typed(raw, columns)
    encoder = fit_encoder(known, known, columns, encoding)
    names = inputs_of(known, columns, encoding)
    before = raw.iloc[[1]]
    other = {"flat": 1.5, "wide": np.nan, "sold": pd.Timestamp("2022-09-10"), "city": "?"}
    base = np.asarray(encoder.transform(typed(before, columns)))[0]
    for column, value in other.items():
        changed = np.asarray(encoder.transform(typed(before.assign(**{column: value}), columns)))[0]
        moved = {names[place].column for place in np.flatnonzero(changed != base)}
        assert moved == {column}
    here = np.asarray(encoder.transform(known))
    for level in ("Bonn", "Aachen", "Köln"):
        place = names.index(Input("city", f"city = {level}"))
        assert (here[:, place] == (raw["city"] == level)).all()


def test_the_only_rare_level_has_its_name() -> None:
    """A column of "yes", "no" and twice "perhaps" has three inputs that say so."""
    frame = pd.DataFrame({"a": ["yes"] * 30 + ["no"] * 20 + ["perhaps"] * 2}, dtype=object)
    columns = [Column("a", "category")]
    names = [one.name for one in inputs_of(frame, columns, "standard")]
    assert names == ["a = no", "a = yes", "a = perhaps"]
    here = np.asarray(fit_encoder(frame, frame, columns, "standard").transform(frame))
    assert here[:, 2].tolist() == [0.0] * 50 + [1.0] * 2


@pytest.mark.parametrize("levels", [3, 63, 64, 65, 200])
def test_levels_are_those_that_the_encoder_keeps(levels: int) -> None:
    """Also where there are more than may have an input of their own, and where counts tie."""
    values = [f"v{number}" for number in range(levels) for _ in range(5 + number % 2)]
    frame = pd.DataFrame({"a": [*values, "once", MISSING_LEVEL]}, dtype=object)
    columns = [Column("a", "category")]
    encoder = fit_encoder(frame, frame, columns, "standard")
    names = [one.name for one in inputs_of(frame, columns, "standard")]
    here = np.asarray(encoder.transform(frame))
    assert here.shape[1] == len(names)
    for place, name in enumerate(names[:-1]):
        assert set(frame["a"][here[:, place] == 1]) == {name.removeprefix("a = ")}
    assert names[-1] == "a = (rare)"


def test_findings_of_the_data_name_columns_and_classes(
    prepared: Callable[..., Dataset], people: pd.DataFrame
) -> None:
    """A constant input and a copy of the target: by name, never "input 3" or "number 0 of 4"."""
    people["copy"] = people["wage"] * 3 + 1
    people["rarely"] = 0
    dataset = prepared(people, target="wage", keep=["rarely"])
    said = {one.code: one.sentence for one in background(dataset.arrays("standard")).findings}
    assert said["leaked-target"].startswith("copy is the target itself")
    assert said["constant-input"].endswith("teach nothing: rarely")


def test_an_interval_that_no_row_reaches_is_no_constant_column(
    prepared: Callable[..., Dataset], people: pd.DataFrame
) -> None:
    """Embedded numbers have as many inputs each; those a number has no use for are not the user's."""
    arrays = prepared(people, target="wage").arrays("embedded-48")
    idle = np.ptp(arrays.x_train.reshape(len(arrays.x_train), -1), axis=0) == 0
    assert {arrays.names.column(place) for place in np.flatnonzero(idle)}
    assert "constant-input" not in {one.code for one in background(arrays).findings}


def test_nobody_is_advised_to_drop_the_only_feature(prepared: Callable[..., Dataset]) -> None:
    """The table would have none left."""
    x = np.random.default_rng(0).normal(0, 1, 60).round(3)
    dataset = prepared(pd.DataFrame({"x": x, "y": 2 * x + 1}), target="y")
    (finding,) = background(dataset.arrays("standard")).findings
    assert "x is the target itself" in finding.sentence
    assert "drop" not in finding.sentence
    without = background(_unnamed(dataset.arrays("standard")))
    assert "input 0" in without.findings[0].sentence


@pytest.mark.parametrize(("columns", "advice"), [(1, False), (2, True)])
def test_a_loss_next_to_nothing_asks_for_a_leak(columns: int, *, advice: bool) -> None:
    """Where there is one column, it is asked after and not to be dropped."""
    behind = SimpleNamespace(constant_losses=np.ones(3), columns=columns)
    finding = too_good(
        cast("Any", SimpleNamespace(validation=SimpleNamespace(mean=1e-9), background=behind))
    )
    assert finding is not None
    assert "known only after the target" in finding.sentence
    assert ("data.drop" in finding.sentence) is advice


def _unnamed(arrays: Arrays) -> Arrays:
    return Arrays(arrays.x_train, arrays.y_train, arrays.x_val, arrays.y_val, regression=True)
