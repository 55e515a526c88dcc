"""Predictions for rows that a model was not trained on; with k-fold those rows differ by fold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from pipeline.data.dataset import Dataset


class Average:
    """Mean of predictions for each row; rows may have different numbers of predictions."""

    def __init__(self, rows: np.ndarray, outputs: int) -> None:
        """Start without predictions; `rows` are distinct row numbers of the table, int64 (rows,)."""
        self.rows = rows
        self._order = np.argsort(rows)
        self._total = np.zeros((len(rows), outputs))
        self._count = np.zeros((len(rows), 1))

    def add(self, rows: np.ndarray, outputs: np.ndarray) -> None:
        """Add predictions, (rows, outputs), of some of the rows, distinct."""
        places = self._order[np.searchsorted(self.rows, rows, sorter=self._order)]
        self._total[places] += outputs
        self._count[places] += 1

    @property
    def outputs(self) -> np.ndarray:
        """Return the averages, float64 (rows, outputs), in the order of `rows`."""
        return self._total / self._count


class Unseen:
    """Predictions of a model (network, ensemble or baseline) for rows it was not trained on.

    A model has one or more parts, each trained on one fold's training rows. Every part predicts the
    test rows and the validation rows of its own fold, no others: those validated another part, and
    this one has trained on them. Without k-fold the one fold's validation rows are `validation`.
    """

    def __init__(self, dataset: Dataset, folds: Iterable[int]) -> None:
        """Start without predictions; `folds` are those of the parts."""
        self._dataset = dataset
        rows = np.concatenate([dataset.split.fold(fold)[1] for fold in sorted(set(folds))])
        first = np.sort(np.unique(rows, return_index=True)[1])  # fold after fold: in order of time
        self.validation = Average(rows[first], dataset.outputs)
        """Out-of-fold: of every row that one of the folds validates, each once."""
        self.test = Average(dataset.split.test, dataset.outputs)

    def add(self, fold: int, outputs: Mapping[str, np.ndarray]) -> None:
        """Take in the predictions of one part of the model.

        Args:
            fold: Whose training rows the part was trained on.
            outputs: By name as in `unseen_inputs`, (rows, outputs) in the units of that fold's arrays; a
                part that is not there is left out.
        """
        split = self._dataset.split
        for part, own, rows in (
            ("validation", self.validation, split.fold(fold)[1]),
            ("test", self.test, split.test),
        ):
            if part in outputs:
                own.add(rows, self._in_first_units(outputs[part], fold))

    def _in_first_units(self, outputs: np.ndarray, fold: int) -> np.ndarray:
        """Return outputs in the units of the first fold's arrays, so that folds can be averaged."""
        if not self._dataset.regression or fold == 0:
            return outputs
        mean, scale = self._dataset.target_scaling(fold)
        first_mean, first_scale = self._dataset.target_scaling()
        return (outputs * scale + mean - first_mean) / first_scale


def unseen_inputs(dataset: Dataset, encoding: str, fold: int) -> dict[str, np.ndarray]:
    """Return what a model of one fold may be scored on, encoded as that fold encodes.

    Returns:
        float32 (rows, *input_shape): `validation`, the fold's own, and `test` if there are test rows.
    """
    parts = ("validation", "test") if len(dataset.split.test) else ("validation",)
    return {part: dataset.part_inputs(part, encoding, fold) for part in parts}
