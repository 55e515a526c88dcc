"""A sweep in a process of the user's: it leaves the process unchanged, and is unaffected by its settings.

Global settings that a sweep or one of its libraries changes are restored when the call ends, however it
ends. Settings of the host (warnings as errors, NumPy that raises, scikit-learn that returns DataFrames,
Keras in float64, an MLflow run with autolog) are suspended meanwhile.
"""

from __future__ import annotations

import logging
import os
import random
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np

from pipeline.ledger.store import without_autolog

PREFIXES = ("MLFLOW_", "_MLFLOW_", "TF_", "XLA_", "JAX_", "CAPACITY_SWEEP_", "HYDRA_", "RAY_")
"""Environment variables that a sweep sets or takes out."""
LOGGERS = {
    "mlflow": logging.INFO,
    "alembic": logging.NOTSET,
    "urllib3.connectionpool": logging.NOTSET,
    "mlflow.store.db.utils": logging.NOTSET,
    "tensorflow": logging.NOTSET,
    "ray": logging.NOTSET,
}
"""Loggers that a sweep makes quieter, with the level that their libraries start with."""

_lock = threading.RLock()
_inside = 0
_until_last = ExitStack()


@contextmanager
def guest() -> Iterator[None]:
    """Restore the process afterwards; calls may be nested, and overlap on several threads."""
    with _process(), np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"):
        if "sklearn" not in sys.modules:
            yield
            return
        from pipeline.data.encode import plain_sklearn

        with plain_sklearn():  # of this thread alone; others start with the defaults
            yield


@contextmanager
def _process() -> Iterator[None]:
    """Suspend the settings of the whole process from the first call that begins to the last that ends."""
    global _inside  # noqa: PLW0603 - of the process, as what it guards is
    with _lock:
        if not _inside:
            for part in (_environment(), _loggers(), _warnings(), _draws()):
                _until_last.enter_context(part)
            _until_last.callback(_restore_frameworks)
            _until_last.enter_context(without_autolog())
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                _until_last.close()


@contextmanager
def _environment() -> Iterator[None]:
    before = {name: value for name, value in os.environ.items() if name.startswith(PREFIXES)}
    try:
        yield
    finally:
        for name in [name for name in os.environ if name.startswith(PREFIXES)]:
            if name not in before:
                del os.environ[name]
        os.environ.update(before)


@contextmanager
def _loggers() -> Iterator[None]:
    known = logging.root.manager.loggerDict
    before = {name: logging.getLogger(name).level for name in LOGGERS if name in known}
    try:
        yield
    finally:
        for name, level in (LOGGERS | before).items():
            if name in known:
                logging.getLogger(name).setLevel(level)


@contextmanager
def _warnings() -> Iterator[None]:
    """Turn no warning into an error: a library's warning does not end a sweep."""
    with warnings.catch_warnings():
        kept = [rule for rule in warnings.filters if rule[0] != "error"]
        warnings.resetwarnings()
        for action, message, category, module, line in reversed(kept):
            warnings.filters.insert(0, (action, message, category, module, line))  # type: ignore[attr-defined]
        yield


@contextmanager
def _draws() -> Iterator[None]:
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - the host may use it
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002


def _restore_frameworks() -> None:
    if "pipeline.training.host" in sys.modules:
        from pipeline.training.host import give_back

        give_back()
