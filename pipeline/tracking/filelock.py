"""A lock between processes of one machine that the system lets go of when its holder dies."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POLL_SECONDS = 0.05


class FileLock:
    """An advisory lock on a file, which is empty."""

    def __init__(self, path: Path) -> None:
        """Name the file; its folder must exist."""
        self._path = path
        self._descriptor: int | None = None

    def acquire(self, patience: float = 0.0) -> bool:
        """Take the lock, waiting at most `patience` seconds; return whether it was got."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    os.close(descriptor)
                    return False
                time.sleep(POLL_SECONDS)
            else:
                self._descriptor = descriptor
                return True

    def release(self, *, remove: bool = False) -> None:
        """Let go; nothing happens when it is not held.

        Args:
            remove: Also take the file away: nobody will want this lock again.
        """
        if self._descriptor is not None:
            if remove:
                self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = None


@contextmanager
def exclusive(path: Path, patience: float) -> Iterator[None]:
    """Hold the lock for a block; TimeoutError when another process keeps it for too long."""
    lock = FileLock(path)
    if not lock.acquire(patience):
        raise TimeoutError(f"{path}: another process has held this lock for {patience:g} s")
    try:
        yield
    finally:
        lock.release()
