"""Files that are written whole or not at all, and the folder of those that may be lost."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

CACHE = "CAPACITY_SWEEP_CACHE"
"""Environment variable with another folder for what may be lost; empty: nothing is kept."""


def cache_folder() -> Path | None:
    """Return the folder of what may be lost, in `$XDG_CACHE_HOME` or `~/.cache`; None for none."""
    own = os.environ.get(CACHE)
    if own is not None:
        return Path(own) if own else None
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        return (base if base.is_absolute() else Path.home() / ".cache") / "capacity-sweep"
    except RuntimeError:  # nobody's home
        return None


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file at once: a reader never sees half of it, nor does a full disk keep it.

    Raises:
        OSError: It cannot be written; what was there is as before.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        draft = Path(folder, path.name)
        draft.write_bytes(content)
        draft.replace(path)
