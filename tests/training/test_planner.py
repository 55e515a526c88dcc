"""The planner: every fit once, memory kept, compiling weighed against padding, always the same."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config.schema import ModelConfig
from pipeline.config.schema_search import PER_TRIAL, CapacityConfig
from pipeline.core.names import Grid
from pipeline.core.records import Fit, StackPlan, Trial
from pipeline.training.cost import REUSE_SHARE, SHARE_OF_EPOCHS, Cost, Workload, latency
from pipeline.training.families import family as family_of
from pipeline.training.families.mlp import Mlp, of_widths
from pipeline.training.padding import pad_to
from pipeline.training.planner import Limits, plan_stacks
from pipeline.training.settings import Settings
from pipeline.training.sizes import FLOPS

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.core.family import Family

ROOMY = Limits(2**34, 2)
INPUTS = 20


def test_a_row_takes_the_time_of_its_arithmetic() -> None:
    """Predicted latency of a row: a product and a sum for every weight, at the planner's rate."""
    weights = (INPUTS + 1) * 100 + (100 + 1) * 50 + 50 + 1
    trial = Trial(of_widths(100, 50), 0.01, weights)
    assert latency(_family(), trial) == pytest.approx(2 * weights / FLOPS)


@pytest.fixture(scope="module")
def family() -> Family:
    """Return MLPs of 20 inputs and one output."""
    return _family()


def _family(name: str = "mlp", builder: str | None = None, grid: Grid | None = None) -> Family:
    config, shapes = ModelConfig(family=name, builder=builder), {"standard": (INPUTS,)}
    if grid is None:
        return family_of(config, CapacityConfig(), shapes, 1, True)
    shapes["embedded"] = (INPUTS,)
    return family_of(config, CapacityConfig(), shapes, 1, True, {"embedded": grid})


