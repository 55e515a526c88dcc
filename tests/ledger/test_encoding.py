"""A fit is written exactly and recognised again."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.records import Capacity, Fit, Round, Stack, StackPlan, Trial
from pipeline.ledger.encoding import decode_fit, decode_plan, encode_fit, encode_plan, fit_key

counts = st.integers(0, 2**40)
rates = st.floats(1e-12, 1e3)
values = st.one_of(st.booleans(), counts, st.floats(0, 1), st.text(max_size=5))
axes = st.one_of(counts, st.lists(counts, min_size=1, max_size=4).map(tuple))
capacities = st.builds(
    Capacity,
    st.text(min_size=1, max_size=8),
    st.lists(st.tuples(st.text(max_size=6), axes), max_size=3).map(tuple),
)
nuisance = st.dictionaries(st.text(max_size=6), values, max_size=3)
trials = st.builds(
    Trial, capacities, rates, counts, nuisance.map(lambda found: tuple(sorted(found.items())))
)
fits = st.builds(Fit, trials, counts, counts, counts, counts)


@given(fits)
def test_a_fit_survives_json_exactly(fit: Fit) -> None:
    """Resume must propose the very same fits, so not a bit of a rate may change."""
    found = decode_fit(json.loads(json.dumps(encode_fit(fit))))
    assert found == fit
    assert found.trial.name == fit.trial.name


@given(fits, fits)
def test_only_equal_fits_share_a_key(one: Fit, other: Fit) -> None:
    """A key stands for trial, seed, epochs and fold."""
    assert (fit_key("f", "d", one) == fit_key("f", "d", other)) == (one == other)


@given(fits)
def test_a_key_belongs_to_configuration_and_data(fit: Fit) -> None:
    """The same trial on other data, or configured otherwise, is another fit."""
    keys = {fit_key(f, d, fit) for f in ("f1", "f2") for d in ("d1", "d2")}
    assert len(keys) == 4


@given(st.lists(fits, min_size=2, max_size=6, unique=True))
def test_a_plan_survives_json_exactly(members: list[Fit]) -> None:
    """Resume and replay train the same stacks."""
    asked = Round(3, "grow", tuple(members), "because")
    first = Stack(1, tuple(members[:-1][::-1]), (8, 16), 0.25, 123)
    plan = StackPlan((first, Stack(2, (members[-1],))), "stacked", "two stacks")
    assert decode_plan(json.loads(json.dumps(encode_plan(asked, plan)))) == (asked, plan)


def test_a_rung_of_hyperband_is_a_fit_of_its_own() -> None:
    """The same trial and seed with more epochs is trained anew."""
    fit = Fit(Trial(Capacity("1x4", (("layers", 1),)), 0.1, 9), 0, 0, 3)
    assert fit_key("f", "d", fit) != fit_key("f", "d", replace(fit, epochs=9))
