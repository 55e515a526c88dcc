"""Programs kept on disk, traced and compiled, so that a later process does neither again.

Both backends have a cache of compiled programs. TensorFlow's ignores its own version and the processor, so
both are part of the folder's name; and it only grows, so the oldest files are removed here. Traces are kept
in the same folder, under a name that covers everything a trace depends on.
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
    """A kept program was truncated; the folder has been emptied."""


LARGEST_BYTES = 300_000_000
"""Most bytes of the folder; a program takes about a megabyte."""
TRACE = ".trace"
"""Suffix of a trace: its SHA-256 digest and its content."""


def folder() -> Path | None:
    """Return the folder of this machine and these versions, created and pruned; None where there is none."""
    base = cache_folder()
    if base is None:
        return None
    place = base / f"programs-{_identity()}"
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not os.access(place, os.W_OK):
            return None
    except OSError:  # read-only
        return None
    with contextlib.suppress(OSError):  # another process empties it
        _prune(place)
    return place


def kept() -> frozenset[str]:
    """Return the names of the programs on the disk, in the folders that the backends use."""
    names: set[str] = set()
    configured = re.search(r"persistent_cache_directory=(\S+)", os.environ.get("TF_XLA_FLAGS", ""))
    for place in (configured and configured[1], os.environ.get("JAX_COMPILATION_CACHE_DIR")):
        if place:
            with contextlib.suppress(OSError):
                names.update(entry.name for entry in os.scandir(place))
    return frozenset(name for name in names if not name.endswith(TRACE))


def trace_name(*content: object) -> str:
    """Return the name of a trace: a digest of its content and of the code that it was traced from."""
    return hashlib.sha256(f"{content!r}\n{_code()}".encode()).hexdigest()


def read_trace(name: str) -> bytes | None:
    """Return a kept trace; None where there is none, it is damaged, or other users could write it."""
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
    """Write a trace atomically; without a folder, or on a full disk, it is not kept."""
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
    """Return a digest of the source of this room, which programs are traced from."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def clear(place: Path) -> None:
    """Empty the folder: a truncated file would fail every time."""
    shutil.rmtree(place, ignore_errors=True)
    with contextlib.suppress(OSError):
        place.mkdir(parents=True, exist_ok=True, mode=0o700)


def _identity() -> str:
    """Return a digest of the versions, flags and processor that a program depends on."""
    parts = [platform.machine(), platform.processor(), os.environ.get("XLA_FLAGS", "")]
    for name in ("tensorflow", "keras", "jaxlib"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            parts.append(f"{name} {metadata.version(name)}")
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        parts += sorted({line for line in lines if line.startswith(("model name", "flags"))})
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _prune(place: Path) -> None:
    """Remove the files used longest ago until the folder is small enough."""
    files = []
    for entry in os.scandir(place):
        with contextlib.suppress(FileNotFoundError):  # another process prunes as well
            if entry.is_file():
                files.append((entry.stat(), entry.path))
    size = sum(status.st_size for status, _ in files)
    for status, path in sorted(files, key=lambda file: max(file[0].st_atime, file[0].st_mtime)):
        if size <= LARGEST_BYTES:
            return
        Path(path).unlink(missing_ok=True)
        size -= status.st_size
