"""The labels of a table come out of a whole sweep as they went in: predict, served model, files, report."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from pipeline import api
from pipeline.figures.predictions import confusion
from pipeline.ledger.files import download_model
from pipeline.ledger.location import resolve
from pipeline.predict import main as predict
from pipeline.session import results

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

ROWS = 180
SMALL = {
    "model": "mlp",
    "training.epochs": 12,
    "training.executions": 1,
    "training.engine": "fit",
    "search.space.units_max": 32,
    "search.space.layers_max": 1,
    "search.learning_rate.values": [0.05],
    "tracking.save_models": "champion",
    "budget.fits": 2,
    "verbose": False,
}
LABELS: dict[str, list[Any]] = {
    "text that looks like numbers or a formula": ["01", "10", '=1+1,"<blink>"'],
    "floats of a CSV file": [1.0, 0.0],
}


def table(labels: list[Any]) -> pd.DataFrame:
    """Return well parted classes."""
    draw = np.random.default_rng(0)
    place = draw.integers(0, len(labels), ROWS)
    return pd.DataFrame(
        {
            "x": place * 3.0 + draw.normal(0, 0.3, ROWS),
            "z": draw.normal(0, 1, ROWS),
            "y": pd.Series([labels[one] for one in place]),
        }
    )


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param(labels, id=name, marks=[pytest.mark.rare] * (place > 0))
        for place, (name, labels) in enumerate(LABELS.items())
    ],
)
def test_labels_come_back_from_everywhere(labels: list[Any], workplace: Path) -> None:
    """Same value and same type, in each place that names a class."""
    import mlflow

    frame = table(labels)
    if isinstance(labels[0], float):
        frame.loc[[0, 5, 11], "y"] = None  # rows that are left out keep their place in the count
        frame.to_csv("table.csv", index=False)
        found = api.sweep(
            output_dir="out",
            **SMALL,
            **{"data": "table", "data.path": "table.csv", "data.target": "y"},
            **{"data.missing_target": "drop"},
        )
    else:
        found = api.sweep(frame, "y", output_dir="out", **SMALL)
    classes = sorted(labels)
    assert found.summary["data"]["classes"] == classes

    predicted = found.predict(frame)["prediction"]
    assert set(map(type, predicted.tolist())) == {type(labels[0])}
    assert (predicted == frame["y"]).mean() > 0.9

    frame.to_parquet("rows.parquet")
    for output in ("said.parquet", "said.csv"):
        predict([f"model={found.run_id}", "input=rows.parquet", f"output={output}"])
    said = pd.read_parquet("said.parquet")["prediction"]
    assert said.tolist() == predicted.tolist()
    cells = pd.read_csv("said.csv", dtype=str)["prediction"]
    assert set(cells) == {f"'{one}" if str(one).startswith("=") else str(one) for one in labels}

    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{workplace}/mlruns/mlflow.db")
    model = found.summary["champion"]["model_uri"].removeprefix("models:/")
    folder = download_model(client, resolve(None), model, str(workplace))
    served = mlflow.pyfunc.load_model(folder).predict(frame[["x", "z"]])
    assert served["prediction"].tolist() == predicted.tolist()
    assert list(served)[1:] == [f"probability_{label}" for label in classes]
    assert json.loads(served.to_json(orient="records"))[0]["prediction"] == predicted[0]

    tested = results.predictions(found.record)
    assert tested["truth"].tolist() == frame["y"].iloc[tested["row"] - 1].tolist()
    assert tested["prediction"].tolist() == predicted.iloc[tested["row"] - 1].tolist()
    right = int((tested["truth"] == tested["prediction"]).sum())
    assert f"{right:,} of {len(tested):,} test rows are right" in confusion(found.record)[1]
    assert np.trace(np.array(confusion(found.record)[0].data[0].text, dtype=int)) == right
    assert right > 0.9 * len(tested)
    assert "<blink>" not in (found.output_dir / "report.html").read_text(encoding="utf-8")
