"""The MLflow side of a saved champion: MLmodel, signature, input example, environment.

Not by `mlflow.pyfunc.save_model`, which stores paths of this machine and runs the model's code; every
artefact is loaded by MLflow in a fresh process before it is used.
"""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline.data.dataset import Dataset
from pipeline.ledger import environment

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

FOLDER = "artifacts/model"
"""Where the predictor's folder stands inside the artefact."""

SERVED = "artefact_served.py"
EXAMPLE_ROWS = 5
EXAMPLE, SERVING_EXAMPLE = "input_example.json", "serving_input_example.json"


def write_mlmodel(
    root: Path, dataset: Dataset, model_id: str, run_id: str, place: str, about: dict[str, str]
) -> None:
    """Write the MLflow files around the predictor's folder.

    Args:
        root: The artefact; `FOLDER` is in it already.
        place: Where the LoggedModel's files will be.
        about: Metadata: sweep, trial, data digest.
    """
    from mlflow.models import Model
    from mlflow.pyfunc import add_to_model

    names = ["numpy", "pandas", "scikit-learn", "skops"]
    if dataset.images is not None:
        names.append("pillow")
    for name, content in environment.environment_files(environment.requirements(*names)).items():
        (root / name).write_bytes(content)
    used = [column.name for column in dataset.used]
    split = json_rows(dataset.features("train")[used].head(EXAMPLE_ROWS))
    (root / EXAMPLE).write_text(json.dumps(split), encoding="utf-8")
    served = json.dumps({"dataframe_split": split}, indent=1)
    (root / SERVING_EXAMPLE).write_text(served, encoding="utf-8")
    shutil.copyfile(Path(__file__).with_name(SERVED), root / SERVED)
    kinds = {column.name: str(column.kind) for column in dataset.used}
    model = Model(
        artifact_path=place,
        run_id=run_id,
        signature=signature(dataset),
        saved_input_example_info={
            "artifact_path": EXAMPLE,
            "pandas_orient": "split",
            "serving_input_path": SERVING_EXAMPLE,
            "type": "dataframe",
        },
        model_uuid=model_id,
        model_id=model_id,
        metadata={**about, "columns": kinds},
        model_size_bytes=sum(path.stat().st_size for path in root.rglob("*") if path.is_file()),
    )
    add_to_model(
        model,
        "mlflow.pyfunc.loaders.code_model",
        conda_env="conda.yaml",
        python_env="python_env.yaml",
        model_code_path=SERVED,
        artifacts={"model": {"path": FOLDER, "uri": FOLDER}},
        streamable=False,
    )
    model.save(root / "MLmodel")


def signature(dataset: Dataset) -> ModelSignature:
    """Return the signature: the table's own columns in, predictions out.

    Columns have the type Any: none of MLflow's types accepts whole numbers, numbers with gaps and texts
    alike, which different files hold in the same column; the model itself interprets cells. No column is
    "required" to MLflow: the model's own message on missing ones is better. Kinds are in the metadata.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema
    from mlflow.types.schema import AnyType

    scores = (f"probability_{label}" for label in dataset.classes or ())
    label = ColSpec(_label_type(dataset.classes), "prediction")
    return ModelSignature(
        inputs=Schema([ColSpec(AnyType(), column.name, required=False) for column in dataset.used]),
        outputs=Schema([label, *(ColSpec("double", name) for name in scores)]),
    )


def json_rows(frame: pd.DataFrame) -> dict[str, Any]:
    """Return rows in the JSON form of a scoring server; floats exact, missing values null."""
    values = [[_plain(value) for value in row] for row in frame.astype(object).to_numpy()]
    return {"columns": list(map(str, frame.columns)), "data": values}


def _plain(value: Any) -> Any:
    """Return a cell as JSON can hold it: a duration in seconds, any other object as its text."""
    if isinstance(value, np.generic):
        value = value.item()
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return None
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value.isoformat() if hasattr(value, "hour") else str(value)


def _label_type(classes: tuple[Any, ...] | None) -> str:
    if classes is None or all(isinstance(label, float) for label in classes):
        return "double"
    if all(isinstance(label, bool) for label in classes):
        return "boolean"
    return "long" if all(isinstance(label, int) for label in classes) else "string"
