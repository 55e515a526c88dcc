"""The one pass over the test rows, after the choice: nothing that it finds changes the choice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.evaluation.baselines import fit_baselines
from pipeline.evaluation.pictures import with_pictures
from pipeline.evaluation.scores import all_scores, row_losses

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    from pipeline.data import Dataset
    from pipeline.records import Fit

CHUNK = 8192
"""Rows sent through a network at a time."""


@dataclass(frozen=True)
class Member:
    """One trained network of the chosen trial."""

    fit: Fit
    model: Any
    """A keras.Model; called, never imported, here."""


@dataclass
class Verdicts:
    """Scores by model name, for validation and test rows, and the champion's predictions."""

    validation: dict[str, dict[str, float]] = field(default_factory=dict)
    test: dict[str, dict[str, float]] = field(default_factory=dict)
    test_row_losses: dict[str, np.ndarray] = field(default_factory=dict)
    """Per test row, for paired comparisons with an incumbent."""
    predictions: pd.DataFrame | None = None
    """Truth and prediction of the champion, one row a test (or, without test, validation) row."""


def forward(model: Any, x: np.ndarray) -> np.ndarray:
    """Return a network's outputs for encoded rows, float64 of shape (rows, outputs)."""
    pieces = [
        np.asarray(model(x[start : start + CHUNK], training=False), dtype=np.float64)
        for start in range(0, len(x), CHUNK)
    ]
    return np.concatenate(pieces)


def evaluate(
    dataset: Dataset,
    single: Member,
    members: Sequence[Member],
    *,
    champion: str,
    seed: int,
    incumbent: Callable[[pd.DataFrame], np.ndarray] | None = None,
) -> Verdicts:
    """Score the single model, the ensemble, the baselines and the incumbent.

    Args:
        dataset: The prepared table.
        single: The execution with the median score.
        members: All executions of the chosen trial: their average is the ensemble.
        champion: `single` or `ensemble`, whose predictions are kept.
        seed: For the baselines.
        incumbent: From raw feature rows to predictions in the units of the arrays.
    """
    models = _models(dataset, single, members, seed)
    verdicts = Verdicts()
    kfold = len({member.fit.fold for member in members}) > 1
    has_test = len(dataset.split.test) > 0
    for name, predict in models.items():
        # A fold's network has trained on the rows that validated another fold: no honest score.
        if not (kfold and name == "ensemble"):
            verdicts.validation[name] = _scored(dataset, "validation", predict("validation"))[0]
        if has_test:
            found = _scored(dataset, "test", predict("test"))
            verdicts.test[name], verdicts.test_row_losses[name] = found
    if incumbent is not None and has_test:
        found = _scored(dataset, "test", incumbent(dataset.features("test")))
        verdicts.test["incumbent"], verdicts.test_row_losses["incumbent"] = found
    part = "test" if has_test else "validation"
    predictions = _frame(dataset, part, models[champion](part))
    verdicts.predictions = with_pictures(dataset, predictions)
    return verdicts


def _models(
    dataset: Dataset, single: Member, members: Sequence[Member], seed: int
) -> dict[str, Callable[[str], np.ndarray]]:
    """Return, by name, a function from a part of the split to predictions."""
    models: dict[str, Callable[[str], np.ndarray]] = {
        "single": lambda part: member_outputs(dataset, single, part),
        "ensemble": lambda part: np.mean(
            [member_outputs(dataset, member, part) for member in members], axis=0
        ),
    }
    arrays = dataset.arrays("standard", 0)
    for name, predict in fit_baselines(arrays, seed).items():

        def of_part(part: str, predict: Callable[[np.ndarray], np.ndarray] = predict) -> np.ndarray:
            return predict(dataset.encode(dataset.features(part), "standard"))

        models[name] = of_part
    return models


def member_outputs(dataset: Dataset, member: Member, part: str) -> np.ndarray:
    """Return a network's predictions for a part, in the units of the first fold's arrays."""
    encoding, fold = member.fit.trial.encoding, member.fit.fold
    outputs = forward(member.model, dataset.encode(dataset.features(part), encoding, fold))
    if not dataset.regression or fold == 0:
        return outputs
    (mean, scale), (first_mean, first_scale) = (
        dataset.target_scaling(fold),
        dataset.target_scaling(),
    )
    return (outputs * scale + mean - first_mean) / first_scale


def _scored(
    dataset: Dataset, part: str, predicted: np.ndarray
) -> tuple[dict[str, float], np.ndarray]:
    """Return the scores and the per-row losses of predictions for a part."""
    truth = dataset.encode_targets(dataset.targets(part))
    found = all_scores(
        truth,
        predicted,
        regression=dataset.regression,
        target_scale=dataset.target_scaling()[1],
        weights=dataset.sample_weight(dataset.part(part)),
    )
    return found, row_losses(truth, predicted, regression=dataset.regression)


def _frame(dataset: Dataset, part: str, predicted: np.ndarray) -> pd.DataFrame:
    """Return truth and prediction in the table's own terms, with probabilities per class."""
    frame = dataset.targets(part).rename("truth").to_frame()
    frame.insert(0, "part", part)
    frame.insert(0, "row", dataset.part(part))
    if dataset.regression:
        mean, scale = dataset.target_scaling()
        frame["prediction"] = predicted[:, 0] * scale + mean
        return frame.reset_index(drop=True)
    classes = dataset.classes or ()
    frame["prediction"] = np.asarray(classes, dtype=object)[predicted.argmax(axis=1)]
    for index, name in enumerate(classes):
        frame[f"probability_{name}"] = predicted[:, index]
    return frame.reset_index(drop=True)


def optimism(verdicts: Verdicts, champion: str) -> float | None:
    """Return test loss minus validation loss of the champion; None without a test split."""
    test: Mapping[str, float] | None = verdicts.test.get(champion)
    validation = verdicts.validation.get(champion)
    return None if test is None or validation is None else test["loss"] - validation["loss"]
