"""Saved models in microseconds: Keras writes each architecture once, then only weights change.

`keras.Model.save` and MLflow's `log_model` cost 90 ms a fit; a fit itself may cost 40.
"""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import numpy as np

from pipeline.ledger.environment import backend, environment_files, requirements

WEIGHTS = "model.weights.h5"
ARCHIVE = "data/model.keras"
"""Path of the network inside a LoggedModel, as `mlflow.keras` expects it."""

MODEL_ID, RUN_ID, PLACE = "(model id)", "(run id)", "(place)"

Shape = tuple[int, ...]


class ModelTemplate:
    """One architecture as MLflow's keras flavor stores it, ready to take the weights of any fit."""

    def __init__(self, model: Any) -> None:
        """Save an uncompiled keras.Model once, its n-th weight filled with n, to locate each in the file."""
        shapes = [weight.shape for weight in model.weights]
        model.set_weights([np.full(shape, index + 1) for index, shape in enumerate(shapes)])
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.keras"
            model.save(path)
            with zipfile.ZipFile(path) as archive:
                members = {name: archive.read(name) for name in archive.namelist()}
        self._h5 = members.pop(WEIGHTS)
        self._members = members
        self._shapes: list[Shape] = [tuple(shape) for shape in shapes]
        self._paths = _locate(self._h5, self._shapes)
        inputs, outputs = tuple(model.inputs[0].shape[1:]), tuple(model.outputs[0].shape[1:])
        self._mlmodel = _mlmodel(inputs, outputs, self._paths)
        self._files = environment_files(requirements("numpy"))
        del self._files["conda.yaml"]  # one request less a fit where artefacts go to a server

    def takes(self, weights: Sequence[np.ndarray]) -> bool:
        """Return whether these can be weights of this architecture."""
        numbers = all(weight.dtype.kind == "f" for weight in weights)
        return numbers and [weight.shape for weight in weights] == self._shapes

    def archive(self, weights: Sequence[np.ndarray]) -> bytes:
        """Return a `.keras` file with these weights, given in `get_weights()` order."""
        content = io.BytesIO(self._h5)
        with h5py.File(content, "r+") as file:
            for path, weight in zip(self._paths, weights, strict=True):
                file[path][...] = weight
        archive = io.BytesIO()
        # Weights hardly compress, but a third of a small HDF5 file is empty space.
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
            for name, member in self._members.items():
                target.writestr(name, member)
            target.writestr(WEIGHTS, content.getbuffer())
        return archive.getvalue()

    def files(
        self, weights: Sequence[np.ndarray], model_id: str, run_id: str, place: str
    ) -> dict[str, bytes]:
        """Return every file of the LoggedModel by its path."""
        archive = self.archive(weights)
        mlmodel = self._mlmodel
        for mark, value in ((MODEL_ID, model_id), (RUN_ID, run_id), (PLACE, place)):
            mlmodel = mlmodel.replace(mark, value)
        return {**self._files, "MLmodel": mlmodel.encode(), ARCHIVE: archive}


def read_weights(path: Path) -> list[np.ndarray]:
    """Return the weights of a LoggedModel folder in `get_weights()` order, without Keras."""
    import yaml

    description = yaml.safe_load((path / "MLmodel").read_text())
    with zipfile.ZipFile(path / ARCHIVE) as archive:
        content = io.BytesIO(archive.read(WEIGHTS))
    with h5py.File(content, "r") as file:
        return [file[name][...] for name in description["metadata"]["weights"]]


def _locate(content: bytes, shapes: list[Shape]) -> list[str]:
    """Return the HDF5 path of each weight, found by the number that it was filled with."""
    paths: dict[int, str] = {}

    def visit(name: str, item: Any) -> None:
        if not isinstance(item, h5py.Dataset) or not item.size:
            return
        values = item[()]
        index = int(values.flat[0]) - 1
        if (
            0 <= index < len(shapes)
            and values.shape == shapes[index]
            and (values == index + 1).all()
        ):
            paths[index] = name

    with h5py.File(io.BytesIO(content), "r") as file:
        file.visititems(visit)
    if len(paths) != len(shapes):
        raise RuntimeError(
            f"Keras stored {len(paths)} of {len(shapes)} weights where we can see them"
        )
    return [paths[index] for index in range(len(shapes))]


def _mlmodel(inputs: Shape, outputs: Shape, paths: list[str]) -> str:
    """Return MLflow's description of the model as YAML, with placeholders where fits differ."""
    from mlflow.models import Model, ModelSignature
    from mlflow.pyfunc import add_to_model
    from mlflow.types import Schema, TensorSpec

    def rows(shape: Shape) -> Schema:  # MLflow's keras flavor takes tensors, not columns
        return Schema([TensorSpec(np.dtype("float32"), (-1, *shape))])

    model = Model(
        artifact_path=PLACE,
        run_id=RUN_ID,
        signature=ModelSignature(inputs=rows(inputs), outputs=rows(outputs)),
        metadata={"weights": paths},
        model_uuid=MODEL_ID,
        model_id=MODEL_ID,
    )
    model.add_flavor(
        "keras",
        data="data",
        keras_backend=backend(),
        keras_version=version("keras"),
        save_exported_model=False,
    )
    add_to_model(model, "mlflow.keras", python_env="python_env.yaml")
    text: str = model.to_yaml()
    return text
