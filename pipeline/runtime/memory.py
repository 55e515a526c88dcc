"""The memory of this machine, or of the container that the process runs in."""

from __future__ import annotations

import ctypes
import gc
import os
from pathlib import Path

import psutil

CGROUP = Path("/sys/fs/cgroup")


def free() -> int:
    """Return the bytes that this process may still take."""
    available = int(psutil.virtual_memory().available)
    limit, used = _read("memory.max"), _read("memory.current")
    return available if limit is None or used is None else max(0, min(available, limit - used))


def total() -> int:
    """Return the bytes of the machine, or the limit of the container where that is lower."""
    installed = int(psutil.virtual_memory().total)
    return min(installed, _read("memory.max") or installed)


def give_back() -> None:
    """Return freed memory to the system that the C library (glibc) would keep.

    Compilers fragment it: between the sweeps of one process a twelfth of its memory.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)


def _read(name: str) -> int | None:
    """Return a number of the control group; None where there is no such file, or no limit."""
    try:
        text = (CGROUP / name).read_text(encoding="ascii").strip()
        return None if text == "max" else int(text)
    except (OSError, ValueError):
        return None
