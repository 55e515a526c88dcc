"""Small tables and fake networks for the tests of the final pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from pipeline.config.schema_data import DataConfig
from pipeline.core.records import Capacity, Fit, Trial
from pipeline.data import prepare
from pipeline.evaluation.final import Member

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.data.dataset import Dataset

ROWS = 120
TRIAL = Trial(Capacity("1x8", (("layers", 1), ("units", 8))), 0.01, 100)


@pytest.fixture
def table() -> pd.DataFrame:
    """Return a trend over days in `price`, three classes in `size`, and weights from 0.5 to 5."""
    generator = np.random.default_rng(3)
    day = generator.permutation(ROWS)
    wave = generator.normal(size=ROWS)
    return pd.DataFrame(
        {
            "day": pd.date_range("2024-01-01", periods=ROWS)[day],
            "wave": wave,
            "noise": generator.normal(size=ROWS),
            "price": 50 + day / 2 + 10 * wave + generator.normal(size=ROWS),
            "size": np.array(["l", "m", "s"])[np.digitize(wave, [-0.4, 0.4])],
            "counts": generator.uniform(0.5, 5.0, ROWS).round(2),
        }
    )


@pytest.fixture
def prepared(table: pd.DataFrame, tmp_path: Path) -> Callable[..., Dataset]:
    """Return a function that prepares the table with a target and further options of `data`."""

    def run(target: str = "price", **options: Any) -> Dataset:
        path = tmp_path / "table.csv"
        others = {"price", "size", "counts"} - {target, options.get("weight")}
        table.drop(columns=sorted(others)).to_csv(path, index=False)
        return prepare(DataConfig(name="test", path=str(path), target=target, **options), 0)

    return run


@pytest.fixture
def member() -> Callable[..., Member]:
    """Return a function from a model to the member of an execution and its fold."""

    def make(model: Any, execution: int = 0, fold: int = 0) -> Member:
        return Member(Fit(TRIAL, execution, execution, 3, fold), model)

    return make


@pytest.fixture
def constant() -> Callable[..., Any]:
    """Return a function from outputs to a network that predicts them for every row."""

    def make(*outputs: float) -> Any:
        def model(x: np.ndarray, training: bool) -> np.ndarray:
            assert training is False
            return np.tile(outputs, (len(x), 1)).astype(np.float32)

        return model

    return make


@pytest.fixture
def memory() -> Callable[..., Any]:
    """Return a function to a network that knows the training rows of a fold by heart.

    For any other row it predicts the mean of its training targets, or equal shares for classes.
    """

    def make(dataset: Dataset, fold: int = 0) -> Any:
        known = dataset.arrays("standard", fold)
        otherwise = np.full(dataset.outputs, 0.0 if dataset.regression else 1 / dataset.outputs)

        def model(x: np.ndarray, training: bool) -> np.ndarray:
            assert training is False
            away = np.abs(x[:, None] - known.x_train[None]).max(axis=2)
            found = away.min(axis=1) < 1e-5
            return np.where(found[:, None], known.y_train[away.argmin(axis=1)], otherwise)

        return model

    return make
