"""The saved model as MLflow serves it; a copy stands in every artefact (MLflow's models from code).

It imports nothing from this package: the readers beside it travel with the model.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd  # noqa: TC002 - MLflow reads the annotations when it loads the class
from mlflow.pyfunc.model import PythonModel


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
        frame: pd.DataFrame = self._predictor.predict(model_input)
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


mlflow.models.set_model(TableModel())
