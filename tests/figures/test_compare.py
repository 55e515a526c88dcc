"""Two sweeps beside each other: row by row where they share their test rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from pipeline.figures.compare import apart, sentences

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.ledger.read import SweepRecord


def off_by(record: SweepRecord, errors: np.ndarray, run_id: str) -> SweepRecord:
    """Let a sweep's champion be off by so much on each test row."""
    table = record.predictions
    assert table is not None
    record.predictions = table.assign(prediction=table["truth"] + errors)
    loss = float(np.mean(errors**2)) / 9.0  # the target's deviation is 3
    record.summary["champion"] |= {"test_loss": loss, "test_loss_se": 0.2 * loss}
    record.run_id = run_id * 32
    return record


@pytest.mark.parametrize(
    ("more", "said"), [(0.02, "beyond noise (standard error"), (0.0, "no different beyond noise")]
)
def test_sweeps_of_the_same_rows_are_compared_row_by_row(
    more: float, said: str, make: Callable[..., SweepRecord]
) -> None:
    """Both are off on the same hard rows: their own errors say nothing of their difference."""
    draw = np.random.default_rng(0)
    errors = draw.gamma(1.0, 2.0, 120)
    noise = draw.normal(0, 0.05, 120)
    one = off_by(make(), errors, "a")
    other = off_by(make(), errors * (1 + more) + noise, "b")
    found = apart(one, other, "test_loss")
    gap = other.summary["champion"]["test_loss"] - one.summary["champion"]["test_loss"]
    assert found.gap == pytest.approx(gap, rel=1e-6)
    assert found.rows == 120
    first = sentences([one, other])[0]
    assert said in first
    assert ("no different" in first) is (more == 0.0)
    assert "on the same 120 rows" in first


@pytest.mark.parametrize(
    "change", ["digest", "rows", "data.weight", "data.group", "data.time", "untested"]
)
def test_sweeps_of_other_rows_are_not(change: str, make: Callable[..., SweepRecord]) -> None:
    """Other data, other rows, weights or groups that were not kept, no test rows: two separate scores."""
    draw = np.random.default_rng(0)
    one, other = (off_by(make(), draw.gamma(1.0, 2.0, 120), name) for name in "ab")
    assert other.predictions is not None
    if change == "digest":
        other.digest = "another"
    elif change == "rows":
        other.predictions["row"] += 1
    elif change.startswith("data."):
        one.config[change] = "counts"
    else:
        other.predictions["part"] = "validation"
    found = apart(one, other, "test_loss")
    assert found.rows == 0
    assert "of two separate scores" in sentences([one, other])[0]


def test_classes_are_compared_by_their_log_loss(make: Callable[..., SweepRecord]) -> None:
    """The gap is that of the two log-losses, from the probabilities that were kept."""
    one, other = (make(classes=("no", "yes")) for _ in range(2))
    assert other.predictions is not None
    blunt = 0.5 + 0.8 * (other.predictions["probability_yes"] - 0.5)
    other.predictions = other.predictions.assign(probability_yes=blunt, probability_no=1 - blunt)
    found = apart(one, other, "test_loss")

    def loss(record: SweepRecord) -> float:
        table = record.predictions
        assert table is not None
        said = np.where(table["truth"] == "yes", table["probability_yes"], table["probability_no"])
        return float(-np.log(said).mean())

    assert found.gap == pytest.approx(loss(other) - loss(one), rel=1e-6)
    assert 0 < found.se < 0.1
