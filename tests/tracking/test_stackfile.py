"""Curves and row losses come back as they went in."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.tracking.stackfile import SAMPLED_ROWS, FitCurves, pack, read_stacks, sample, unpack

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
    np.testing.assert_array_equal(sample(losses, 0, 0), losses)


def test_a_large_table_keeps_the_same_sample_for_every_fit() -> None:
    """Paired differences need the same rows, in the same order."""
    losses = np.arange(50_000, dtype=np.float32)
    first, second = sample(losses, 7, 0), sample(losses + 0.5, 7, 0)
    assert first is not None
    assert second is not None
    assert len(first) == SAMPLED_ROWS
    assert (np.diff(first) > 0).all()
    np.testing.assert_array_equal(second - first, np.full(SAMPLED_ROWS, 0.5, np.float32))
    other = sample(losses, 8, 0)
    assert other is not None
    assert (other != first).any()


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
