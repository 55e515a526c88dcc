"""scikit-learn in a process that may belong to somebody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sklearn

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


def plain_sklearn() -> AbstractContextManager[None]:
    """Use scikit-learn with its own defaults, whatever `sklearn.set_config` was told."""
    return sklearn.config_context(
        assume_finite=False,
        array_api_dispatch=False,
        transform_output="default",
        enable_metadata_routing=False,
        skip_parameter_validation=False,
    )
