"""Programs kept on disk, traced and compiled, so that a later process does neither again.

Both backends bring a cache of what they compiled. TensorFlow's knows neither its own version nor the
processor, so both are part of the folder's name; and it never forgets, so the oldest files are removed
here. What was traced stands beside it, under a name that covers everything a trace depends on.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import shutil
import stat
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from pipeline.core.files import cache_folder, write_whole


class DamagedProgramsError(Exception):
    """A kept program was cut short; the folder has been emptied."""


LARGEST_BYTES = 300_000_000
"""A program takes about a megabyte."""
TRACE = ".trace"
"""Suffix of a traced program: a SHA-256 digest and the content that it is of."""


def folder() -> Path | None:
    """Return the folder of this machine and these versions, made and pruned; None without one."""
    base = cache_folder()
    if base is None:
        return None
    found = base / f"programs-{_identity()}"
    try:
        found.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not os.access(found, os.W_OK):
            return None
    except OSError:  # read-only
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
    return frozenset(name for name in names if not name.endswith(TRACE))


def trace_name(*content: object) -> str:
    """Return the name of a trace: of what it computes, and of the code that it was traced from."""
    return hashlib.sha256(f"{content!r}\n{_code()}".encode()).hexdigest()


def read_trace(name: str) -> bytes | None:
    """Return a kept trace; None where there is none, it is damaged, or others could have written it."""
    place = folder()
    if place is None or not _is_private(place):
        return None
    try:
        whole = (place / f"{name}{TRACE}").read_bytes()
    except OSError:
        return None
    digest, content = whole[:32], whole[32:]
    return content if hashlib.sha256(content).digest() == digest else None


def keep_trace(name: str, content: bytes) -> None:
    """Write a trace, whole or not at all; without a folder, or on a full disk, there is none."""
    place = folder()
    if place is None:
        return
    with contextlib.suppress(OSError):
        write_whole(place / f"{name}{TRACE}", hashlib.sha256(content).digest() + content)


def _is_private(place: Path) -> bool:
    """Return whether only this user may write there: a graph can read and write files when it runs."""
    if not hasattr(os, "getuid"):
        return True
    status = place.stat()
    return status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


@lru_cache(maxsize=1)
def _code() -> str:
    """Return a digest of the source of this room, of which programs are traced."""
    found = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()


def clear(found: Path) -> None:
    """Empty the folder: a file that was cut short would fail every time."""
    shutil.rmtree(found, ignore_errors=True)
    with contextlib.suppress(OSError):
        found.mkdir(parents=True, exist_ok=True, mode=0o700)


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
