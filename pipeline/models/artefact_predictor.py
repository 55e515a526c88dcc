"""Predictions for raw rows of the table: the same code here and in the saved model.

A saved model carries a copy of this file and of `pipeline/data/typed.py`, so it imports nothing from
this package. Nothing that is loaded is executed: encoders come through skops with a fixed list of
types, networks through Keras in safe mode, everything else is JSON.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

log = logging.getLogger(__name__)

DESCRIPTION = "description.json"
FORMAT = 2
"""Version of the folder's format. 1 has no ordered columns and no forms of numbers and categories."""

TRUSTED = ("numpy.dtype", "numpy.clip")
"""What skops may rebuild beyond its own list: SimpleImputer remembers a dtype."""

CHUNK_ROWS = 1 << 16
"""Rows encoded and predicted at a time: memory stays bounded by the result."""

UNREADABLE = 0.01
"""Largest share of a column's given cells that may be unreadable and then counts as missing.

Tables kept by hand have typing errors in about one cell of a hundred; more means another column, unit or
format, and imputed cells would give meaningless predictions.
"""


FAR = 10.0
"""Standard deviations beyond which lies at most 1 row of FAR squared of any training table (Chebyshev)."""


class Predictor:
    """A saved champion: one or several networks, each behind its encoder, averaged."""

    def __init__(
        self,
        folder: str | Path,
        typed: Any,
        read_image: Any = None,
        look: Callable[[Predictor], None] | None = None,
    ) -> None:
        """Load encoders and networks.

        Args:
            folder: With `description.json` and the files it names.
            typed: The module `typed`: `Column`, `typed(frame, columns)`, `unreadable(series, column)`.
            read_image: For images: from a path and a shape to an array.
            look: Called before Keras is imported and networks are loaded; `check` works by then.

        Raises:
            ValueError: The folder is of another format.
        """
        self._folder = Path(folder)
        self.description = json.loads((self._folder / DESCRIPTION).read_text(encoding="utf-8"))
        if (written := self.description.get("format")) not in range(1, FORMAT + 1):
            raise ValueError(f"its format is {written!r}; this version reads 1 to {FORMAT}")
        self._typed = typed
        self._read_image = read_image
        self._columns = [
            typed.Column(**{k: tuple(v) if isinstance(v, list) else v for k, v in column.items()})
            for column in self.description["columns"]
        ]
        self._members = self.description["members"]
        self._encoders = {
            member["encoder"]: self._load_encoder(member["encoder"]) for member in self._members
        }
        self.unread: dict[str, int] = {}
        """Unreadable cells that the last `check` counted as missing, by column."""
        if look is not None:
            look(self)
        self._networks = [self._load(member["network"]) for member in self._members]

    @property
    def classes(self) -> list[Any] | None:
        """The labels as they were, sorted; None for a regression."""
        labels: list[Any] | None = self.description["classes"]
        return labels

    def predict(self, frame: pd.DataFrame, unreadable: float = UNREADABLE) -> pd.DataFrame:
        """Return a column `prediction`, and for classes `probability_<class>`, for each given row.

        Args:
            frame: Raw rows with the table's own columns, in any order; others are ignored.
            unreadable: As in `check`.

        Raises:
            ValueError: As `check`.
        """
        return self.answers(self.check(frame, unreadable))

    def answers(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return predictions as `predict` does, for rows that `check` has returned."""
        values, index = self.outputs(rows), rows.index
        if self.classes is None:
            return pd.DataFrame({"prediction": values[:, 0]}, index=index)
        labels = np.array(self.classes, dtype=object)[values.argmax(axis=1)]
        columns = {"prediction": pd.Series(labels, index=index).infer_objects()}
        for position, label in enumerate(self.classes):
            columns[f"probability_{label}"] = pd.Series(values[:, position], index=index)
        return pd.DataFrame(columns, index=index)

    def outputs(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the average output of the networks, float64 of shape (rows, outputs).

        A regression is in the target's own unit, classes are probabilities.
        """
        total = np.empty((len(rows), self.description["outputs"]))
        for start in range(0, len(rows), CHUNK_ROWS):
            chunk = rows.iloc[start : start + CHUNK_ROWS]
            total[start : start + CHUNK_ROWS] = self._chunk(chunk)
        return total

    def check(self, frame: pd.DataFrame, unreadable: float = UNREADABLE) -> pd.DataFrame:
        """Return the columns that the model uses; tolerable oddities are logged.

        Args:
            frame: Raw rows.
            unreadable: Largest share of a column's given cells that may be unreadable.

        Raises:
            ValueError: A column is missing, duplicated, or has too many unreadable cells.
        """
        if not isinstance(frame, pd.DataFrame):
            raise ValueError(f"rows must be a table with named columns, not {type(frame).__name__}")  # noqa: TRY004 - what scoring servers turn into an answer
        frame = frame.set_axis([self._typed.tidy(name) for name in frame.columns], axis=1)
        if self.description["format"] == 1 and "delimiter" in frame.attrs:
            frame.attrs["delimiter"] = ","  # 1.234 is what it was when that model was trained
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
        self.unread = {}
        refused = [
            f"{said}; allowed: {100 * unreadable:.3g} %"
            for column in self._columns
            if (said := self._unread(rows[column.name], column, unreadable))
        ]
        if refused:
            raise ValueError("; ".join(refused))
        self._say_what_is_new(rows)
        return rows

    def _unread(self, series: pd.Series, column: Any, allowed: float) -> str:
        """Return a sentence on a column's unreadable cells where they are too many; else log it."""
        whole = column.kind in {"number", "pixel"} and series.dtype.kind in "iu"
        if whole or column.kind == "image" or not len(series):
            return ""
        bad = self._typed.unreadable(series, column)
        count = int(bad.sum())
        if not count:
            return ""
        given = int(self._typed.is_given(series, column.strays).sum())
        first = int(np.flatnonzero(bad)[0])
        cell = series.iloc[first]
        cell = cell.item() if isinstance(cell, np.generic) else cell
        said = (
            f"column {column.name!r} should hold a {column.kind}, but {count:,} of {given:,} given "
            f"values ({100 * count / given:.3g} %) cannot be read as one: "
            f"{cell if isinstance(cell, int | float) else str(cell)!r} in row {first + 1} (counted below "
            "the header)"
        )
        if count > allowed * given:
            return said
        self.unread[column.name] = count
        log.warning("%s; they count as missing", said)
        return ""

    def _say_what_is_new(self, rows: pd.DataFrame) -> None:
        """Log how many rows have what no training row had: no value, another level, a number far away."""
        encoder = next(iter(self._encoders.values()))
        if encoder is None or "columns" not in getattr(encoder, "named_steps", {}) or not len(rows):
            return
        parts = {name: (part, names) for name, part, names in encoder["columns"].transformers_}
        lacking, spreads = set(parts.get("missing", (None, ()))[1]), _spreads(parts)
        part, names = parts.get("categories", (None, ()))
        levels = {} if part is None else dict(zip(names, part.estimator.categories_, strict=True))
        nothing = self._typed.MISSING_LEVEL
        for column in self._columns:
            series, name, known = rows[column.name], column.name, levels.get(column.name)
            if not (lacking & set(column.outputs) if known is None else nothing in known):
                taken = "the median" if known is None else "a rare level"
                absent = ~self._typed.is_given(series, column.strays)
                absent &= absent.mean() > UNREADABLE
                what = f"no value of {name!r}, which every training row had; {taken} is taken"
                _say(absent, what)
            if column.kind == "number" and name in spreads:
                self._say_far(series, column, *spreads[name])
            if known is not None:
                texts = self._typed.typed(series.to_frame(name), [column])[name]
                strange = ~texts.isin([*known, nothing]).to_numpy(dtype=bool)
                what = f"such as {[*texts[strange], ''][0]!r}; they are taken as a rare one"
                _say(strange, f"levels of {name!r} that training did not know, {what}")

    def _say_far(self, series: pd.Series, column: Any, mean: float, deviation: float) -> None:
        """Log where more numbers are farther than FAR deviations from the mean than could be in training."""
        values = self._typed.numbers(series, column.format)
        far = np.abs(values - mean) > FAR * deviation  # not where there is no number
        if far.sum() > len(far) / FAR**2:
            what = (
                f"more than {FAR:g} standard deviations from the mean of training rows ({mean:.4g})"
            )
            _say(
                far,
                f"{column.name!r} {what}, such as {values[far][0]:.6g}; is it in the same unit?",
            )

    def _chunk(self, rows: pd.DataFrame) -> np.ndarray:
        from keras import ops

        inputs: dict[str, np.ndarray] = {}
        total = np.zeros((len(rows), self.description["outputs"]))
        for member, network in zip(self._members, self._networks, strict=True):
            name = member["encoder"]
            if name not in inputs:
                inputs[name] = self._encode(rows, name)
            out = np.asarray(ops.convert_to_numpy(network(inputs[name], training=False)))
            total += out.astype(np.float64) * member["scale"] + member["mean"]
        return total / len(self._members)

    def _encode(self, rows: pd.DataFrame, encoder: str) -> np.ndarray:
        shape = self.description["input_shape"]
        if not encoder:  # image files
            images = [self._image(cell, tuple(shape)) for cell in rows.iloc[:, 0]]
            return np.array(images, dtype=np.float32).reshape(len(rows), *shape)
        table = self._typed.typed(rows, self._columns)
        encoded = np.asarray(self._encoders[encoder].transform(table), dtype=np.float32)
        return encoded.reshape(len(rows), *shape) if shape else encoded

    def _image(self, cell: Any, shape: tuple[int, ...]) -> np.ndarray:
        """Return an image: read from its path, or as it was given, brightness 0 to 255."""
        if not isinstance(cell, np.ndarray):
            image: np.ndarray = self._read_image(cell, shape)
            return image
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


def _say(which: np.ndarray, what: str) -> None:
    """Log how many of the rows have something, if any."""
    if which.any():
        log.warning("%s of %s rows have %s", f"{which.sum():,}", f"{len(which):,}", what)


def _spreads(parts: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """Return mean and standard deviation over training rows of each number whose encoder keeps them."""
    if "numbers" not in parts:
        return {}
    encoder, names = parts["numbers"]
    steps = encoder.estimator.named_steps
    scalers = [("scaled", steps.get("scale"), range(len(names)))]
    scalers += getattr(steps.get("intervals"), "transformers_", [])
    return {
        names[place]: (float(mean), float(deviation))
        for name, scaler, places in scalers
        if name == "scaled" and hasattr(scaler, "mean_")
        for place, mean, deviation in zip(places, scaler.mean_, scaler.scale_, strict=True)
    }


def _listed(names: list[Any], most: int = 10) -> str:
    more = ", ..." if len(names) > most else ""
    return ", ".join(repr(str(name)) for name in names[:most]) + more
