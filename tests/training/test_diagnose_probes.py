"""Probes: NumPy's pass through a network is Keras' own, and rules hold on scripted measurements."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.records import Arrays, Fit, FitResult, Outcome, Trial
from pipeline.training.diagnose import diagnose
from pipeline.training.diagnose.background import Background, background
from pipeline.training.diagnose.case import Case
from pipeline.training.diagnose.probes import Probe, Probes, of_activations
from pipeline.training.families.mlp import of_widths
from pipeline.training.models import initial_weights, rebuild
from pipeline.training.pooling import to_fit
from pipeline.training.settings import Settings

if TYPE_CHECKING:
    from pipeline.core.records import Finding

NETWORK = of_widths(5, 4)


def probed(fit: Fit, weights: list[np.ndarray], family: Any, arrays: Arrays) -> Probes:
    """Return what is measured of a fit."""
    return Probe(family, fit.trial).measure(fit, weights, background(arrays))


@pytest.mark.parametrize("model", [{}, {"family": "tabm", "members": 3}], ids=["mlp", "tabm"])
def test_gradients_are_those_of_the_loss(
    regression: Arrays, make_family: Any, model: dict[str, Any]
) -> None:
    """One step of plain gradient descent at rate 1, by Keras, moves every kernel by its gradient."""
    family = make_family(regression, activation="tanh", **model)
    fit = Fit(Trial(NETWORK, 1.0, 0), 0, 0, 5)
    weights = initial_weights(family, fit.trial, 0)
    found = probed(fit, weights, family, regression)
    assert found["moved"] == [0.0]
    assert found["sample_loss"] == pytest.approx(found["initial_loss"])
    network = to_fit(rebuild(family, fit.trial, weights))
    network.compile(optimizer=keras.optimizers.SGD(1.0), loss=regression.loss)
    network.train_on_batch(regression.x_train, regression.y_train)
    steps = [
        float(np.linalg.norm(after - before))
        for before, after in zip(weights, network.get_weights(), strict=True)
        if before.ndim > 1
    ]
    assert found["gradient_norm"] == pytest.approx(steps, rel=1e-3)


def test_images_and_unknown_layers_are_measured_too(make_family: Any) -> None:
    """A CNN through Keras: a gradient per kernel, dead filters per block."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 255, (20, 8, 8, 1)).astype(np.float32)
    y = np.eye(2, dtype=np.float32)[rng.integers(2, size=20)]
    arrays = Arrays(x, y, x, y, regression=False)
    family = make_family(arrays, family="cnn")
    capacity = family.of(2, 3)
    fit = Fit(Trial(capacity, 0.01, 0), 0, 0, 5)
    weights = initial_weights(family, fit.trial, 0)
    weights[1] = weights[1] - 1e6
    found = probed(fit, weights, family, arrays)
    assert len(found["gradient_norm"]) == 4
    assert found["dead_share"][0] == 1.0
    assert len(found["dead_share"]) == 3
    assert found["moved"] == [0.0]


def test_shares_count_units_that_never_answer() -> None:
    """A ReLU unit is dead when it is 0 for every row; saturation counts single outputs."""
    relu = np.array([[0.0, 0, 3], [0, 2, 0]])
    tanh = np.array([[-0.999, 0.5], [0.999, 0.97]])
    found = of_activations([("relu", relu), ("tanh", tanh), ("elu", relu)])
    assert found == {"dead_share": [pytest.approx(1 / 3)], "saturated_share": [0.75]}


def result_of(losses: list[float], **changes: Any) -> FitResult:
    """Return a completed fit of the regression with a scripted training loss."""
    curve = np.array(losses)
    return FitResult(
        fit=Fit(Trial(NETWORK, 0.01, 0), 0, 0, epochs=changes.pop("epochs", 50)),
        outcome=changes.pop("outcome", Outcome.completed),
        curves={"loss": curve, "val_loss": curve},
        best_epoch=int(np.argmin(curve)),
        weights=None,
        row_losses=np.linspace(0.1, 0.3, 40, dtype=np.float32),
        seconds=0.0,
        train_loss=changes.pop("train_loss", min(losses)),
    )


HEALTHY = {
    "sample_loss": [0.2],
    "sample_loss_se": [0.01],
    "initial_loss": [4.0],
    "moved": [0.5],
    "gradient_norm": [1.0, 1.0, 1.0],
}


def case_of(result: FitResult, arrays: Arrays, **probes: list[float]) -> Case:
    """Return a fit with what was measured of it."""
    return Case(result, background(arrays), Settings(), probes={**HEALTHY, **probes})


def codes(result: FitResult, arrays: Arrays, **probes: list[float]) -> list[str]:
    """Return the codes of the findings of a fit."""
    return [found.code for found in diagnose(case_of(result, arrays, **probes))]


FALLING = [4.0, 2.0, 1.0, 0.5, 0.3, 0.2, 0.15]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"dead_share": [0.1, 0.6]}, "dead-units"),
        ({"saturated_share": [0.7]}, "saturation"),
        ({"gradient_norm": [1e-5, 1.0, 1.0]}, "vanishing-gradients"),
        ({"gradient_norm": [1e4, 1.0, 1.0]}, "exploding-gradients"),
        ({"moved": [1e-3]}, "rate-too-low"),
    ],
)
def test_a_measurement_beyond_its_threshold_is_named(
    regression: Arrays, changes: dict[str, Any], code: str
) -> None:
    """One cause, one code, and nothing for the same fit without it."""
    assert codes(result_of(FALLING), regression, **changes) == [code]
    assert codes(result_of(FALLING), regression) == []


