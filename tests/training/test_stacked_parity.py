"""The stacked engine against the reference: the same curves, epochs and weights to rounding.

Initial weights and batch order follow from a fit's seed in both engines, so everything but dropout
draws must agree.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.names import Grid
from pipeline.core.records import Arrays, Direction, Objective, Outcome, Stack, Trial
from pipeline.training.engine import engine
from pipeline.training.families.mlp import of_widths
from pipeline.training.settings import Settings
from tests.training.agreement import agree

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.core.family import Family
    from pipeline.core.records import Fit, FitResult

pytestmark = pytest.mark.slow

EXPLORES = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
EXAMPLES, MOST_LAYERS = (100, 4) if EXPLORES else (3, 2)
"""Pairs of random architectures: the long form is part of `make fuzz`."""

Mix = tuple[str, dict[str, Any], dict[str, Any]]  # data, family and settings
SUITE: list[Mix] = [("regression", {}, {})]
FUZZ: list[Mix] = [
    *SUITE,
    ("regression", {"activation": "tanh"}, {"optimizer": "sgd", "momentum": 0.9}),
    ("regression", {"batch_normalization": True}, {"optimizer": "rmsprop"}),
    ("binary", {"activation": "elu"}, {"optimizer": "adam"}),
    ("binary", {"activation": "sigmoid"}, {"optimizer": "adamw"}),
    ("weighted", {"activation": "gelu"}, {"optimizer": "rmsprop", "momentum": 0.5}),
    ("weighted", {"batch_normalization": True}, {"optimizer": "adam"}),
]


@dataclass(frozen=True)
class Case:
    """One combination of what must agree."""

    name: str
    data: str
    networks: tuple[tuple[int, ...], ...]
    rates: tuple[float, ...] = (0.01,)
    seeds: int = 1
    epochs: int = 6
    rare: bool = False
    family: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)


CASES = (
    Case(
        "no hidden layer, RMSprop with momentum, stops by RMSE",
        "regression",
        ((),),
        rates=(0.3, 0.003),
        seeds=2,
        settings={
            "optimizer": "rmsprop",
            "momentum": 0.5,
            "patience": 1,
            "min_delta": 0.01,
            "objective": Objective("val_rmse"),
        },
    ),
    Case(
        "widths from 1 to 512, moving averages of the weights",
        "regression",
        ((1, 512), (512, 1), (7, 30)),
        epochs=4,
        settings={"ema": 0.9},
    ),
    Case(
        "BatchNormalization, three classes, weighted rows on both sides",
        "weighted",
        ((9, 30), (32, 20)),
        family={"batch_normalization": True},
    ),
    Case(
        "three layers of sigmoids, whose padded units put out 0.5, SGD with momentum",
        "binary",
        ((8, 4, 1), (3, 16, 11)),
        rates=(0.3,),
        family={"activation": "sigmoid"},
        settings={
            "optimizer": "sgd",
            "momentum": 0.9,
            "patience": 2,
            "objective": Objective("val_auc", Direction.max),
        },
    ),
    Case(
        "four layers of tanh, accuracy as the objective, AdamW",
        "binary",
        ((5, 5, 5, 5), (16, 12, 8, 4)),
        rare=True,  # the dearest to compile; AdamW and tanh have cheaper ones
        family={"activation": "tanh"},
        settings={
            "optimizer": "adamw",
            "patience": 2,
            "objective": Objective("val_accuracy", Direction.max),
        },
    ),
    Case(
        "three networks in one, whose losses are averaged",
        "regression",
        ((9, 30), (32, 20)),
        family={"family": "tabm", "members": 3},
        rare=True,  # the next one has all of it and more
    ),
    Case(
        "two networks in one, a number embedded, three classes, weighted rows, normalised, AdamW",
        "weighted",
        ((7,), (20,)),
        family={
            "family": "tabm",
            "members": 2,
            "batch_normalization": True,
            "grid": Grid(slots=3, numbers=1),
        },
        settings={"optimizer": "adamw"},
    ),
)


@pytest.fixture(scope="module")
def weighted() -> Arrays:
    """Three classes, 90 training rows (a last batch of 26), 45 validation rows, weights on both."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(135, 4)).astype(np.float32)
    y = np.eye(3, dtype=np.float32)[np.argmax(x[:, :3] + 0.3 * rng.normal(size=(135, 3)), axis=1)]
    weight = rng.uniform(0.3, 3.0, 135).astype(np.float32)
    return Arrays(
        x[:90], y[:90], x[90:], y[90:], False, train_weight=weight[:90], val_weight=weight[90:]
    )


