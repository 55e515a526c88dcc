"""Cores and threads, set in one place before a framework starts.

Each program runs on one thread and several programs run side by side: small matrix products gain
nothing from more threads, and a program's numbers do not depend on the number of cores.
"""

from __future__ import annotations

import logging
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from pipeline.training.program_cache import folder

_XLA_FLAGS = (
    "--xla_cpu_multi_thread_eigen=false",
    "--xla_cpu_prefer_vector_width=512",  # 2 to 10 % where AVX-512 exists, nothing elsewhere
)

log = logging.getLogger(__name__)

_INTRAOP = "TF_NUM_INTRAOP_THREADS"
_OURS = "CAPACITY_SWEEP_INTRAOP_THREADS"
"""The choice of `prepare`: a process that inherits it must not mistake it for the user's."""

_threads_given = os.environ.get(_INTRAOP, "") != os.environ.get(_OURS, "")
"""Whether the user has set the threads; else `prepare` does, and once more when the family is known."""

_chosen: str | None = None
"""The last choice of `prepare` in this process."""

_most: int | None = None
"""The limit of `use_cores`."""


def use_cores(number: int) -> None:
    """Limit the cores of this process: to those of a task of a cluster."""
    global _most  # noqa: PLW0603 - of the process, as its threads are
    _most = number


def cores() -> int:
    """Return the cores that this process may use."""
    return min(_most, _available()) if _most else _available()


def _available() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS


def prepare(*, convolutional: bool = False) -> None:
    """Set the environment that TensorFlow, JAX and XLA read when they start.

    Convolutions are trained as graphs of TensorFlow's operations: each then keeps to one core
    (benchmarks/README.md: split over two it took 3 times as long).
    """
    own = os.environ.get("XLA_FLAGS", "")
    missing = [flag for flag in _XLA_FLAGS if flag.split("=")[0] not in own]
    if missing:
        os.environ["XLA_FLAGS"] = " ".join([*own.split(), *missing])
    # XLA runs programs on this pool: with fewer threads than cores programs would wait.
    if not _threads_given:
        _choose_threads("1" if convolutional else str(max(2, cores())))
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", str(max(2, cores())))
    _keep_programs()
    # The first network starts the GPU, whose memory must not be taken at once.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    # TensorFlow's start-up lines about instruction sets and missing GPUs would bury the sweep's own.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def _choose_threads(number: str) -> None:
    global _chosen  # noqa: PLW0603 - a notebook gets its environment back, TensorFlow stays as it began
    before = _chosen or os.environ.get(_OURS)
    _chosen = number
    if before not in {None, number} and "tensorflow" in sys.modules:
        # Sums may differ in their last digits from a sweep of its own: several under one -m.
        log.warning(
            "TensorFlow has started with %s threads an operation, this model wants %s: run it in a "
            "process of its own for full speed and for numbers that replay bit for bit",
            before,
            number,
        )
    os.environ[_INTRAOP] = os.environ[_OURS] = number


def _keep_programs() -> None:
    """Let both backends keep compiled programs on disk, where there is a folder for them."""
    place = folder()
    if place is None:
        return
    flags = os.environ.get("TF_XLA_FLAGS", "")
    if "persistent_cache" not in flags:
        os.environ["TF_XLA_FLAGS"] = f"{flags} --tf_xla_persistent_cache_directory={place}".strip()
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(place))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")


@cache
def pool(threads: int) -> ThreadPoolExecutor:
    """Return the threads that run programs, shared by all stacks: one per core; for a GPU a single one."""
    return ThreadPoolExecutor(threads, thread_name_prefix="program")
