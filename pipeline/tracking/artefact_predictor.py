"""From raw rows of the table to predictions: the one way, here and in the saved model.

A saved model carries a copy of this file and of `pipeline/data/typed.py`, so it imports nothing from
this package. Nothing that is loaded is executed: encoders come through skops with a fixed list of
types, networks through Keras in safe mode, everything else is JSON.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

DESCRIPTION = "description.json"
FORMAT = 1
"""Of the folder; a reader refuses one it does not know."""

TRUSTED = ("numpy.dtype",)
"""What skops may rebuild beyond its own list: SimpleImputer remembers a dtype."""

CHUNK_ROWS = 1 << 16
"""Rows encoded and predicted at a time: memory stays bounded by the result."""


class Predictor:
    """A saved champion: one or several networks, each behind its encoder, averaged."""

    def __init__(self, folder: str | Path, typed: Any, read_image: Any = None) -> None:
        """Load encoders and networks.

        Args:
            folder: With `description.json` and the files it names.
            typed: The module `typed`: `Column`, and `typed(frame, columns)`.
            read_image: For images: from a path and a shape to an array.

        Raises:
            ValueError: The folder is of another format.
        """
        self._folder = Path(folder)
        self.description = json.loads((self._folder / DESCRIPTION).read_text(encoding="utf-8"))
        if self.description.get("format") != FORMAT:
            raise ValueError(f"{folder}: not a model of a format that this version reads")
        self._typed = typed.typed
        self._read_image = read_image
        self._columns = [
            typed.Column(**{**column, "parts": tuple(column["parts"])})
            for column in self.description["columns"]
        ]
        self._encoders = {
            member["encoder"]: self._load_encoder(member["encoder"])
            for member in self.description["members"]
        }
        self._networks = [self._load(member["network"]) for member in self.description["members"]]

    @property
    def classes(self) -> list[Any] | None:
        """The labels as they were, sorted; None for a regression."""
        found: list[Any] | None = self.description["classes"]
        return found

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return `prediction`, and `probability_<class>` for classes, one row a row given.

        Args:
            frame: Raw rows with the table's own columns, in any order; others are ignored.

        Raises:
            ValueError: A column is missing, twice there, or cannot be read at all.
        """
        rows = self.check(frame)
        values = self.outputs(rows)
        if self.classes is None:
            return pd.DataFrame({"prediction": values[:, 0]}, index=frame.index)
        labels = np.array(self.classes, dtype=object)[values.argmax(axis=1)]
        found = {"prediction": pd.Series(labels, index=frame.index).infer_objects()}
        for position, label in enumerate(self.classes):
            found[f"probability_{label}"] = pd.Series(values[:, position], index=frame.index)
        return pd.DataFrame(found, index=frame.index)

    def outputs(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the average output of the networks, float64 of shape (rows, outputs).

        A regression is in the target's own unit, classes are probabilities.
        """
        total = np.empty((len(rows), self.description["outputs"]))
        for start in range(0, len(rows), CHUNK_ROWS):
            chunk = rows.iloc[start : start + CHUNK_ROWS]
            total[start : start + CHUNK_ROWS] = self._chunk(chunk)
        return total

    def check(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the columns that the model uses.

        Raises:
            ValueError: One is missing, twice there, or cannot be read at all.
        """
        if not isinstance(frame, pd.DataFrame):
            raise ValueError(f"rows must be a table with named columns, not {type(frame).__name__}")  # noqa: TRY004 - what scoring servers turn into an answer
        names = [column.name for column in self._columns]
        missing = [name for name in names if name not in frame.columns]
        if missing:
            raise ValueError(
                f"the rows lack {len(missing)} of {len(names)} columns: {_listed(missing)}; "
                f"they have: {_listed(list(frame.columns))}"
            )
        rows = frame[names]
        if rows.shape[1] != len(names):
            twice = rows.columns[rows.columns.duplicated()].tolist()
            raise ValueError(f"a column is there more than once: {_listed(twice)}")
        for column in self._columns:
            if column.kind in {"number", "boolean", "pixel", "date"} and len(rows):
                self._check_readable(rows[column.name], column)
        return rows

    def _check_readable(self, series: pd.Series, column: Any) -> None:
        """Refuse a column in which nothing can be read: a wrong column, not missing values."""
        if series.dtype.kind in "fiubM":
            return
        given = series[series.notna()]
        given = given[~given.astype(str).str.strip().str.lower().isin(_MISSING)].head(1000)
        if len(given) and self._typed(given.to_frame(), [column]).isna().all(axis=None):
            raise ValueError(
                f"column {column.name!r} should hold a {column.kind}, but no value can be read as "
                f"one; the first is {given.iloc[0]!r}"
            )

    def _chunk(self, rows: pd.DataFrame) -> np.ndarray:
        from keras import ops

        inputs: dict[str, np.ndarray] = {}
        members = self.description["members"]
        total = np.zeros((len(rows), self.description["outputs"]))
        for member, network in zip(members, self._networks, strict=True):
            name = member["encoder"]
            if name not in inputs:
                inputs[name] = self._encode(rows, name)
            out = np.asarray(ops.convert_to_numpy(network(inputs[name], training=False)))
            total += out.astype(np.float64) * member["scale"] + member["mean"]
        return total / len(members)

    def _encode(self, rows: pd.DataFrame, encoder: str) -> np.ndarray:
        shape = self.description["input_shape"]
        if not encoder:  # image files
            images = [self._image(cell, tuple(shape)) for cell in rows.iloc[:, 0]]
            return np.array(images, dtype=np.float32).reshape(len(rows), *shape)
        table = self._typed(rows, self._columns)
        encoded = np.asarray(self._encoders[encoder].transform(table), dtype=np.float32)
        return encoded.reshape(len(rows), *shape) if shape else encoded

    def _image(self, cell: Any, shape: tuple[int, ...]) -> np.ndarray:
        """Return an image: read from its path, or as it was given, brightness 0 to 255."""
        if not isinstance(cell, np.ndarray):
            found: np.ndarray = self._read_image(cell, shape)
            return found
        pixels = cell if cell.ndim == len(shape) else cell[..., None]  # grey without its axis
        if pixels.shape != shape:
            raise ValueError(f"an image has the shape {cell.shape}; the model takes {shape}")
        return pixels

    def _load_encoder(self, name: str) -> Any:
        import skops.io

        return skops.io.load(self._inside(name), trusted=list(TRUSTED)) if name else None

    def _load(self, name: str) -> Any:
        import keras

        return keras.saving.load_model(self._inside(name), compile=False, safe_mode=True)

    def _inside(self, name: str) -> Path:
        """Return a file of the folder; a description that points elsewhere is refused."""
        path = (self._folder / name).resolve()
        if path.parent != self._folder.resolve():
            raise ValueError(f"{name!r} is not a file of the model")
        return path


_MISSING = frozenset(
    ("", "?", "-", "--", ".", "na", "n/a", "#n/a", "#na", "nan", "-nan", "null", "none", "<na>")
)


def _listed(names: list[Any], most: int = 10) -> str:
    more = ", ..." if len(names) > most else ""
    return ", ".join(repr(str(name)) for name in names[:most]) + more
