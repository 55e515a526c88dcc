"""When two engines count as having found the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pipeline.core.records import FitResult

CLOSE = 2e-5
"""Curves, relative: float32 rounding, grown over some hundred steps."""
WEIGHTS_CLOSE = 2e-4
"""Weights, absolute: Adam divides by the root of small second moments."""


def agree(one: FitResult, other: FitResult, close: float = CLOSE) -> None:
    """Assert that two engines found the same."""
    assert (one.fit, one.outcome, one.message) == (other.fit, other.outcome, other.message)
    assert (one.epochs, one.best_epoch) == (other.epochs, other.best_epoch)
    assert one.curves.keys() == other.curves.keys()
    for name, curve in one.curves.items():
        np.testing.assert_allclose(curve, other.curves[name], rtol=close, atol=close, err_msg=name)
    assert (one.weights is None) == (other.weights is None)
    for ours, theirs in zip(one.weights or (), other.weights or (), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=WEIGHTS_CLOSE)
    assert one.train_sample == other.train_sample
    np.testing.assert_allclose(one.train_loss, other.train_loss, rtol=1e-3, atol=1e-4)
    assert np.isnan(one.train_loss) == (one.weights is None)
    if one.weights is not None:
        assert one.row_losses is not None
        assert other.row_losses is not None
        np.testing.assert_allclose(one.row_losses, other.row_losses, rtol=1e-3, atol=1e-4)
        for each in (one, other):  # also where rows have weights
            mean = each.row_losses.mean(dtype=np.float64)
            np.testing.assert_allclose(mean, each.best("val_loss"), rtol=max(close, 1e-5))
