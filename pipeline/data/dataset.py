"""The prepared table: the interface of this room to the others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from pipeline.core.control import GoOn, always
from pipeline.core.names import Grid, Input, Names
from pipeline.core.records import Arrays
from pipeline.core.statistics import blocks
from pipeline.data.columns import ColumnFact, column_facts, column_notes, target_fact
from pipeline.data.imagefile import read_image
from pipeline.data.images import PATH
from pipeline.data.inputs import grid_of, inputs_of
from pipeline.data.judged import Judged
from pipeline.data.labels import Label
from pipeline.data.outliers import lone_row
from pipeline.data.panels import Subjects
from pipeline.data.split import Split
from pipeline.data.target import Target
from pipeline.data.typed import Column, typed

CHUNK_ROWS = 1 << 13
"""Rows encoded at a time, so that memory stays bounded by the result."""


@dataclass
class Dataset:
    """One table with its split, its encoders and its arrays."""

    name: str
    frame: pd.DataFrame
    """All rows, raw, the used columns only."""
    judged: Target
    judgements: tuple[Judged, ...]
    """Of every column but the target, in the table's order."""
    table_notes: tuple[str, ...]
    """Notes on the file, the target and the split."""
    split: Split
    digest: str
    scale_target: bool = True
    weights: np.ndarray | None = None
    """float64 sample weight of each row."""
    groups: np.ndarray | None = None
    """int64 (rows,): code of each row's group; None without `data.group`."""
    times: np.ndarray | None = None
    """float64 (rows,): sortable time of each row; None without `data.time`."""
    image_shape: tuple[int, int, int] | None = None
    """(height, width, channels) where a row is an image."""
    subjects: Subjects | None = None
    """The column of repeated subjects whose rows the split separates."""
    doubt: str = ""
    """Why no score can be trusted: test rows that are in the table, or one row that decides; else empty."""
    images: np.ndarray | None = None
    """uint8 (rows, *image_shape) where rows are image files."""
    _encoders: dict[tuple[str, int], Any] = field(default_factory=dict, repr=False)
    _inputs: dict[tuple[str, str, int], np.ndarray] = field(default_factory=dict, repr=False)
    _names: dict[str, tuple[Input, ...]] = field(default_factory=dict, repr=False)
    _arrays: dict[tuple[str, int, str], Arrays] = field(default_factory=dict, repr=False)

    @property
    def target(self) -> str:
        """The column to predict."""
        return self.judged.name

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """Every column but the target, and how it is read."""
        return tuple(item.column for item in self.judgements)

    @property
    def used(self) -> tuple[Column, ...]:
        """The columns that a network sees."""
        return tuple(column for column in self.columns if column.used)

    @cached_property
    def facts(self) -> tuple[ColumnFact, ...]:
        """Facts about every column; the target first."""
        from pipeline.data.leaks import leaks

        leaked: dict[str, str] = {}
        if self.image_shape is None:
            known = self.split.known
            if self.regression:  # next to a total every column seems to explain the target
                known = known[known != lone_row(self.judged.numbers)]
            target, regression = self.judged.numbers[known], self.regression
            leaked = leaks(self.frame.iloc[known], self.used, target, regression=regression)
        task = "regression" if self.regression else f"{self.outputs} classes"
        inputs = self.input_names("standard")
        facts = column_facts(self.judgements, inputs, self.subjects, leaked)
        return (target_fact(self.target, task, self.doubt), *facts)

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the log before the first round: on the table, then on its columns."""
        return (*self.table_notes, *column_notes(self.judgements, self.subjects))

    @property
    def dropped(self) -> tuple[tuple[str, str], ...]:
        """The columns that are left out, each with the reason."""
        return tuple((item.column.name, item.reason) for item in self.judgements if item.reason)

    @property
    def regression(self) -> bool:
        """Whether numbers are predicted."""
        return self.judged.regression

    @property
    def classes(self) -> tuple[Label, ...] | None:
        """Labels as they were, sorted; None for a regression."""
        return self.judged.classes

    @property
    def rows(self) -> int:
        """Rows of the table, test rows included."""
        return len(self.frame)

    @property
    def outputs(self) -> int:
        """Output nodes."""
        return 1 if self.classes is None else len(self.classes)

    def part(self, name: str) -> np.ndarray:
        """Return the row numbers of "train", "validation" or "test"."""
        return getattr(self.split, name)

    def features(self, part: str) -> pd.DataFrame:
        """Return the raw feature columns of a part, as the user's table has them."""
        return self.frame.iloc[self.part(part)]

    def encoder(self, encoding: str, fold: int = 0) -> Any:
        """Return the fitted transformer from typed columns to float32 inputs, (rows, inputs).

        It takes `typed(raw, self.columns)`, never raw rows; for images, an array of pixels.
        """
        from pipeline.data.encode import fit_encoder, to_float32

        if self.image_shape is not None:
            return to_float32()
        key = (encoding, fold)
        if key not in self._encoders:
            train = typed(self.frame.iloc[self.split.fold(fold)[0]], self.used)
            known = typed(self.frame.iloc[self.split.describing], self.used)
            self._encoders[key] = fit_encoder(train, known, self.used, encoding)
        return self._encoders[key]

    def input_names(self, encoding: str) -> tuple[Input, ...]:
        """Return the inputs with their names, in order; empty for images. Needs no scikit-learn."""
        if self.image_shape is not None:
            return ()
        if encoding not in self._names:
            known = typed(self.frame.iloc[self.split.describing], self.used)
            self._names[encoding] = inputs_of(known, self.used, encoding)
        return self._names[encoding]

    def encode(
        self, raw: pd.DataFrame, encoding: str, fold: int = 0, go_on: GoOn = always
    ) -> np.ndarray:
        """Return raw rows as float32 inputs of shape (rows, *input_shape).

        `go_on` is called between chunks of rows.

        Raises:
            OSError: An image file cannot be read.
        """
        if self.images is not None:
            read = [read_image(path, self.images.shape[1:]) for path in raw[PATH]]
            return np.array(read, dtype=np.float32)
        encoder = self.encoder(encoding, fold)
        chunks = (
            np.asarray(encoder.transform(typed(raw.iloc[start : start + CHUNK_ROWS], self.columns)))
            for start in range(0, max(len(raw), 1), CHUNK_ROWS)
        )
        first = next(chunks)
        inputs: np.ndarray = np.empty((len(raw), first.shape[1]), dtype=np.float32)
        end = 0
        for chunk in chain([first], chunks):
            go_on()
            inputs[end : end + len(chunk)] = chunk
            end += len(chunk)
        return inputs.reshape(len(raw), *self.image_shape) if self.image_shape else inputs

    def inputs(
        self, rows: np.ndarray, encoding: str, fold: int = 0, go_on: GoOn = always
    ) -> np.ndarray:
        """Return some rows of this table as `encode` does."""
        if self.images is not None:
            return self.images[rows].astype(np.float32)
        return self.encode(self.frame.iloc[rows], encoding, fold, go_on)

    def input_shape(self, encoding: str) -> tuple[int, ...]:
        """Return the shape of one encoded row."""
        return self.image_shape or (len(self.input_names(encoding)),)

    def input_shapes(self, encodings: Iterable[str]) -> dict[str, tuple[int, ...]]:
        """Return the shape of one row in `standard` and in other encodings, by their names."""
        return {name: self.input_shape(name) for name in sorted({"standard", *encodings})}

    def grid(self, encoding: str) -> Grid | None:
        """Return how many inputs at the start of a row the network embeds; None for none."""
        return grid_of(self.input_names(encoding))

    def target_scaling(self, fold: int = 0) -> tuple[float, float]:
        """Return (mean, standard deviation) that regression targets are scaled by; (0, 1) for none."""
        if not (self.regression and self.scale_target):
            return 0.0, 1.0
        return self.judged.scaling(self.split.fold(fold)[0])

    def encoded_targets(self, rows: np.ndarray, fold: int = 0) -> np.ndarray:
        """Return the targets of some rows of this table as float32 of shape (rows, outputs)."""
        values = self.judged.numbers[rows]
        if self.classes is not None:
            return np.eye(self.outputs, dtype=np.float32)[values]
        mean, scale = self.target_scaling(fold)
        scaled: np.ndarray = ((values - mean) / scale).astype(np.float32)
        return scaled[:, None]

    def arrays(
        self, encoding: str, fold: int = 0, class_weight: str = "none", go_on: GoOn = always
    ) -> Arrays:
        """Return the arrays that an engine trains on; cached by encoding, fold and class weight.

        Args:
            class_weight: "none", or "balanced": a class weighs inversely to its training rows.
            go_on: As of `encode`.
        """
        key = (encoding, fold, class_weight)
        if key not in self._arrays:
            train, validation = self.split.fold(fold)
            x_train = self.part_inputs("train", encoding, fold, go_on)
            x_val = self.part_inputs("validation", encoding, fold, go_on)
            weight, per_class = self.sample_weight(train), self._class_weight(train, class_weight)
            if per_class is not None:
                own = per_class[self.judged.numbers[train]]
                weight = own if weight is None else own * weight
            self._arrays[key] = Arrays(
                x_train=x_train,
                y_train=self.encoded_targets(train, fold),
                x_val=x_val,
                y_val=self.encoded_targets(validation, fold),
                regression=self.regression,
                train_weight=weight,
                val_weight=self.sample_weight(validation),
                class_weight=per_class,
                target_scale=self.target_scaling(fold)[1],
                names=Names(self.input_names(encoding), tuple(map(str, self.classes or ()))),
            )
        return self._arrays[key]

    def part_inputs(
        self, part: str, encoding: str, fold: int = 0, go_on: GoOn = always
    ) -> np.ndarray:
        """Return the inputs of "train", "validation" or "test" as a fold encodes them; they are kept."""
        key = (part, encoding, fold)
        if key not in self._inputs:
            train, validation = self.split.fold(fold)
            rows = {"train": train, "validation": validation, "test": self.split.test}[part]
            self._inputs[key] = self.inputs(rows, encoding, fold, go_on)
        return self._inputs[key]

    def clusters(self, rows: np.ndarray) -> np.ndarray | None:
        """Return the cluster (group or block of time) of each row, int64 (rows,); None: independent rows."""
        if self.groups is not None:
            codes: np.ndarray = self.groups[rows]
            return codes if len(np.unique(codes)) < len(rows) else None
        if self.times is None:
            return None

        order = np.argsort(self.times[rows], kind="stable")
        codes = np.empty(len(rows), np.int64)
        codes[order] = blocks(len(rows))
        return codes

    def sample_weight(self, rows: np.ndarray) -> np.ndarray | None:
        """Return the sample weights of some rows, float32 with mean 1; None = all 1."""
        here = None if self.weights is None or not len(rows) else self.weights[rows]
        return None if here is None else (here / here.mean()).astype(np.float32)

    def _class_weight(self, train: np.ndarray, class_weight: str) -> np.ndarray | None:
        """Return the weight of each class, float32 (outputs,); None = all 1."""
        if class_weight == "none" or self.regression:
            return None
        counts = np.bincount(self.judged.numbers[train], minlength=self.outputs)
        here = np.count_nonzero(counts)
        weights: np.ndarray = (len(train) / (here * np.maximum(counts, 1))).astype(np.float32)
        return weights
