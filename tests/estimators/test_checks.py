"""scikit-learn's own suite of checks over both estimators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

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

BOTH = [CapacityClassifier(overrides=SMALL), CapacityRegressor(overrides=SMALL)]
QUICK = {
    "check_complex_data",
    "check_do_not_raise_errors_in_init_or_set_param",
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_tags_renamed",
    "check_estimators_empty_data_messages",
    "check_estimators_unfitted",
    "check_get_params_invariance",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_requires_y_none",
    "check_set_params",
    "check_supervised_y_no_nan",
    "check_valid_tag_types",
}
"""Checks that end before anything is trained."""

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


@pytest.mark.parametrize(
    ("estimator", "check"),
    [
        pytest.param(one, check, id=f"{type(one).__name__}-{check.func.__name__}")
        for estimator in BOTH
        for one, check in estimator_checks_generator(estimator)
        if check.func.__name__ in QUICK
    ],
)
def test_scikit_learns_check_before_a_fit(estimator: Any, check: Any) -> None:
    """What takes no time is seen at every merge."""
    check(estimator)


@pytest.mark.rare
@parametrize_with_checks(
    BOTH,
    expected_failed_checks=expected,
    xfail_strict=False,
)
def test_scikit_learns_check(estimator: Any, check: Any) -> None:
    """Each check by its name."""
    check(estimator)
