"""Atomic writes of files, and the cache folder."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

CACHE = "CAPACITY_SWEEP_CACHE"
"""Environment variable with another cache folder; empty: no cache is kept."""


def cache_folder() -> Path | None:
    """Return the cache folder, in `$XDG_CACHE_HOME` or `~/.cache`; None where no cache is kept."""
    own = os.environ.get(CACHE)
    if own is not None:
        return Path(own) if own else None
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        return (base if base.is_absolute() else Path.home() / ".cache") / "capacity-sweep"
    except RuntimeError:  # the user has no home folder
        return None


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file at once: neither a reader nor a full disk ever has half of it.

    Raises:
        OSError: It cannot be written; the file that was there is unchanged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        draft = Path(folder, path.name)
        draft.write_bytes(content)
        draft.replace(path)