def _work(family: Family, rows: int = 1000, **settings: object) -> Workload:
    return Workload(family, Settings(**settings), rows, rows // 4)  # type: ignore[arg-type]


def _fit(widths: tuple[int, ...], rate: float = 0.01, seed: int = 0, epochs: int = 50) -> Fit:
    return Fit(Trial(of_widths(*widths), rate, 1), seed, seed, epochs)


@st.composite
def _rounds(draw: st.DrawFn) -> tuple[Fit, ...]:
    """Return the fits of a round: networks x rates x seeds, with nuisance values and folds."""
    sizes = st.sampled_from([1, 7, 8, 32, 33, 64, 100, 250, 512])
    networks = draw(
        st.lists(st.lists(sizes, max_size=3).map(tuple), min_size=1, max_size=6, unique=True)
    )
    rates, seeds = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    dropout = draw(st.sampled_from([(), (("dropout", 0.0),), (("dropout", 0.3),)]))
    fold = draw(st.integers(0, 1))
    return tuple(
        replace(
            _fit(widths, 10.0**-rate, seed),
            trial=replace(_fit(widths, 10.0**-rate).trial, nuisance=dropout),
            fold=fold * (seed % 2),
        )
        for widths in networks
        for rate in range(rates)
        for seed in range(seeds)
    )


@given(fits=_rounds(), memory=st.integers(14, 32), workers=st.integers(1, 4))
def test_every_fit_is_planned_once_within_memory(
    fits: tuple[Fit, ...], memory: int, workers: int
) -> None:
    """Whatever the round: each fit in one stack, and no stack of several beyond its share."""
    plan = plan_stacks(fits, _work(_family()), Limits(2**memory, workers))
    assert Counter(fit for stack in plan.stacks for fit in stack.fits) == Counter(fits)
    for stack in plan.stacks:
        assert len(stack.fits) == 1 or stack.bytes <= 2**memory // workers
    assert [stack.number for stack in plan.stacks] == list(range(len(plan.stacks)))


@given(fits=_rounds())
def test_members_of_a_stack_can_share_a_program(fits: tuple[Fit, ...]) -> None:
    """They agree in depth, fold and dropout, and none is wider than the padded widths."""
    for stack in plan_stacks(fits, _work(_family()), ROOMY).stacks:
        widths = [_widths(fit) for fit in stack.fits]
        assert {len(own) for own in widths} == {len(stack.padded_units)}
        assert all(w <= p for own in widths for w, p in zip(own, stack.padded_units, strict=True))
        assert len({fit.fold for fit in stack.fits}) == 1
        assert len({fit.trial.nuisance for fit in stack.fits}) == 1
        assert 0 <= stack.padding < 1


TWO_VALUES = {
    "dropout": (0.0, 0.3),
    "batch_size": (64, 128),
    "encoding": ("standard", "robust"),
    "optimizer": ("adam", "sgd"),
    "activation": ("relu", "tanh"),
    "batch_normalization": (False, True),
}
MEMBERS_OWN = {"weight_decay": (0.0, 0.01), "ema": (0.0, 0.9)}
"""Values of which every member of a stack has its own."""


@pytest.mark.parametrize("name", PER_TRIAL)
def test_fits_share_a_program_only_where_their_own_values_allow_it(name: str) -> None:
    """A value splits stacks unless members may differ in it; one that is idle splits none."""
    first, second = {**TWO_VALUES, **MEMBERS_OWN}[name]
    one = _fit((16,))
    fits = [
        replace(one, trial=replace(one.trial, nuisance=((name, value),)))
        for value in (first, second)
    ]
    shapes = dict.fromkeys(("standard", "robust"), (INPUTS,))
    workload = _work(family_of(ModelConfig(), CapacityConfig(), shapes, 1, True))
    stacks = plan_stacks(fits, workload, ROOMY).stacks
    assert len(stacks) == (1 if name in MEMBERS_OWN else 2)
    if PER_TRIAL[name].idle == (first,):
        assert len(plan_stacks([one, fits[0]], workload, ROOMY).stacks) == 1


def test_trials_with_an_optimizer_that_cannot_be_stacked_leave_the_others_stacked() -> None:
    """Only where none can be stacked, `fit` trains the round."""
    one = _fit((16,))
    nadam = replace(one, trial=replace(one.trial, nuisance=(("optimizer", "nadam"),)))
    assert plan_stacks([one, nadam], _work(_family()), ROOMY).engine == "stacked"
    alone = plan_stacks([nadam], _work(_family()), ROOMY)
    assert alone.engine == "fit"
    assert "nadam" in alone.sentence


@given(fits=_rounds())
def test_padding_never_costs_more_than_the_compilation_it_saves(fits: tuple[Fit, ...]) -> None:
    """A stack's extra time stays below the compilations of its networks apart."""
    workload = _work(_family(), rows=20_000)
    cost = Cost(workload)
    for stack in plan_stacks(fits, workload, ROOMY).stacks:
        networks = {_widths(fit) for fit in stack.fits}
        extra = sum(
            SHARE_OF_EPOCHS * fit.epochs * cost.epoch_seconds(fit.trial, widths) * sign
            for fit in stack.fits
            for widths, sign in ((stack.padded_units, 1), (pad_to([_widths(fit)]), -1))
        )
        price = cost.compile_seconds(stack.fits[0].trial, stack.padded_units)
        assert extra <= price * (len(networks) - 1 + REUSE_SHARE) + 1e-9


def test_the_price_of_a_program_follows_its_network() -> None:
    """Several networks in one, embedded numbers and further layers each cost a program more."""

    def price(name: str, encoding: str, *widths: int) -> float:
        nuisance = (("encoding", encoding),)
        cost = Cost(_work(_family(name, grid=Grid(slots=3, numbers=2))))
        return cost.compile_seconds(Trial(of_widths(*widths), 0.01, 1, nuisance), widths)

    networks = (
        ("mlp", "standard", 32),
        ("tabm", "standard", 32),
        ("tabm", "embedded", 32),
        ("tabm", "embedded", 32, 32),
    )
    prices = [price(*network) for network in networks]
    assert prices == sorted(set(prices))


@pytest.mark.parametrize(("rows", "programs"), [(400, 2), (20_000, 4)])
def test_a_search_that_grows_finds_its_programs_again_on_a_small_table(
    rows: int, programs: int
) -> None:
    """32 units and 64 share a program, though in different rounds; not where training is dear."""
    rounds = [[(32,), (32, 32)], [(64,), (64, 64)]]
    family, padded = _family("tabm"), set()
    for networks in rounds:
        fits = [_fit(widths, seed=seed) for widths in networks for seed in range(6)]
        plan = plan_stacks(fits, _work(family, rows=rows), ROOMY)
        padded |= {stack.padded_units for stack in plan.stacks}
    assert len(padded) == programs


@given(fits=_rounds(), memory=st.integers(14, 32))
def test_plans_repeat(fits: tuple[Fit, ...], memory: int) -> None:
    """The same fits and limits give the same plan."""
    plans = {plan_stacks(fits, _work(_family()), Limits(2**memory)) for _ in range(2)}
    assert len(plans) == 1


def _widths(fit: Fit) -> tuple[int, ...]:
    family = _family()
    assert isinstance(family, Mlp)
    return family.unit_widths(fit.trial.capacity)


def test_small_networks_share_a_program_and_large_ones_do_not(family: Family) -> None:
    """Narrow ones are padded, because compiling takes longer; wide ones are worth a program."""
    seeds = range(9)
    narrow = [_fit((width,), seed=seed) for width in (8, 16, 32) for seed in seeds]
    wide = [_fit((width, width), seed=seed) for width in (64, 512) for seed in seeds]
    plan = plan_stacks([*narrow, *wide], _work(family, rows=20_000), ROOMY)
    assert {stack.padded_units: len(stack.fits) for stack in plan.stacks} == {
        (32,): 27,
        (64, 64): 9,
        (512, 512): 9,
    }


def test_rates_and_seeds_of_a_trial_stay_together(family: Family) -> None:
    """Where memory allows whole trials, none is torn apart: its rates are compared in training."""
    fits = [
        _fit((width,), rate, seed)
        for seed in range(3)
        for rate in (0.1, 0.01)
        for width in (497, 498, 499)
    ]
    cost = Cost(Workload(family, Settings(), 1000, 250))
    room = cost.bytes(fits[0].trial, (512,), 10)
    plan = plan_stacks(fits, _work(family), Limits(room, 1))
    assert sorted(len(stack.fits) for stack in plan.stacks) == [6, 6, 6]
    for stack in plan.stacks:
        assert len({fit.trial.capacity for fit in stack.fits}) == 1


def test_the_table_is_counted_once_for_stacks_side_by_side(family: Family) -> None:
    """What it takes is taken from all workers together; another fold is another table."""
    rows = 100_000
    fits = [_fit((512,), seed=seed) for seed in range(40)]
    cost = Cost(Workload(family, Settings(), rows, rows // 4))
    table = cost.table("standard")
    assert table == pytest.approx(4 * 1.25 * rows * (INPUTS + 1 + 1), rel=0.01)
    room = 2 * cost.bytes(fits[0].trial, (512,), 10)

    def most(fits: list[Fit], memory: int) -> int:
        plan = plan_stacks(fits, _work(family, rows), Limits(memory, 2))
        return max(len(stack.fits) for stack in plan.stacks)

    folds = [replace(fit, fold=fit.seed % 2) for fit in fits]
    assert most(fits, room + table) == 10
    assert most(fits, room + table - 2) == 9
    assert most(folds, room + table) < 10
    assert most(folds, room + 2 * table) == 10


def test_a_trial_that_memory_cannot_hold_is_cut(family: Family) -> None:
    """A single fit is never refused by the planner: the engine finds out."""
    fits = [_fit((512, 512), seed=seed) for seed in range(4)]
    plan = plan_stacks(fits, _work(family), Limits(1024, 1))
    assert [len(stack.fits) for stack in plan.stacks] == [1, 1, 1, 1]


def test_the_sentence_says_what_the_log_needs(family: Family) -> None:
    """Fits, stacks and padding, in words."""
    fits = [_fit((128,), seed=seed) for seed in range(48)]
    assert plan_stacks(fits, _work(family), ROOMY).sentence == "48 fits in 1 stack, padding 0 %"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: _work(_family(), optimizer="lamb"), "optimizer lamb"),
        (lambda: _work(_family("builder", builder="math:floor")), "builder family"),
        (lambda: replace(_work(_family()), engine="fit"), "one at a time"),
    ],
)
def test_what_cannot_be_stacked_is_planned_for_fit(
    make: Callable[[], Workload], words: str
) -> None:
    """One stack per trial, its rates and seeds together, and a sentence that says why."""
    workload = make()
    trial = Trial(workload.family.start(), 0.01, 1)
    fits = [Fit(trial.with_rate(rate), seed, seed, 5) for rate in (0.1, 0.2) for seed in (0, 1)]
    plan = plan_stacks(fits, workload, ROOMY)
    assert isinstance(plan, StackPlan)
    assert (plan.engine, len(plan.stacks)) == ("fit", 1)
    assert words in plan.sentence


def test_planning_needs_no_framework() -> None:
    """`pipeline.plan` answers within two seconds: importing TensorFlow alone takes seven."""
    code = (
        "import sys, pipeline.training.planner, pipeline.training.families.mlp;"
        "print([m for m in ('keras', 'tensorflow', 'jax') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
