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
    here = int(psutil.virtual_memory().available)
    limit, used = _read("memory.max"), _read("memory.current")
    return here if limit is None or used is None else max(0, min(here, limit - used))


def total() -> int:
    """Return the bytes of the machine, or those that the container may take."""
    here = int(psutil.virtual_memory().total)
    return min(here, _read("memory.max") or here)


def give_back() -> None:
    """Return to the system what this process has freed but its C library keeps (glibc).

    Compilers leave holes behind: between the sweeps of one process a twelfth of its memory.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)


def _read(name: str) -> int | None:
    """Return a number of the control group; None where there is none, or no limit."""
    try:
        text = (CGROUP / name).read_text(encoding="ascii").strip()
        return None if text == "max" else int(text)
    except (OSError, ValueError):
        return None
