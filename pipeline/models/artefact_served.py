"""The saved model as MLflow serves it; a copy stands in every artefact (MLflow's models from code).

It imports nothing from this package: the readers beside it travel with the model.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd  # MLflow reads the annotations when it loads the class
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc.model import PythonModel
from mlflow.types import DataType, Schema


class RowsError(MlflowException, ValueError):
    """The rows do not fit this model; a scoring server answers 400 with this message."""

    def __init__(self, message: str) -> None:
        """Keep the message as the answer's own."""
        super().__init__(message, error_code=INVALID_PARAMETER_VALUE)


class TableModel(PythonModel):
    """Raw rows in, predictions out."""

    def load_context(self, context: Any) -> None:
        """Load encoders and networks."""
        folder = Path(context.artifacts["model"])
        predictor = _module(folder / "predictor.py")
        images = folder / "imagefile.py"
        read_image = _module(images).read_image if images.exists() else None
        self._predictor = predictor.Predictor(folder, _module(folder / "typed.py"), read_image)

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Return `prediction`, and `probability_<class>` for classes."""
        del context, params
        try:
            frame: pd.DataFrame = self._predictor.predict(model_input)
        except (ValueError, OSError) as error:
            raise RowsError(str(error)) from error
        return frame


def _module(path: Path) -> Any:
    """Import a file of the model under a name of its own, so that two models never share code."""
    name = f"saved_model_{abs(hash(str(path)))}_{path.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their own module up
    spec.loader.exec_module(module)
    return module


def _pandas_types(schema: Schema) -> list[Any]:
    """Return the dtype of each column when read from CSV: object for columns of any type."""
    types = [column.type for column in schema.inputs]
    return [kind.to_pandas() if isinstance(kind, DataType) else object for kind in types]


# MLflow 3.17 raises here for columns of any type, so that its scoring server could take no CSV.
Schema.pandas_types = _pandas_types  # type: ignore[method-assign, assignment]
mlflow.models.set_model(TableModel())