def both(
    fits: Sequence[Fit],
    arrays: Arrays,
    family: Family,
    control: Any,
    padded: tuple[int, ...] = (),
    **options: Any,
) -> tuple[list[FitResult], list[FitResult]]:
    """Train with both engines."""
    told = Settings(**{"patience": 100, **options})
    stack = Stack(0, tuple(fits), padded)
    stacked = engine("stacked")(stack, arrays, family, told, control)
    return stacked, engine("fit")(stack, arrays, family, told, control)


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=case.name, marks=[pytest.mark.rare] * case.rare) for case in CASES],
)
def test_the_reference_finds_the_same(
    case: Case,
    request: pytest.FixtureRequest,
    make_family: Callable[..., Family],
    make_fits: Callable[..., tuple[Fit, ...]],
    stopping_control: type,
) -> None:
    """Networks of one depth, rates and seeds mixed in one stack, train as each would alone.

    The reference compiles every network, so that seconds follow their number; only the smallest has
    several seeds here, and the test below several of its own.
    """
    arrays = request.getfixturevalue(case.data)
    family = make_family(arrays, **case.family)
    fits = [
        fit
        for widths in case.networks
        for fit in make_fits(family, of_widths(*widths), case.rates, case.epochs, case.seeds)
    ]
    stacked, reference = both(fits, arrays, family, stopping_control(), **case.settings)
    for one, other in zip(stacked, reference, strict=True):
        agree(one, other)


def test_members_that_stop_diverge_or_are_dropped_leave_the_others_alone(
    regression: Arrays,
    make_family: Callable[..., Family],
    make_fits: Callable[..., tuple[Fit, ...]],
    stopping_control: type,
) -> None:
    """Ten fits of one stack end in four ways and at many epochs, each as with the reference."""
    family = make_family(regression)
    fits = make_fits(family, of_widths(12), (1e-5, 0.02, 0.3, 1e25), 14, seeds=3)
    options = {"patience": 2, "drop_after": 3, "drop_margin": 1.0}
    stacked, reference = both(fits, regression, family, stopping_control(), **options)
    for one, other in zip(stacked, reference, strict=True):
        agree(one, other, close=1e-4)
    outcomes = {result.outcome for result in stacked}
    assert outcomes == {Outcome.completed, Outcome.dropped, Outcome.diverged}
    assert len({result.epochs for result in stacked}) > 3


@pytest.fixture(scope="module")
def tools(
    regression: Arrays,
    binary: Arrays,
    weighted: Arrays,
    make_family: Any,
    make_fits: Any,
    stopping_control: Any,
) -> tuple[Any, ...]:
    """Return fixtures together: Hypothesis tests have arguments enough."""
    data = {"regression": regression, "binary": binary, "weighted": weighted}
    return data, make_family, make_fits, stopping_control


def _architectures(most_layers: int) -> st.SearchStrategy[list[tuple[int, ...]]]:
    widths = st.integers(1, 32)

    def networks(layers: int) -> st.SearchStrategy[list[tuple[int, ...]]]:
        network = st.tuples(*[widths] * layers)
        return st.lists(network, min_size=2, max_size=2)

    return st.integers(1, most_layers).flatmap(networks)


@pytest.mark.rare
@pytest.mark.fuzz
@settings(max_examples=EXAMPLES)
@given(
    networks=_architectures(MOST_LAYERS),
    rate=st.floats(1e-4, 3e-2),
    seed=st.integers(0, 2**31 - 1),
    mix=st.sampled_from(FUZZ if EXPLORES else SUITE),
)
def test_any_architecture(
    tools: tuple[Any, ...], networks: list[tuple[int, ...]], rate: float, seed: int, mix: Mix
) -> None:
    """Whatever the widths, both engines find the same; one program a depth saves the time."""
    data, make_family, make_fits, stopping_control = tools
    name, of_family, options = mix
    family = make_family(data[name], **of_family)
    fits = [
        replace(fit, seed=seed)
        for widths in networks
        for fit in make_fits(family, of_widths(*widths), (rate,), epochs=3)
    ]
    padded = (32,) * len(networks[0])
    told = {"patience": 2, **options}
    found = both(fits, data[name], family, stopping_control(), padded, **told)
    for one, other in zip(*found, strict=True):
        agree(one, other)


