"""Rates of a machine: refreshed a little by every sweep, and by nothing that makes no sense."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.forecast.calibration import RATES, Calibration, builtin, from_json

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def test_the_first_sweep_replaces_the_guess() -> None:
    """What was measured is worth more than what was built in."""
    assert Calibration().refreshed({"startup_seconds": 30.0}).startup_seconds == pytest.approx(30.0)


def test_later_sweeps_are_smoothed() -> None:
    """Faster counts three times as much as slower."""
    known = Calibration(startup_seconds=10.0, sweeps=20)
    assert known.refreshed({"startup_seconds": 9.0}).startup_seconds == pytest.approx(9.7)
    assert known.refreshed({"startup_seconds": 20.0}).startup_seconds == pytest.approx(11.0)


def test_one_loaded_evening_spoils_nothing() -> None:
    """Everything took eight times as long: the next sweep expects a tenth more, and soon nothing."""
    known = Calibration(sweeps=1)
    seconds = [name for name in RATES if not name.startswith("share") and name != "flops"]
    usual = {name: getattr(known, name) for name in seconds} | {"flops": known.flops}
    loaded = {name: 8.0 * value for name, value in usual.items()} | {"flops": known.flops / 8.0}
    after = known.refreshed(loaded)
    for name in (*seconds, "flops"):
        assert getattr(after, name) == pytest.approx(getattr(known, name), rel=0.11), name
    for _ in range(5):
        after = after.refreshed(usual)
    assert after.startup_seconds == pytest.approx(known.startup_seconds, rel=0.02)


@given(
    name=st.sampled_from(RATES),
    value=st.floats(allow_nan=True, allow_infinity=True),
    sweeps=st.integers(0, 50),
)
def test_a_rate_stays_between_what_was_known_and_what_was_measured(
    name: str, value: float, sweeps: int
) -> None:
    """Whatever was measured: NaN, infinity and nonsense change nothing."""
    before = Calibration(sweeps=sweeps)
    after = before.refreshed({name: value})
    old, new = getattr(before, name), getattr(after, name)
    assert new == old or min(old, value) <= new <= max(old, value)
    assert after.sweeps == sweeps + 1
    others = {key: rate for key, rate in asdict(after).items() if key not in {name, "sweeps"}}
    assert others.items() <= asdict(before).items()


def test_nonsense_is_not_learned() -> None:
    """A negative time, a machine that slept for a week, a share above 1."""
    nonsense = {"exit_seconds": -1.0, "round_seconds": 6e5, "share_of_epochs": 1.5, "unknown": 1.0}
    after = Calibration().refreshed(nonsense)
    assert after == Calibration(sweeps=1)


@given(
    known=st.dictionaries(st.sampled_from(RATES), st.floats(0.05, 0.9)),
    sweeps=st.integers(0, 99),
    engine=st.sampled_from(["stacked", "fit"]),
)
def test_what_is_written_is_read_again(known: dict[str, float], sweeps: int, engine: str) -> None:
    """Through JSON and back."""
    known = {name: rate for name, rate in known.items() if name not in {"flops", "step_seconds"}}
    before = Calibration(**known, sweeps=sweeps)
    assert from_json(json.loads(json.dumps(asdict(before))), "stacked") == before
    assert from_json({}, engine) == builtin(engine)


@given(document=ANYTHING | st.dictionaries(st.sampled_from([*RATES, "sweeps"]), ANYTHING))
def test_any_document_gives_usable_rates(document: object) -> None:
    """A file of another version, edited by hand or damaged."""
    found = from_json(document)
    for name in RATES:
        rate = getattr(found, name)
        assert rate >= 0.0
        assert name.startswith("share") or rate > 0.0
