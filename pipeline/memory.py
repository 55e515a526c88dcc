"""The memory of this machine, or of the container that the process runs in."""

from __future__ import annotations

from pathlib import Path

import psutil

CGROUP = Path("/sys/fs/cgroup")


def free() -> int:
    """Return the bytes that this process may still take."""
    here = int(psutil.virtual_memory().available)
    limit, used = _limit(), _read("memory.current")
    return here if limit is None or used is None else max(0, min(here, limit - used))


def total() -> int:
    """Return the bytes of the machine, or those that the container may take."""
    here = int(psutil.virtual_memory().total)
    return min(here, _limit() or here)


def _limit() -> int | None:
    return _read("memory.max")


def _read(name: str) -> int | None:
    """Return a number of the control group; None where there is none, or no limit."""
    try:
        text = (CGROUP / name).read_text(encoding="ascii").strip()
        return None if text == "max" else int(text)
    except (OSError, ValueError):
        return None