@pytest.mark.rare
def test_dropout_has_the_same_distribution(
    regression: Arrays,
    make_family: Callable[..., Family],
    make_fits: Callable[..., tuple[Fit, ...]],
    stopping_control: type,
) -> None:
    """Over 50 seeds the final losses of both engines have equal means and spreads."""
    family = make_family(regression)
    fits = make_fits(family, of_widths(16), (0.02,), 2, seeds=50, dropout=0.4)
    found = both(fits, regression, family, stopping_control())
    for name in ("loss", "val_loss"):
        ours, theirs = (np.array([r.curves[name][-1] for r in results]) for results in found)
        differences = ours - theirs  # initial weights are the same, seed by seed
        error = differences.std(ddof=1) / math.sqrt(len(differences))
        assert abs(differences.mean()) < 3.3 * error
        assert 0.6 < ours.std() / theirs.std() < 1.7
    without = make_fits(family, of_widths(16), (0.02,), 2, seeds=1)
    plain, _ = both(without, regression, family, stopping_control())
    assert abs(plain[0].curves["loss"][-1] - found[0][0].curves["loss"][-1]) > 1e-3


def test_members_have_their_own_dropout_and_decay(
    regression: Arrays,
    make_family: Callable[..., Family],
    make_fits: Callable[..., tuple[Fit, ...]],
    stopping_control: type,
) -> None:
    """Rate 0 beside 0.5, and decay 0 beside 0.3, train exactly as without such layers."""
    family = make_family(regression)
    values = [{"dropout": 0.0}, {"dropout": 0.5}, {"weight_decay": 0.0}, {"weight_decay": 0.3}]
    fits = [fit for own in values for fit in make_fits(family, of_widths(8), (0.02,), 3, **own)]
    told, control = Settings(patience=100), stopping_control()
    stacked = engine("stacked")(Stack(0, tuple(fits)), regression, family, told, control)
    alone = Stack(0, (*make_fits(family, of_widths(8), (0.02,), 3), fits[3]))
    without, decayed = engine("fit")(alone, regression, family, told, control)
    for at, reference in ((0, without), (2, without), (3, decayed)):
        agree(stacked[at], replace(reference, fit=fits[at]))
    assert not np.allclose(stacked[0].curves["loss"], stacked[1].curves["loss"], rtol=1e-3)
    assert not np.allclose(stacked[2].curves["loss"], stacked[3].curves["loss"], rtol=1e-3)


def test_class_weights_change_training_only(
    binary: Arrays,
    make_family: Callable[..., Family],
    make_fits: Callable[..., tuple[Fit, ...]],
    stopping_control: type,
) -> None:
    """Weighted training rows give the reference's curves; validation counts every row once."""
    family = make_family(binary)
    weight = np.where(binary.y_train[:, 1] > 0, 3.0, 0.5).astype(np.float32)
    arrays = replace(binary, train_weight=weight)
    fits = make_fits(family, of_widths(8), (0.02,), 3, seeds=2)
    for one, other in zip(*both(fits, arrays, family, stopping_control()), strict=True):
        agree(one, other)
        assert one.row_losses is not None
        assert one.row_losses.mean() == pytest.approx(one.best("val_loss"), rel=1e-5)


def test_a_batch_size_of_its_own(
    regression: Arrays,
    make_family: Callable[..., Family],
    stopping_control: type,
    make_fits: Callable[..., tuple[Fit, ...]],
) -> None:
    """A trial's batch size is the step's, also when it exceeds the table."""
    family = make_family(regression)
    for batch in (25, 1000):
        fits = make_fits(family, of_widths(8), (0.02,), 3, seeds=2, batch_size=batch)
        assert isinstance(fits[0].trial, Trial)
        for one, other in zip(*both(fits, regression, family, stopping_control()), strict=True):
            agree(one, other)
