"""Exclusive access to a sweep: a lock file beside a local store, a token and heartbeats on a server."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import psutil
from filelock import BaseFileLock, FileLock, Timeout

from pipeline.core.errors import ConfigError, LostStoreError, StoreError
from pipeline.ledger.store import Store

CLAIM, ALIVE, SECONDS = "claim", "alive", "seconds"
"""Tags of the parent run: token of the writing process, a number that changes while it lives, time spent."""

SETTLE_SECONDS = 1.0
"""On a server the last of several simultaneous claims wins: seconds until the tag is checked again."""

LOCK_SECONDS = 0.2
"""Time limit for the lock of a local sweep: long enough to retry when its file was just deleted."""

WATCH_SECONDS = 25.0
"""Seconds that a claimed sweep on a server is watched for a heartbeat; they come every 10 s."""


class Claim:
    """The right to write to one sweep. On a server it is best effort: MLflow has no locks."""

    def __init__(self, store: Store, run_id: str) -> None:
        """Name the sweep; nothing is claimed yet."""
        self._store = store
        self._run_id = run_id
        self._beats = 0
        self._watched: dict[Path, tuple[int, int]] = {}
        self.token = f"{platform.node()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        folder = store.location.folder
        self._lock: BaseFileLock | None = None
        if folder is not None:
            self._lock = FileLock(folder / f".sweep-{run_id}.lock", thread_local=False)

    def take(self, *, fresh: bool) -> None:
        """Claim the sweep; a `fresh` one was just created by this process, so no other can hold it.

        Raises:
            ConfigError: Another process is writing to it.
        """
        if self._lock is not None:
            try:
                self._lock.acquire(timeout=LOCK_SECONDS)
            except Timeout:
                raise self._taken(self._tag(CLAIM)) from None
            self._set()
            return
        if not fresh:
            self._wait_for_silence()
        self._set()
        if not fresh:
            time.sleep(SETTLE_SECONDS)
            self.check()

    def check(self) -> None:
        """Raise StoreError when another process has taken over the sweep."""
        if self._lock is None and self._tag(CLAIM) != self.token:
            raise StoreError(f"Sweep {self._run_id} was taken over by {self._tag(CLAIM)}.")

    def watch(self, folder: Path | None) -> None:
        """Record the identity of the database and of the folder of the sweep's files, which exist."""
        for path in (self._store.location.database, folder):
            if path is not None:
                self._watched[path] = _identity(path)

    def sure_of(self, written: Callable[[], None]) -> None:
        """Call `written`, which may raise StoreError; then check that the store was not replaced."""
        try:
            written()
        except StoreError:
            self.present(files=False)  # files that are away may come back: the sweep can be resumed
            raise
        self.present()

    def present(self, *, files: bool = True) -> None:
        """Check that the store is the one that was opened; with `files` also the sweep's folder.

        Linux goes on writing to a deleted file, whose content is lost.

        Raises:
            LostStoreError: It is gone, or another one.
        """
        for path, before in self._watched.items():
            looked_at = files or path == self._store.location.database
            if looked_at and _identity(path) != before:
                raise LostStoreError(
                    f"{path} was deleted or replaced while the sweep was writing to it: what sweep"
                    f" {self._run_id} recorded there is lost, and it cannot be resumed. Start it anew."
                )

    def beat(self, seconds: float) -> None:
        """Write a heartbeat: the seconds spent, and the load of the machine."""
        from mlflow.entities import Metric, RunTag

        now = time.time_ns()
        self._beats += 1
        load = [
            Metric(name, value, now // 1_000_000, self._beats) for name, value in sample().items()
        ]
        tags = [RunTag(ALIVE, str(now)), RunTag(SECONDS, f"{seconds:.1f}")]
        self._store.client.log_batch(self._run_id, metrics=load, tags=tags)

    def release(self) -> None:
        """Release the sweep; the token remains and names the last writer."""
        if self._lock is not None and self._lock.is_locked:
            # The last step under the lock: a process that waits for this file sees that it is gone, and
            # retries with a new one.
            Path(self._lock.lock_file).unlink(missing_ok=True)
            self._lock.release()

    def _set(self) -> None:
        self._store.client.set_tag(self._run_id, CLAIM, self.token)

    def _tag(self, name: str) -> str:
        return str(self._store.client.get_run(self._run_id).data.tags.get(name, ""))

    def _wait_for_silence(self) -> None:
        """Return once the holder is dead or has been silent for `WATCH_SECONDS`."""
        run = self._store.client.get_run(self._run_id)
        holder = str(run.data.tags.get(CLAIM, ""))
        if run.info.status != "RUNNING" or _died_here(holder):
            return
        before = self._tag(ALIVE)
        deadline = time.monotonic() + WATCH_SECONDS
        while time.monotonic() < deadline:
            time.sleep(SETTLE_SECONDS)
            if self._tag(ALIVE) != before:
                raise self._taken(holder)

    def _taken(self, holder: str) -> ConfigError:
        return ConfigError(
            f"Sweep {self._run_id} is being written by another process ({holder or 'unknown'}). "
            "Wait for it, or start a new sweep with resume=no."
        )


def _identity(path: Path) -> tuple[int, int]:
    """Return device and inode of a file; (0, 0) where there is none."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return (0, 0)
    return status.st_dev, status.st_ino


def _died_here(holder: str) -> bool:
    """Return whether a claim names a process of this machine that is gone."""
    host, _, rest = holder.partition(":")
    number = rest.partition(":")[0]
    return host == platform.node() and number.isdigit() and not psutil.pid_exists(int(number))


MEGABYTE = 1e6
MOST_GPUS = 8
"""Most GPUs recorded: each takes two of the thirty metric keys."""

QUERY = ("--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits")
QUERY_SECONDS = 5


def sample() -> dict[str, float]:
    """Return the load of processors, memory and NVIDIA GPUs since the last sample, by metric key."""
    memory = psutil.virtual_memory()
    load = {
        "system/cpu_utilization_percentage": psutil.cpu_percent(),
        "system/system_memory_usage_megabytes": memory.used / MEGABYTE,
        "system/system_memory_usage_percentage": memory.percent,
        "system/process_memory_megabytes": psutil.Process().memory_info().rss / MEGABYTE,
    }
    for number, (utilisation, used) in enumerate(_gpus()):
        load[f"system/gpu_{number}_utilization_percentage"] = utilisation
        load[f"system/gpu_{number}_memory_usage_megabytes"] = used
    return load


def _gpus() -> list[tuple[float, float]]:
    """Return utilisation in percent and memory in MiB of each GPU; empty where `nvidia-smi` fails."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        answer = subprocess.run(  # noqa: S603 - fixed arguments
            [program, *QUERY], capture_output=True, text=True, timeout=QUERY_SECONDS, check=True
        ).stdout
        rows = [line.split(",") for line in answer.splitlines()[:MOST_GPUS]]
        return [(float(load), float(used)) for load, used in rows]
    except (OSError, ValueError, subprocess.SubprocessError):
        return []
