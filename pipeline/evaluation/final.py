"""The one pass over the test rows, after the choice: no result of it changes the choice."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pipeline.core.losses import row_losses
from pipeline.core.records import Fit
from pipeline.core.statistics import Difference
from pipeline.data.dataset import Dataset
from pipeline.data.labels import label_text
from pipeline.evaluation.baselines import BASELINES, fit_baselines
from pipeline.evaluation.folds import Average, Unseen, unseen_inputs
from pipeline.evaluation.pictures import with_pictures
from pipeline.evaluation.scores import all_scores, lags

INCUMBENT = "incumbent"
"""The model in production, among the scores."""

CHUNK = 8192
"""Rows sent through a network at a time."""


@dataclass(frozen=True)
class Member:
    """One trained network of the chosen trial."""

    fit: Fit
    model: Any
    """A keras.Model; called, never imported, here."""
    validated: Member | None = None
    """The network of the search, where this one was trained on all rows afterwards."""

    @property
    def searched(self) -> Member:
        """The network of the search: its predictions of validation rows are the ones to score."""
        return self.validated or self


class Terms(NamedTuple):
    """How models are compared, and how baselines are trained."""

    metric: str = "val_loss"
    """The objective."""
    class_weight: str = "none"
    """`training.class_weight` of the networks; the baselines are trained with the same."""
    spare_seconds: Callable[[], float | None] = lambda: None
    """Returns the time limit of the baselines, in seconds, just before they are fitted; None: no limit."""


BY_LOSS = Terms()


@dataclass
class Verdicts:
    """Scores by model name, for validation and test rows, and the champion's predictions.

    Losses are in the units of the first fold's arrays. With k-fold the validation rows are those
    that the model's folds validate, and their predictions are out-of-fold.
    """

    validation: dict[str, dict[str, float]] = field(default_factory=dict)
    test: dict[str, dict[str, float]] = field(default_factory=dict)
    test_row_losses: dict[str, np.ndarray] = field(default_factory=dict)
    """Per test row, unweighted, for paired comparisons with an incumbent."""
    test_weights: np.ndarray | None = None
    """Sample weights of the test rows; None: all equal."""
    test_clusters: np.ndarray | None = None
    """Cluster of each test row, whose rows vary together; None: rows are independent."""
    lags: dict[str, dict[str, Difference]] = field(default_factory=dict)
    """By part and model: paired difference to the champion by the objective; positive: worse."""
    rises: dict[str, Difference] = field(default_factory=dict)
    """By baseline: rise of the champion's loss from validation to test rows, minus that of the baseline,
    which was not selected on the validation rows."""
    shares: dict[str, float] = field(default_factory=dict)
    """By baseline: the share of its iterations that there was time for, where that is not all."""
    predictions: pd.DataFrame | None = None
    """Truth and prediction of the champion, one row a test (or, without test, validation) row;
    of validation rows as in `validation`, so with k-fold out-of-fold. `row` counts the rows of their
    file from 1 below the header, as messages do."""


def forward(model: Any, x: np.ndarray) -> np.ndarray:
    """Return a network's outputs for encoded rows, float64 of shape (rows, outputs)."""
    pieces = [
        np.asarray(model(x[start : start + CHUNK], training=False), dtype=np.float64)
        for start in range(0, len(x), CHUNK)
    ]
    return np.concatenate(pieces)


def evaluate(
    dataset: Dataset,
    models: Mapping[str, Sequence[Member]],
    *,
    champion: str,
    seed: int,
    terms: Terms = BY_LOSS,
    incumbent: Callable[[pd.DataFrame], np.ndarray] | None = None,
) -> Verdicts:
    """Score the models, the baselines and the incumbent.

    Args:
        models: The networks that each model averages, by name: `single`, the execution with the median
            score (with k-fold one fold's network); `ensemble`, all executions of the trial; `greedy`.
        champion: Name of the model whose predictions are kept.
        incumbent: Maps raw feature rows to predictions in the units of the arrays.
    """
    shares: dict[str, float] = {}
    every = [(fold, fold) for fold in range(len(dataset.split.folds))]
    folds = every if len(every) > 1 else _folds(models[champion])
    unseen_of = {
        **_of_networks(dataset, models),
        **_of_baselines(dataset, folds, seed, terms.class_weight, terms.spare_seconds(), shares),
    }
    test = dataset.split.test
    verdicts = Verdicts(
        test_weights=dataset.sample_weight(test),
        test_clusters=dataset.clusters(test),
        shares=shares,
    )
    for name, unseen in unseen_of.items():
        scored = _scored(dataset, unseen.validation.rows, unseen.validation.outputs)
        verdicts.validation[name] = scored[0]
        if len(test):
            scored = _scored(dataset, test, unseen.test.outputs)
            verdicts.test[name], verdicts.test_row_losses[name] = scored
    if incumbent is not None:
        score_incumbent(dataset, verdicts, incumbent)
    _compare(dataset, verdicts, unseen_of, champion, terms.metric)
    kept = unseen_of[champion]
    part, own = ("test", kept.test) if len(test) else ("validation", kept.validation)
    verdicts.predictions = with_pictures(dataset, _frame(dataset, part, own), own.rows)
    return verdicts


def _compare(
    dataset: Dataset, verdicts: Verdicts, models: Mapping[str, Unseen], champion: str, metric: str
) -> None:
    """Fill in `lags` and `rises`: paired differences of each model to the champion."""
    parts = {"validation": {name: model.validation for name, model in models.items()}}
    if len(dataset.split.test):
        parts["test"] = {name: model.test for name, model in models.items()}
    verdicts.lags = {
        part: lags(dataset, models, champion, metric) for part, models in parts.items()
    }
    by_loss = {part: lags(dataset, models, champion, "val_loss") for part, models in parts.items()}
    for name in BASELINES:
        if "test" in parts and name in by_loss["validation"]:
            before, after = by_loss["validation"][name], by_loss["test"][name]
            rise = before.mean - after.mean
            verdicts.rises[name] = Difference(rise, math.hypot(before.se, after.se), 0.0)


