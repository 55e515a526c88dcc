"""scikit-learn's own suite of checks over both estimators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from pipeline.estimators import CapacityClassifier, CapacityRegressor

if TYPE_CHECKING:
    from pathlib import Path

SMALL = {
    "search": "grid",
    "search.space.architectures": [[16]],
    "search.learning_rate.values": [0.03],
    "training.epochs": 60,
    "training.patience": 59,
    "training.executions": 1,
}
"""One network: the checks are about the estimator, not about the search."""

SAMPLED = "the validation rows are a sample, and a row given twice is two rows of it"
ROUNDED = "a float32 product of matrices rounds the seventh digit by where a row stands in it"


def expected(_: Any) -> dict[str, str]:
    """Return the checks that cannot hold, each with its reason."""
    return {
        "check_sample_weight_equivalence_on_dense_data": SAMPLED,
        "check_sample_weights_invariance": SAMPLED,
        "check_methods_sample_order_invariance": ROUNDED,
        "check_methods_subset_invariance": ROUNDED,
    }


@pytest.fixture(autouse=True)
def _place(workplace: Path) -> None:
    """Keep the sweeps of the checks out of the checkout."""


@pytest.mark.rare
@parametrize_with_checks(
    [CapacityClassifier(overrides=SMALL), CapacityRegressor(overrides=SMALL)],
    expected_failed_checks=expected,
    xfail_strict=False,
)
def test_scikit_learns_check(estimator: Any, check: Any) -> None:
    """Each check by its name."""
    check(estimator)
