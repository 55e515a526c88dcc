"""Curves and row losses come back as they went in."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.statistics import Units
from pipeline.ledger.facts import ValidationRows
from pipeline.ledger.stackfile import SAMPLED_ROWS, FitCurves, pack, read_stacks, sample, unpack

curve = st.lists(st.floats(allow_nan=True, width=64), max_size=5)


def whole_file(curves: dict[str, Any]) -> bytes:
    """Pack one fit with these curves."""
    arrays = {name: np.array(values, np.float64) for name, values in curves.items()}
    return pack({"k": FitCurves(arrays, None, "{}")})


@given(st.dictionaries(st.sampled_from(["loss", "val_loss", "val_mae"]), curve))
def test_curves_survive_bit_for_bit(curves: dict[str, list[float]]) -> None:
    """Non-finite values too: only MLflow's charts leave them out."""
    found = unpack(whole_file(curves))
    assert set(found) == {"k"}
    for name, values in curves.items():
        np.testing.assert_array_equal(found["k"].curves[name], np.array(values))
    assert found["k"].row_losses is None
    assert found["k"].about == "{}"


def test_a_fit_without_curves_is_there_all_the_same() -> None:
    """An infeasible fit was never trained, and is done."""
    assert list(unpack(whole_file({}))) == ["k"]


@pytest.mark.parametrize("rows", [1, SAMPLED_ROWS])
def test_a_small_table_keeps_every_row(rows: int) -> None:
    """Nothing is sampled up to 10,000 rows."""
    losses = np.arange(rows, dtype=np.float32)
    kept, units = sample(losses, 0, 0)
    np.testing.assert_array_equal(kept, losses)
    assert units is not None
    assert (units.count, units.weights) == (rows, None)


def test_a_large_table_keeps_the_same_sample_for_every_fit() -> None:
    """Paired differences need the same rows, in the same order."""
    losses = np.arange(50_000, dtype=np.float32)
    (first, units), (second, _) = sample(losses, 7, 0), sample(losses + 0.5, 7, 0)
    assert units is not None
    assert units.count == 50_000  # the loss is over all of them
    assert first is not None
    assert second is not None
    assert len(first) == SAMPLED_ROWS
    assert (np.diff(first) > 0).all()
    np.testing.assert_array_equal(second - first, np.full(SAMPLED_ROWS, 0.5, np.float32))
    other, _ = sample(losses, 8, 0)
    assert other is not None
    assert (other != first).any()


def test_rows_that_belong_together_are_kept_as_one() -> None:
    """A group counts by the weights of its rows: the mean of what is kept stays the loss."""
    losses, weights = np.array([1, 2, 4, 8], np.float32), np.array([1, 1, 0.5, 1.5], np.float32)
    rows = ValidationRows(np.array([7, 7, 7, 3]), weights)
    kept, units = sample(losses, 0, 0, rows)
    assert kept is not None
    assert units is not None
    assert units.weights is not None
    np.testing.assert_allclose(kept, [4, 3.5])  # groups 3 and 7, two units for four rows
    np.testing.assert_allclose(units.weights, [0.75, 1.25])
    assert kept.mean() == losses.mean()


@pytest.mark.parametrize(
    "damage",
    [
        {"k/units": np.array([[9]])},
        {"k/units": np.array(["9"])},
        {"k/unit_weights": np.ones(5)},
        {"k/unit_weights": np.array([1.0, np.nan])},
        {"k/unit_weights": np.array([1.0, -1.0])},
    ],
)
def test_what_losses_are_a_sample_of_is_read_back_or_not_at_all(
    damage: dict[str, np.ndarray],
) -> None:
    """Files of older versions do not say: then they are all there are, as before."""
    losses = np.array([1.0, 2.0], np.float32)
    units = Units(170_000, np.array([0.5, 1.5], np.float32))
    found = unpack(pack({"k": FitCurves({}, losses, units=units)}))["k"]
    assert found.units is not None
    assert found.units.count == 170_000
    assert list(found.curves) == []
    np.testing.assert_array_equal(found.units.weights, units.weights)
    assert unpack(pack({"k": FitCurves({}, losses)}))["k"].units is None
    odd = io.BytesIO()
    np.savez(odd, **{"k/row_losses": losses, "k/units": np.array([9]), **damage})
    assert unpack(odd.getvalue())["k"].units is None


def test_half_a_file_is_no_file() -> None:
    """A crash may cut a stack's file off; its fits have not ended then."""
    whole = whole_file({"loss": [1.0, 2.0]})
    files = {"0001.json": b"{}", "a.npz": whole[: len(whole) // 2], "b.npz": whole, "c.npz": b""}
    assert list(read_stacks(files)) == ["k"]


def test_what_is_no_archive_of_arrays_is_not_there() -> None:
    """Members that numpy does not know, text that is no text, a bare array: no traceback."""
    odd, bare = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(odd, "w") as archive:
        archive.writestr("k/about", b"no array")
    np.save(bare, np.ones(3))
    text = pack({"k": FitCurves({"loss": np.ones(2)}, None)})
    files = {"a.npz": odd.getvalue(), "b.npz": bare.getvalue(), "c.npz": text}
    assert list(read_stacks(files)) == ["k"]
    wrong = io.BytesIO()
    np.savez(wrong, **{"k/about": np.array([255, 254], np.uint8), "k/loss": np.ones(2)})
    found = unpack(wrong.getvalue())["k"]
    np.testing.assert_array_equal(found.curves["loss"], np.ones(2))


def test_rows_of_one_group_alone_are_kept_as_rows():
    """A standard error of one unit would be 0."""
    losses = np.arange(5.0)
    kept, units = sample(losses, 0, 0, ValidationRows(np.zeros(5, np.int64), None))
    assert kept.tolist() == losses.tolist()
    assert units.count == 5
