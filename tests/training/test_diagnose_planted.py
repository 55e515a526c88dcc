"""Planted faults are named and healthy fits are not, on the shipped data, through an engine.

The thresholds in pipeline/training/diagnose/thresholds.py lie between the two groups.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pipeline.config.places import data_dir
from pipeline.config.schema_data import DataConfig
from pipeline.core.names import NAMELESS
from pipeline.core.records import Arrays, Fit, FitResult, Outcome, Trial
from pipeline.data import prepare
from pipeline.training.diagnose.case import Case
from pipeline.training.diagnose.causes import unsteady
from pipeline.training.families.mlp import of_widths
from pipeline.training.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


pytestmark = [pytest.mark.slow, pytest.mark.any_backend]

TABLES = {
    "wages": ("hourly_wages.csv", "wage"),
    "titanic": ("titanic_891.csv", "survived"),
    "credit": ("bank_credit_data.csv", "Status"),
    "accounts": ("bank_creditcard.csv", "active"),
}
EPOCHS = 15


@cache
def table(name: str) -> Arrays:
    """Return a shipped table, encoded as a sweep encodes it."""
    file, target = TABLES[name]
    config = DataConfig(name=name, path=str(data_dir() / file), target=target)
    return prepare(config, seed=0).arrays("standard")


@pytest.fixture(scope="module")
def fit_one(make_family: Any, make_fits: Any, train: Any) -> Callable[..., FitResult]:
    """`fit_one(arrays, widths, rate, epochs, optimizer, kind, **model)`: one fit, diagnosed."""

    def run(
        arrays: Arrays,
        widths: tuple[int, ...] = (32,),
        rate: float = 3e-3,
        epochs: int = EPOCHS,
        optimizer: str = "adam",
        kind: str = "stacked",
        **model: Any,
    ) -> FitResult:
        family = make_family(arrays, **model)
        fits = make_fits(family, of_widths(*widths), rates=(rate,), epochs=epochs)
        return train(fits, arrays, family, kind, optimizer=optimizer, patience=8)[0]

    return run


def codes(result: FitResult) -> set[str]:
    """Return the codes of a fit's findings."""
    return {found.code for found in result.findings}


def shuffled(arrays: Arrays) -> Arrays:
    """Return the rows with each other's targets."""
    mix = np.random.default_rng(0).permutation
    return replace(arrays, y_train=mix(arrays.y_train), y_val=mix(arrays.y_val))


def with_input(arrays: Arrays, train: np.ndarray, validation: np.ndarray) -> Arrays:
    """Return the rows with one more input."""
    return replace(
        arrays,
        x_train=np.hstack([arrays.x_train, train]).astype(np.float32),
        x_val=np.hstack([arrays.x_val, validation]).astype(np.float32),
        names=NAMELESS,
    )


def leaked(name: str) -> Arrays:
    """Return a table with its target among the inputs, on another scale."""
    arrays = table(name)
    return with_input(arrays, arrays.y_train[:, :1] * 3 + 1, arrays.y_val[:, :1] * 3 + 1)


