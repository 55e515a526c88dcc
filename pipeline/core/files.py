"""Files that are written whole or not at all."""

from __future__ import annotations

import tempfile
from pathlib import Path


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
