"""The MLflow side of a saved champion: MLmodel, signature, input example, environment.

Written by hand and not by `mlflow.pyfunc.save_model`, which stores paths of this machine and runs
the model's code; every artefact is loaded by MLflow in a fresh process before it is used.
"""

from __future__ import annotations

import json
import platform
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.tracking import environment

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.data.dataset import Dataset

FOLDER = "artifacts/model"
"""Where the predictor's folder stands inside the artefact."""

SERVED = "artefact_served.py"
EXAMPLE_ROWS = 5

COLUMN_TYPES = {"f": "double", "i": "long", "u": "long", "b": "boolean", "M": "datetime"}
"""MLflow's types of raw columns by NumPy kind; anything else is text."""


def write_mlmodel(
    root: Path, dataset: Dataset, model_id: str, run_id: str, place: str, about: dict[str, str]
) -> None:
    """Write everything around the predictor's folder.

    Args:
        root: The artefact; `FOLDER` is in it already.
        dataset: The prepared table.
        model_id: Of the LoggedModel.
        run_id: Of the run that it belongs to.
        place: Where the LoggedModel's files will be.
        about: Metadata: sweep, trial, data digest.
    """
    import mlflow
    import yaml

    columns = [column.name for column in dataset.columns if column.used]
    example = dataset.features("train")[columns].head(EXAMPLE_ROWS)
    names = ["numpy", "pandas", "scikit-learn", "skops"]
    if dataset.images is not None:
        names.append("pillow")
    for name, content in environment.environment_files(environment.requirements(*names)).items():
        (root / name).write_bytes(content)
    split = json_rows(example)
    (root / "input_example.json").write_text(json.dumps(split), encoding="utf-8")
    served = json.dumps({"dataframe_split": split}, indent=1)
    (root / "serving_input_example.json").write_text(served, encoding="utf-8")
    shutil.copyfile(Path(__file__).with_name(SERVED), root / SERVED)
    described = {
        "artifact_path": place,
        "flavors": {
            "python_function": {
                "artifacts": {"model": {"path": FOLDER, "uri": FOLDER}},
                "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
                "loader_module": "mlflow.pyfunc.loaders.code_model",
                "model_code_path": SERVED,
                "python_version": platform.python_version(),
                "streamable": False,
            }
        },
        "metadata": about,
        "mlflow_version": mlflow.__version__,
        "model_id": model_id,
        "model_uuid": model_id,
        "model_size_bytes": sum(path.stat().st_size for path in root.rglob("*") if path.is_file()),
        "run_id": run_id,
        "saved_input_example_info": {
            "artifact_path": "input_example.json",
            "pandas_orient": "split",
            "serving_input_path": "serving_input_example.json",
            "type": "dataframe",
        },
        "signature": signature(dataset),
        "utc_time_created": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f"),
    }
    (root / "MLmodel").write_text(yaml.safe_dump(described, sort_keys=False), encoding="utf-8")


def signature(dataset: Dataset) -> dict[str, Any]:
    """Return the signature: the table's own columns in, predictions out."""
    inputs = [
        _column(column_type(dataset.frame[column.name]), column.name)
        for column in dataset.columns
        if column.used
    ]
    outputs = [_column(_label_type(dataset.classes), "prediction")]
    outputs += [_column("double", f"probability_{label}") for label in dataset.classes or ()]
    return {"inputs": json.dumps(inputs), "outputs": json.dumps(outputs), "params": None}


def column_type(series: pd.Series) -> str:
    """Return MLflow's type of a raw column."""
    if series.dtype == object:
        values = series.dropna()
        if len(values) and values.map(lambda value: isinstance(value, bool)).all():
            return "boolean"
    return COLUMN_TYPES.get(series.dtype.kind, "string")


def json_rows(frame: pd.DataFrame) -> dict[str, Any]:
    """Return rows as a scoring server takes them; floats exact, missing values null."""
    values = [[_plain(value) for value in row] for row in frame.astype(object).to_numpy()]
    return {"columns": list(map(str, frame.columns)), "data": values}


def _plain(value: Any) -> Any:
    import pandas as pd

    if pd.isna(value):
        return None
    if isinstance(value, bool | int | float | str):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else value.item()


def _column(kind: str, name: str) -> dict[str, Any]:
    return {"type": kind, "name": name, "required": True}


def _label_type(classes: tuple[Any, ...] | None) -> str:
    if classes is None or all(isinstance(label, float) for label in classes):
        return "double"
    if all(isinstance(label, bool) for label in classes):
        return "boolean"
    return "long" if all(isinstance(label, int) for label in classes) else "string"
