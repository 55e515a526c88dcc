"""Twenty small tables, 100 to 1,319 rows: shipped, public (scikit-learn's own) and simulated ones.

A public table is dealt anew for every outer split, a fifth of its rows for the test. A simulated one is
drawn anew: as many rows to search on as four fifths of its size, and `FRESH` test rows from the same
source, so that its splits are independent and its test loss is hardly noise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.model_selection import train_test_split

from pipeline.config.places import data_dir

if TYPE_CHECKING:
    from collections.abc import Callable

TEST = 0.2
"""Share of a public table's rows in the outer test."""
FRESH = 1000
"""Test rows of a simulated table."""

Draw = tuple[np.ndarray, np.ndarray]
"""Inputs (rows, columns) and targets (rows,)."""


def public(name: str) -> pd.DataFrame:
    """Return a shipped table or one of scikit-learn's, its target in the column `target`."""
    shipped = {
        "wages": ("hourly_wages.csv", "wage"),
        "titanic": ("titanic_891.csv", "survived"),
        "accounts": ("bank_creditcard.csv", "active"),
    }
    if name in shipped:
        file, target = shipped[name]
        return pd.read_csv(data_dir() / file).rename(columns={target: "target"})
    loaders = {
        "diabetes": datasets.load_diabetes,
        "breast_cancer": datasets.load_breast_cancer,
        "wine": datasets.load_wine,
        "iris": datasets.load_iris,
    }
    frame: pd.DataFrame = loaders[name](as_frame=True).frame
    return frame if name == "diabetes" else frame.assign(target="c" + frame.target.astype(str))


def _inputs(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    return rng.normal(size=(rows, columns))


def _linear(rng: np.random.Generator, rows: int) -> Draw:
    x = _inputs(rng, rows, 10)
    return x, x[:, :5] @ np.array([3.0, -2.0, 1.5, 1.0, -0.5]) + 2.0 * rng.normal(size=rows)


def _heavy(rng: np.random.Generator, rows: int) -> Draw:
    x = _inputs(rng, rows, 6)
    return x, x[:, 0] + np.abs(x[:, 1]) + x[:, 2] * x[:, 3] + rng.standard_t(2.5, size=rows)


def _noise(rng: np.random.Generator, rows: int) -> Draw:
    return _inputs(rng, rows, 8), rng.normal(size=rows)


def _noise_classes(rng: np.random.Generator, rows: int) -> Draw:
    return _inputs(rng, rows, 8), rng.integers(0, 2, rows)


def _xor(rng: np.random.Generator, rows: int) -> Draw:
    x = _inputs(rng, rows, 6)
    wrong = rng.random(rows) < 0.1  # noqa: PLR2004 - a tenth of the labels
    return x, (np.prod(x[:, :2], axis=1) > 0) ^ wrong


def _imbalanced(rng: np.random.Generator, rows: int) -> Draw:
    x = _inputs(rng, rows, 8)
    chance = 1.0 / (1.0 + np.exp(4.2 - 2.0 * x[:, 0] - x[:, 1] * x[:, 2]))
    return x, rng.random(rows) < chance


def _friedman(number: int, noise: float) -> Callable[[np.random.Generator, int], Draw]:
    make = getattr(datasets, f"make_friedman{number}")

    def draw(rng: np.random.Generator, rows: int) -> Draw:
        x, y = make(rows, noise=noise, random_state=int(rng.integers(2**31)))
        return x, y

    return draw


def _shape(make: Callable[..., Draw]) -> Callable[[np.random.Generator, int], Draw]:
    def draw(rng: np.random.Generator, rows: int) -> Draw:
        return make(rows, noise=0.25, random_state=int(rng.integers(2**31)))

    return draw


SIMULATED: dict[str, tuple[int, Callable[[np.random.Generator, int], Draw]]] = {
    "friedman1_100": (100, _friedman(1, 1.0)),
    "friedman1_300": (300, _friedman(1, 1.0)),
    "friedman1_1000": (1000, _friedman(1, 1.0)),
    "friedman2_200": (200, _friedman(2, 120.0)),
    "friedman3_400": (400, _friedman(3, 0.1)),
    "linear_100": (100, _linear),
    "heavy_300": (300, _heavy),
    "noise_200": (200, _noise),
    "noise_classes_300": (300, _noise_classes),
    "xor_400": (400, _xor),
    "circles_150": (150, _shape(datasets.make_circles)),
    "moons_120": (120, _shape(datasets.make_moons)),
    "imbalanced_800": (800, _imbalanced),
}
PUBLIC = ("wages", "titanic", "accounts", "diabetes", "breast_cancer", "wine", "iris")
TABLES = (*PUBLIC, *SIMULATED)


def outer(name: str, split: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows to search on and the test rows of one outer split, the target as `target`."""
    if name in PUBLIC:
        table = public(name)
        classes = table.target if name not in {"wages", "accounts", "diabetes"} else None
        search, test = train_test_split(table, test_size=TEST, random_state=split, stratify=classes)
        return search, test
    rows, draw = SIMULATED[name]
    rng = np.random.default_rng([split, rows, len(name)])
    kept = round((1.0 - TEST) * rows)
    x, y = draw(rng, kept + FRESH)
    order = rng.permutation(len(y))
    target = y if y.dtype == np.float64 else np.where(y.astype(bool), "yes", "no")
    table = pd.DataFrame(x, columns=[f"x{n}" for n in range(x.shape[1])]).assign(target=target)
    table = table.iloc[order]
    return table.iloc[:kept], table.iloc[kept:]
