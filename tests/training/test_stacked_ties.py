"""Epochs that are equally good must be equal to the bit: an improvement by rounding resets patience."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from keras import ops

from pipeline.core.records import Arrays
from pipeline.training.metrics import VAL_AUC
from pipeline.training.metrics import auc as exact_auc
from pipeline.training.stacked.backend import Compiled
from pipeline.training.stacked.evaluation import Evaluation
from pipeline.training.stacked.inputs import table
from pipeline.training.stacked.step import RowLosses

BLOCK, MEMBERS = 256, 64


def numbered(positive: np.ndarray, weight: np.ndarray | None = None) -> Arrays:
    """Return rows whose input is their number, of two classes."""
    x = np.arange(len(positive), dtype=np.float32)[:, None]
    y = np.eye(2, dtype=np.float32)[positive.astype(int)]
    return Arrays(x[:9], y[:9], x, y, regression=False, val_weight=weight)


def evaluated(arrays: Arrays, scores: np.ndarray, name: str) -> np.ndarray:
    """Return what a compiled validation pass measures of members with these scores, (members, rows)."""

    def scripted(weights: list[Any], _: Any, x: Any, **options: Any) -> tuple[Any, None]:
        own = ops.take(weights[0], ops.cast(x[:, 0], "int32"), axis=0)
        return ops.stack([1 - own, own], axis=1), None

    template: Any = SimpleNamespace(model=SimpleNamespace(stateless_call=scripted))
    losses = RowLosses(arrays.loss)
    evaluation = Evaluation(template, losses, BLOCK, scores=name == VAL_AUC)
    state = {
        "weights": [ops.convert_to_tensor(scores.astype(np.float32))],
        "rest": [],
        "live": ops.ones(len(scores), "bool"),
    }
    wanted = {k: v for k, v in table(arrays, BLOCK).items() if k.startswith("val_")}
    data = {k: ops.convert_to_tensor(v) for k, v in wanted.items()}

    def program(calls: Any, state: Any, data: Any) -> tuple[Any, Any]:
        return calls + 1, evaluation(state, data)[0][name]

    arguments = (ops.array(0, "int32"), state, data)
    compiled = Compiled.traced(program, arguments)
    compiled.compile(arguments)
    return np.asarray(compiled(*arguments)[1])


def test_as_many_hits_are_the_same_accuracy_wherever_they_are() -> None:
    """617 of 1,000 rows, others for every member."""
    rng = np.random.default_rng(0)
    hits = np.array([rng.permutation(1000) < 617 for _ in range(MEMBERS)])
    accuracy = evaluated(numbered(np.ones(1000)), hits, "val_metric")
    assert len(set(accuracy.tolist())) == 1
    assert accuracy[0] == pytest.approx(0.617, rel=1e-6)


@pytest.mark.parametrize("rows", [1000, 10_000])
def test_equal_areas_are_equal_wherever_the_pairs_are(rows: int) -> None:
    """As many positive rows rise past a negative one as fall, other rows for every member.

    10,000 rows have more pairs than a float32 can count one by one.
    """
    rng = np.random.default_rng(2)
    positive = np.tile([0, 1, 1, 0], rows // 4)
    ranks = np.tile(np.arange(rows), (MEMBERS, 1))
    for own in ranks:
        for first in (0, 2):  # of four rows: the pair that falls, the pair that rises
            at = first + 4 * rng.permutation(rows // 4)[: rows // 8]
            own[at], own[at + 1] = own[at + 1], own[at]
    scores = (ranks + 0.5) / rows
    areas = evaluated(numbered(positive), scores, VAL_AUC)
    assert len(set(areas.tolist())) == 1
    assert areas[0] == pytest.approx(exact_auc(scores[0], positive), rel=1e-6)


def test_weighted_rows_give_the_weighted_mean_and_area() -> None:
    """To float32 rounding; there the order of rows may show in the last digit, as in model.fit."""
    rng = np.random.default_rng(1)
    weight = rng.uniform(0.2, 4.0, 1000).astype(np.float32)
    positive, scores = rng.integers(0, 2, 1000), rng.uniform(size=(MEMBERS, 1000))
    arrays = numbered(positive, weight)
    hits = (scores > 0.5) == positive
    accuracy = evaluated(arrays, scores, "val_metric")
    np.testing.assert_allclose(accuracy, [np.average(h, weights=weight) for h in hits], rtol=1e-5)
    areas = [exact_auc(own.astype(np.float32), positive, weight) for own in scores]
    np.testing.assert_allclose(evaluated(arrays, scores, VAL_AUC), areas, rtol=1e-5)
