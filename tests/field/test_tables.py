"""A row gives one prediction, however it comes; columns and labels are what their owner means.

The whole way without training: file, table, encoder, an untrained network, the saved artefact, and what
MLflow serves.
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from pipeline.config.schema_data import DataConfig
from pipeline.core.records import Capacity, Fit, Trial
from pipeline.data import prepare, typed
from pipeline.data.labels import label_text
from pipeline.data.load import read_table
from pipeline.evaluation.final import Member
from pipeline.models.artefact import expected_outputs
from pipeline.models.artefact_folder import write_folder
from pipeline.models.artefact_mlmodel import FOLDER, json_rows, write_mlmodel
from pipeline.models.artefact_predictor import Predictor
from tests.field.recipes import TABLES, Recipe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.data.dataset import Dataset

FIT = Fit(Trial(Capacity("linear", (("layers", 0),)), 0.01, 10), 0, 0, 1)
ORDER = np.random.default_rng(3).permutation(40)


def _written(rows: pd.DataFrame, recipe: Recipe, path: Path) -> Path:
    rows.to_csv(path, index=False, sep=recipe.delimiter, encoding=recipe.encoding)
    return path


def _network(dataset: Dataset) -> Any:
    """Return a network that knows nothing, in which every input counts."""
    import keras

    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [keras.Input(dataset.input_shape("standard")), keras.layers.Dense(dataset.outputs)]
    )


def _native(rows: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """Return rows as a program has them: numbers and dates in types of their own."""
    frame = rows.set_axis([typed.tidy(name) for name in rows.columns], axis=1)
    for column in dataset.columns:
        series = frame[column.name]
        if column.kind is typed.Kind.number:
            frame[column.name] = typed.unchecked_numbers(series, column.format)
        elif column.kind is typed.Kind.date:
            frame[column.name] = typed.dates(series, column.format).astype("datetime64[us]")
    return frame


def _ways(rows: pd.DataFrame, recipe: Recipe, dataset: Dataset, home: Path) -> Iterator[Any]:
    """Yield a way of giving rows, which rows these are, and the rows as they come."""
    everything = np.arange(len(rows))
    parts = {
        "whole": everything,
        "shuffled": ORDER,
        "some": everything[3:9],
        "one": everything[5:6],
    }
    native = _native(rows, dataset)
    for name, places in parts.items():
        part = rows.iloc[places]
        yield f"CSV, {name}", places, read_table(_written(part, recipe, home / "new.csv"))
        yield f"DataFrame, {name}", places, part
        for kind, frame in (("texts", part), ("types", native.iloc[places])):
            frame.to_parquet(home / "new.parquet")
            yield f"Parquet of {kind}, {name}", places, read_table(home / "new.parquet")
            split = json.loads(json.dumps(json_rows(frame)))
            yield (
                f"JSON of {kind}, {name}",
                places,
                pd.DataFrame(split["data"], columns=split["columns"]),
            )
    yield "types", everything, native
    yield "columns in another order", everything, native[native.columns[::-1]]


@pytest.mark.rare
@pytest.mark.parametrize("recipe", TABLES, ids=[recipe.name for recipe in TABLES])
def test_a_row_gives_one_prediction_however_it_comes(recipe: Recipe, tmp_path: Path) -> None:
    """Whole, shuffled, in part, alone; CSV, Parquet, DataFrame, JSON; predict and MLflow."""
    import mlflow

    table = recipe.make()
    path = _written(table, recipe, tmp_path / "table.csv")
    dataset = prepare(DataConfig(name="t", path=str(path), target="y", **recipe.options), 0)
    name = typed.tidy(recipe.header)
    columns = {column.name: column for column in dataset.columns}
    found = str(columns[name].kind) if columns[name].used else "dropped"
    assert found == recipe.kind, dict(dataset.dropped)
    assert dataset.regression is not bool(recipe.labels)

    root = tmp_path / "artefact"
    (root / FOLDER).mkdir(parents=True)
    members = [Member(FIT, _network(dataset))]
    write_folder(root / FOLDER, dataset, members)
    write_mlmodel(root, dataset, "m-field", "", "", {})
    predictor = Predictor(root / FOLDER, typed)
    served = mlflow.pyfunc.load_model(str(root))
    if recipe.labels:
        assert sorted(map(label_text, predictor.classes or [])) == sorted(recipe.labels)

    rows = table.drop(columns="y").iloc[:40]
    raw = read_table(_written(rows, recipe, tmp_path / "rows.csv"))
    right = expected_outputs(dataset, members, raw)
    assert len(right) == len(rows)
    assert len(np.unique(right[:, 0])) > 1
    for way, places, frame in _ways(rows, recipe, dataset, tmp_path):
        answers = [predictor.predict(frame)]
        if not way.startswith("CSV"):  # text frames come below, too
            answers.append(served.predict(_as_served(frame)))
        for answer in answers:
            shares = [column for column in answer if column.startswith("probability_")]
            got = answer[shares] if shares else answer[["prediction"]]
            np.testing.assert_allclose(got, right[places], rtol=1e-5, atol=1e-5, err_msg=way)
            if shares:
                said = {*map(label_text, answer["prediction"])}
                assert said <= set(recipe.labels), way


def _as_served(frame: pd.DataFrame) -> pd.DataFrame:
    """Return rows with the names of the signature: MLflow compares them before the model sees them."""
    return frame.set_axis([typed.tidy(name) for name in frame.columns], axis=1)


def test_a_csv_request_means_what_the_file_does(tmp_path: Path) -> None:
    """A scoring server reads text with its own types: codes keep their zeros."""
    recipe = next(one for one in TABLES if "leading zeros" in one.name)
    path = _written(recipe.make(), recipe, tmp_path / "table.csv")
    dataset = prepare(DataConfig(name="t", path=str(path), target="y"), 0)
    body = path.read_text(encoding="utf-8")
    frame = pd.read_csv(io.StringIO(body), dtype=object)
    here = typed.typed(read_table(path), dataset.columns)
    pd.testing.assert_frame_equal(typed.typed(frame, dataset.columns), here)