@pytest.mark.parametrize(
    ("losses", "epochs", "code"),
    [
        ([4.0, 100.0, 2.0, 0.2, 0.15], 50, "rate-too-high"),
        ([4.0, 1.0, 3.0, 0.2, 0.15], 50, "rate-too-high"),
        ([0.5, 0.4, 0.7, 0.4, 0.3, 0.25], 50, "unsteady"),
        ([4.0, 3.0, 2.0, 1.0, 0.2], 5, "still-improving"),
        ([4.0], 1, "still-improving"),
    ],
)
def test_a_course_of_the_loss_is_named(
    regression: Arrays, losses: list[float], epochs: int, code: str
) -> None:
    """Blown up, jumped, or ended while falling."""
    assert codes(result_of(losses, epochs=epochs), regression) == [code]


@pytest.mark.parametrize(
    ("train_loss", "code"),
    [(2.0, "easy-validation"), (0.05, "overfitting"), (0.15, None), (float("nan"), None)],
)
def test_a_gap_between_the_losses_is_named(
    regression: Arrays, train_loss: float, code: str | None
) -> None:
    """Of the weights that are kept, whatever the curve of the training loss; nothing where none is known."""
    assert codes(result_of(FALLING, train_loss=train_loss), regression) == ([code] if code else [])


def test_the_best_fit_of_each_capacity_and_failed_ones_are_looked_into(
    regression: Arrays, make_family: Any, make_fits: Any, train: Any, monkeypatch: Any
) -> None:
    """A rate that hardly trains is no better than a constant."""
    seen: list[tuple[str, float]] = []
    measure = Probe.measure

    def noted(self: Probe, fit: Fit, weights: Any, background: Background) -> Probes:
        seen.append((fit.trial.capacity.label, fit.trial.learning_rate))
        return measure(self, fit, weights, background)

    monkeypatch.setattr(Probe, "measure", noted)
    family = make_family(regression)
    fits = [
        fit for size in (8, 16) for fit in make_fits(family, of_widths(size), (1e-6, 0.01, 0.02), 9)
    ]
    results = train(tuple(fits), regression, family)
    good = {
        label: min(
            (r for r in results if r.fit.trial.capacity.label == label),
            key=lambda r: r.best("val_loss"),
        )
        for label in ("1x8", "1x16")
    }
    best = [(label, result.fit.trial.learning_rate) for label, result in good.items()]
    assert sorted(seen) == sorted([*best, ("1x8", 1e-6), ("1x16", 1e-6)])
    codes_of = [{finding.code for finding in result.findings} for result in results]
    assert ["rate-too-low" in codes for codes in codes_of] == [True, False, False] * 2


def test_a_rise_of_the_validation_loss_is_overfitting(regression: Arrays) -> None:
    """While the training loss falls on."""
    result = result_of(FALLING)
    result.curves["val_loss"] = np.array([1.0, 0.5, 0.2, 0.25, 0.3, 0.35, 0.4])
    result.best_epoch = 2
    result.curves["loss"] = np.array([4.0, 2.0, 1.0, 0.5, 0.3, 0.2, 0.1])
    assert codes(result, regression) == ["overfitting"]


def test_a_severe_cause_silences_what_follows_from_it(regression: Arrays) -> None:
    """A dead network is not also told that it has no signal; it is the gravest and comes first."""
    dead = replace(result_of(FALLING), row_losses=np.full(40, 50, np.float32))
    found = diagnose(case_of(dead, regression, dead_share=[0.0, 1.0]))
    assert [(one.code, one.severity) for one in found] == [("dead-units", "severe")]


positive = st.floats(0, 1e30)
any_number = positive | st.just(float("nan")) | st.just(float("inf"))


@given(
    losses=st.lists(positive, min_size=1, max_size=6),
    rows=st.lists(positive, min_size=1, max_size=5),
    numbers=st.tuples(*[any_number] * 5),
    layers=st.lists(positive, min_size=1, max_size=3),
    outcome=st.sampled_from([Outcome.completed, Outcome.dropped, Outcome.diverged]),
)
def test_diagnosis_survives_any_measurement(
    losses: list[float], rows: list[float], numbers: Any, layers: list[float], outcome: Outcome
) -> None:
    """Zeros, infinities and NaN give sentences or silence, never a warning or an error."""
    x = np.zeros((len(rows), 1), np.float32)
    arrays = Arrays(x, x, x, x, regression=True)
    names = ["sample_loss", "sample_loss_se", "initial_loss", "moved", "loss"]
    probes = {name: [value] for name, value in zip(names, numbers, strict=True)}
    shares = dict.fromkeys(("dead_share", "saturated_share", "gradient_norm"), layers)
    result = result_of(losses, outcome=outcome)
    result.row_losses, result.train_loss = np.array(rows, np.float32), numbers[0]
    found: tuple[Finding, ...] = diagnose(case_of(result, arrays, **probes, **shares))
    assert all(one.sentence and one.severity in {"severe", "warning", "info"} for one in found)
