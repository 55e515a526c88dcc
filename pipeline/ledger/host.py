"""MLflow in a process that may belong to somebody else: their runs receive nothing of ours."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def without_autolog() -> Iterator[None]:
    """Keep `mlflow.autolog()` of the host away from what is fitted inside.

    MLflow has one switch for all threads: a fit of the host's that runs at the same time is not
    logged either.
    """
    if "mlflow" not in sys.modules:  # then nobody can have turned it on
        yield
        return
    from mlflow.utils import autologging_utils

    if autologging_utils._AUTOLOGGING_GLOBALLY_DISABLED:  # noqa: SLF001 - leaving would turn it on
        yield
        return
    with autologging_utils.disable_autologging():
        yield
