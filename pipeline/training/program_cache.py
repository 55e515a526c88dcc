"""Compiled programs kept on disk, so that a later process need not compile them again.

Both backends bring such a cache. TensorFlow's knows neither its own version nor the processor, so
both are part of the folder's name; and it never forgets, so the oldest files are removed here.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import shutil
from importlib import metadata
from pathlib import Path


class DamagedProgramsError(Exception):
    """A kept program was cut short; the folder has been emptied."""


LARGEST_BYTES = 300_000_000
"""A program takes about a megabyte."""
VARIABLE = "CAPACITY_SWEEP_CACHE"
"""Environment variable with another folder; empty: no cache."""


def folder() -> Path | None:
    """Return the folder of this machine and these versions, made and pruned; None without one."""
    own = os.environ.get(VARIABLE)
    if own == "":
        return None
    try:
        base = Path(own) if own else _user_cache() / "capacity-sweep"
        found = base / f"programs-{_identity()}"
        found.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not os.access(found, os.W_OK):
            return None
    except (OSError, RuntimeError):  # no home, or read-only
        return None
    with contextlib.suppress(OSError):  # another process empties it
        _prune(found)
    return found


def kept() -> frozenset[str]:
    """Return the names of the programs on the disk, wherever the backends were told to keep them."""
    names: set[str] = set()
    told = re.search(r"persistent_cache_directory=(\S+)", os.environ.get("TF_XLA_FLAGS", ""))
    for place in (told and told[1], os.environ.get("JAX_COMPILATION_CACHE_DIR")):
        if place:
            with contextlib.suppress(OSError):
                names.update(entry.name for entry in os.scandir(place))
    return frozenset(names)


def clear(found: Path) -> None:
    """Empty the folder: a file that was cut short would fail every time."""
    shutil.rmtree(found, ignore_errors=True)
    with contextlib.suppress(OSError):
        found.mkdir(parents=True, exist_ok=True, mode=0o700)


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _identity() -> str:
    """Return what a program must not outlive: versions, flags and the processor."""
    parts = [platform.machine(), platform.processor(), os.environ.get("XLA_FLAGS", "")]
    for name in ("tensorflow", "keras", "jaxlib"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            parts.append(f"{name} {metadata.version(name)}")
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        parts += sorted({line for line in lines if line.startswith(("model name", "flags"))})
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _prune(found: Path) -> None:
    """Remove the files used longest ago until the folder is small enough."""
    files = []
    for entry in os.scandir(found):
        with contextlib.suppress(FileNotFoundError):  # another process prunes as well
            if entry.is_file():
                files.append((entry.stat(), entry.path))
    size = sum(status.st_size for status, _ in files)
    for status, path in sorted(files, key=lambda file: max(file[0].st_atime, file[0].st_mtime)):
        if size <= LARGEST_BYTES:
            return
        Path(path).unlink(missing_ok=True)
        size -= status.st_size