def score_incumbent(
    dataset: Dataset, verdicts: Verdicts, incumbent: Callable[[pd.DataFrame], np.ndarray]
) -> str:
    """Add the scores of the model in production on the test rows; return why it has none, or "".

    Any error of the incumbent (another version, damaged) is a reason, never a failure of the sweep.
    """
    test = dataset.split.test
    verdicts.test.pop(INCUMBENT, None)
    verdicts.test_row_losses.pop(INCUMBENT, None)
    if not len(test):
        return ""
    try:
        outputs = incumbent(dataset.features("test"))
        if not np.isfinite(outputs).all():
            return "its predictions are not finite"
        scores, losses = _scored(dataset, test, outputs)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it: it is not compared
        return f"it does not predict these rows ({str(error) or type(error).__name__})"
    verdicts.test[INCUMBENT], verdicts.test_row_losses[INCUMBENT] = scores, losses
    return ""


def _of_networks(dataset: Dataset, models: Mapping[str, Sequence[Member]]) -> dict[str, Unseen]:
    """Return the average of the predictions of each model's networks; each network predicts once."""
    unseen_of = {
        name: Unseen(dataset, [validated for validated, _ in _folds(members)])
        for name, members in models.items()
    }
    for part in ("validation", "test") if len(dataset.split.test) else ("validation",):
        averages: dict[tuple[Fit, int], tuple[Member, list[Unseen]]] = {}
        for name, members in models.items():
            for member in members:
                own = member.searched if part == "validation" else member
                places = averages.setdefault((own.fit, id(own.model)), (own, []))[1]
                places.append(unseen_of[name])
        for own, places in averages.values():
            x = dataset.part_inputs(part, own.fit.trial.encoding, own.fit.fold)
            outputs = forward(own.model, x)
            for unseen in places:
                unseen.add(own.fit.fold, {part: outputs})
    return unseen_of


def _folds(members: Sequence[Member]) -> list[tuple[int, int]]:
    """Return the (validated, tested) folds of networks, each pair once, sorted."""
    return sorted({(member.searched.fit.fold, member.fit.fold) for member in members})


def _of_baselines(
    dataset: Dataset,
    folds: Sequence[tuple[int, int]],
    seed: int,
    class_weight: str,
    seconds: float | None,
    shares: dict[str, float],
) -> dict[str, Unseen]:
    """Return the predictions of the baselines, each fitted once a fold as the champion is.

    Args:
        folds: The champion's, as `_folds` returns them.
        seconds: Time limit for all of them; None: no limit.
        shares: Receives `Verdicts.shares`.
    """
    validated, tested = map(set, zip(*folds, strict=True))
    parts = {"validation": validated, "test": tested}
    unseen_of = {name: Unseen(dataset, validated) for name in BASELINES}
    every = sorted(validated | tested)
    for fold in every:
        inputs = unseen_inputs(dataset, "standard", fold)
        arrays = dataset.arrays("standard", fold, class_weight)
        own = None if seconds is None else seconds / len(every)
        fitted = fit_baselines(arrays, seed, own)
        unseen_of = {name: unseen for name, unseen in unseen_of.items() if name in fitted}
        for name, unseen in unseen_of.items():
            model = fitted[name]
            outputs = {part: model(x) for part, x in inputs.items() if fold in parts[part]}
            unseen.add(fold, outputs)
            if model.share < 1.0:
                shares[name] = min(model.share, shares.get(name, 1.0))
    return unseen_of


def _scored(
    dataset: Dataset, rows: np.ndarray, predicted: np.ndarray
) -> tuple[dict[str, float], np.ndarray]:
    """Return the scores of predictions for some rows, and the loss of each row.

    Args:
        rows: Row numbers, (rows,).
        predicted: (rows, outputs), in the units of the first fold's arrays.
    """
    truth = dataset.encoded_targets(rows)
    weights = dataset.sample_weight(rows)
    scores = all_scores(
        truth,
        predicted,
        regression=dataset.regression,
        target_scale=dataset.target_scaling()[1],
        weights=weights,
        clusters=dataset.clusters(rows),
    )
    return scores, row_losses(truth, predicted, regression=dataset.regression)


def _frame(dataset: Dataset, part: str, kept: Average) -> pd.DataFrame:
    """Return truth and prediction in the table's own terms, with probabilities per class."""
    predicted, target = kept.outputs, dataset.judged
    numbers = target.numbers[kept.rows]
    frame = pd.DataFrame({"row": dataset.frame.index[kept.rows].to_numpy() + 1, "part": part})
    if target.classes is None:
        mean, scale = dataset.target_scaling()
        return frame.assign(truth=numbers, prediction=predicted[:, 0] * scale + mean)
    frame["truth"] = target.label(numbers)
    frame["prediction"] = target.label(predicted.argmax(axis=1))
    for index, label in enumerate(target.classes):
        frame[f"probability_{label_text(label)}"] = predicted[:, index]
    return frame


def optimism(verdicts: Verdicts, champion: str) -> float | None:
    """Return test loss minus validation loss of the champion; None without test rows.

    With k-fold the validation loss is the out-of-fold one. For an ensemble it averages one member a
    repeat where a test row averages all: the difference is then, if anything, too small.
    """
    test: Mapping[str, float] | None = verdicts.test.get(champion)
    validation = verdicts.validation.get(champion)
    return None if test is None or validation is None else test["loss"] - validation["loss"]