def easier() -> Arrays:
    """Return validation rows whose targets are near the training mean: no hard ones among them."""
    arrays = table("accounts")
    near = np.argsort(np.abs(arrays.y_val[:, 0]))[: len(arrays.y_val) * 2 // 3]
    return replace(arrays, x_val=arrays.x_val[near], y_val=arrays.y_val[near])


def without_a_class() -> Arrays:
    """Return a table whose third class occurs in validation only."""
    arrays = table("titanic")
    train = np.pad(arrays.y_train, [(0, 0), (0, 1)])
    validation = np.pad(arrays.y_val, [(0, 0), (0, 1)])
    validation[::10] = [0, 0, 1]
    return replace(arrays, y_train=train, y_val=validation, names=NAMELESS)


def few_rows() -> Arrays:
    """Return 30 training rows."""
    arrays = table("titanic")
    return replace(arrays, x_train=arrays.x_train[:30], y_train=arrays.y_train[:30])


def unscaled() -> Arrays:
    """Return inputs a million times too large."""
    arrays = table("titanic")
    million = np.float32(1e6)
    return replace(arrays, x_train=arrays.x_train * million, x_val=arrays.x_val * million)


def constant() -> Arrays:
    """Return a table with an input that is always 7; as wide as `leaked`: one program for both."""
    arrays = table("wages")
    return with_input(
        arrays, np.full((len(arrays.x_train), 1), 7), np.full((len(arrays.x_val), 1), 7)
    )


OWN = """
import keras
from keras import layers

def deep_freeze(capacity, trial, inputs, outputs):
    bias = keras.initializers.Constant(-100.0)
    return keras.Sequential([
        keras.Input(inputs),
        layers.Dense(32, activation="relu"),
        layers.Dense(32, activation="relu", bias_initializer=bias),
        layers.Dense(outputs, activation="softmax"),
    ])

def saturated(capacity, trial, inputs, outputs):
    wide = keras.initializers.RandomNormal(stddev=50.0)
    return keras.Sequential([
        keras.Input(inputs),
        layers.Dense(32, activation="tanh", kernel_initializer=wide),
        layers.Dense(outputs, activation="softmax"),
    ])
"""


@pytest.fixture
def own_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the networks of OWN on the path."""
    (tmp_path / "planted_networks.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))


PLANTED = {
    "rate 1e-6": ("rate-too-low", "severe", lambda: table("titanic"), {"rate": 1e-6}),
    "SGD at 1e-6": (
        "rate-too-low",
        "severe",
        lambda: table("titanic"),
        {"rate": 1e-6, "optimizer": "sgd"},
    ),
    "rate 10, regression": ("rate-too-high", "severe", lambda: table("wages"), {"rate": 10.0}),
    "rate 10, classes": ("rate-too-high", "severe", lambda: table("titanic"), {"rate": 10.0}),
    "SGD at 1": ("diverged", "severe", lambda: table("wages"), {"rate": 1.0, "optimizer": "sgd"}),
    "a dead layer": (
        "dead-units",
        "severe",
        lambda: table("titanic"),
        {"builder": "planted_networks:deep_freeze"},
    ),
    "a saturated layer": (
        "saturation",
        "warning",
        lambda: table("titanic"),
        {"builder": "planted_networks:saturated"},
    ),
    "12 sigmoid layers": (
        "vanishing-gradients",
        "severe",
        lambda: table("titanic"),
        {"widths": (32,) * 12, "activation": "sigmoid", "kind": "fit"},
    ),
    "shuffled classes": ("no-signal", "severe", lambda: shuffled(table("titanic")), {}),
    "shuffled numbers": ("no-signal", "severe", lambda: shuffled(table("accounts")), {}),
    "30 rows, 512 units": ("overfitting", "warning", few_rows, {"widths": (512,), "kind": "fit"}),
    "one epoch": ("still-improving", "warning", lambda: table("titanic"), {"epochs": 1}),
    "inputs times 1e6": ("unscaled-inputs", "severe", unscaled, {}),
    "leaked number": ("leaked-target", "severe", lambda: leaked("wages"), {}),
    "leaked class": ("leaked-target", "severe", lambda: leaked("titanic"), {}),
    "a constant input": ("constant-input", "info", constant, {}),
    "easy validation": ("easy-validation", "warning", easier, {}),
    "a class never trained": ("absent-class", "severe", without_a_class, {}),
}

SECOND = {"SGD at 1e-6", "rate 10, classes", "shuffled numbers", "leaked class"}
"""Faults that another entry plants too, on another task or with another optimizer."""


@pytest.mark.usefixtures("own_networks")
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.rare] * (name in SECOND)) for name in PLANTED]
)
def test_a_planted_fault_is_named(fit_one: Any, name: str) -> None:
    """With its own code and severity, and a sentence that ends in a next step."""
    code, severity, arrays, how = PLANTED[name]
    result = fit_one(arrays(), **how)
    found = {finding.code: finding for finding in result.findings}
    assert code in found
    assert found[code].severity == severity


HEALTHY = [
    *((name, (), {}) for name in TABLES),
    *((name, (32,), {}) for name in TABLES),
    *((name, (64, 64), {}) for name in ("wages", "credit")),
    ("titanic", (32,), {"optimizer": "sgd", "rate": 0.03}),
    ("credit", (32, 32, 32, 32), {"kind": "fit"}),
    ("wages", (64, 64), {"batch_normalization": True, "kind": "fit"}),
    ("titanic", (64, 64), {"activation": "tanh", "kind": "fit"}),
]


@pytest.mark.rare
@pytest.mark.parametrize(("name", "widths", "how"), HEALTHY)
def test_a_healthy_fit_has_no_severe_finding(
    fit_one: Any, name: str, widths: tuple[int, ...], how: dict[str, Any]
) -> None:
    """It may overfit or ask for more epochs; nothing is wrong with it."""
    result = fit_one(table(name), widths, epochs=30, **how)
    assert result.outcome is Outcome.completed
    assert [found for found in result.findings if found.severity == "severe"] == []
    assert codes(result) <= {"overfitting", "underfitting", "still-improving", "constant-input"}


JUMPS = [0.522, 0.394, 0.475, 0.333, 0.34, 0.436, 0.374, 0.43, 0.34, 0.357]
"""SGD at rate 1 on the Titanic in the course's layout (experiment=course_learning_rates)."""
LEAPS = [0.502, 0.531, 0.54, 0.582, 0.448, 0.754, 0.486, 0.498, 0.551, 0.622, 0.49, 0.516, 0.453]
"""Two layers of 26 units at rate 0.03 on wages: the best of all rates of that capacity."""
SETTLES = [0.602, 0.566, 0.539, 0.55, 0.498, 0.484, 0.49, 0.459, 0.449, 0.44]


def fit_at(rate: float, curve: list[float]) -> FitResult:
    """Return a completed fit with a scripted validation loss."""
    fit = Fit(Trial(of_widths(26, 26), rate, 0), 0, 0, len(curve))
    best = int(np.argmin(curve))
    return FitResult(fit, Outcome.completed, {"val_loss": np.array(curve)}, best, None, None, 0.0)


@pytest.mark.parametrize("curve", [JUMPS, JUMPS * 9, LEAPS])
@pytest.mark.parametrize(
    ("lower", "code"), [(0.2, "rate-too-high"), (0.5, "unsteady"), (None, "unsteady")]
)
def test_a_rate_is_too_high_where_a_lower_one_did_better(
    curve: list[float], lower: float | None, code: str
) -> None:
    """A validation loss that jumps up and down again and again says so, but accuses no rate by itself."""
    result = fit_at(1.0, curve)
    others = [fit_at(0.1, [lower])] if lower else []
    finding = unsteady(Case(result, None, Settings(), (result, *others)))  # type: ignore[arg-type]
    assert finding
    assert finding.code == code
    assert finding.severity == ("info" if code == "unsteady" else "warning")
    told = "learning rate 1 overshoots; 0.1 is the largest lower rate that trained"
    assert finding.sentence.endswith(told) == (code == "rate-too-high")


def test_a_validation_loss_that_settles_is_steady() -> None:
    """Small rises are not spoken of."""
    assert unsteady(Case(fit_at(1.0, SETTLES), None, Settings())) is None  # type: ignore[arg-type]


@pytest.mark.rare
def test_both_engines_give_the_same_diagnosis(fit_one: Any) -> None:
    """The same codes from curves and weights that agree to rounding."""
    stacked, plain = (fit_one(table("titanic"), (16,), kind=kind) for kind in ("stacked", "fit"))
    assert codes(stacked) == codes(plain)
