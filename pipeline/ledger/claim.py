"""One sweep, one process: a lock beside a local store, a token and signs of life on a server."""

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
"""Tags of the parent run: who writes to it, a number that changes while they do, time spent."""

SETTLE_SECONDS = 1.0
"""On a server, the last of several claims made at once wins: how long until it is looked at again."""

LOCK_SECONDS = 0.2
"""Of a local sweep: long enough to begin anew when its lock's file was just taken away."""

WATCH_SECONDS = 25.0
"""How long a claimed sweep on a server is watched for a sign of life; they come every 10 s."""


class Claim:
    """The right to write to one sweep. On a server this is best effort: MLflow knows no locks."""

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
        """Claim the sweep; nobody else can hold one that is `fresh`: this process has just created it.

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
        """Make sure that the sweep is still ours; StoreError when another process took it over."""
        if self._lock is None and self._tag(CLAIM) != self.token:
            raise StoreError(f"Sweep {self._run_id} was taken over by {self._tag(CLAIM)}.")

    def watch(self, folder: Path | None) -> None:
        """Watch the folder of the sweep's own files, which exists, beside the database."""
        for path in (self._store.location.database, folder):
            if path is not None:
                self._watched[path] = _identity(path)

    def sure_of(self, written: Callable[[], None]) -> None:
        """Wait by `written`, which may raise StoreError, and make sure that all is where it was written."""
        try:
            written()
        except StoreError:
            self.present(files=False)  # files that are away may come back: the sweep can be resumed
            raise
        self.present()

    def present(self, *, files: bool = True) -> None:
        """Make sure that the store is the one that was opened; `files`: the folder of the sweep's too.

        Linux goes on writing to a file that has been deleted; nobody will find it again.

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
        """Leave a sign of life: the seconds spent, and how busy the machine is."""
        from mlflow.entities import Metric, RunTag

        now = time.time_ns()
        self._beats += 1
        load = [
            Metric(name, value, now // 1_000_000, self._beats) for name, value in sample().items()
        ]
        tags = [RunTag(ALIVE, str(now)), RunTag(SECONDS, f"{seconds:.1f}")]
        self._store.client.log_batch(self._run_id, metrics=load, tags=tags)

    def release(self) -> None:
        """Give the sweep back; a token stays as the name of who wrote last."""
        if self._lock is not None and self._lock.is_locked:
            # The last thing done under the lock: who waited for this file sees that it is gone, and
            # begins anew with another.
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
    """Return what tells a file from another one of its name; nothing in common where there is none."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return (0, 0)
    return found.st_dev, found.st_ino


def _died_here(holder: str) -> bool:
    """Return whether a claim names a process of this machine that is gone."""
    host, _, rest = holder.partition(":")
    number = rest.partition(":")[0]
    return host == platform.node() and number.isdigit() and not psutil.pid_exists(int(number))


MEGABYTE = 1e6
MOST_GPUS = 8
"""GPUs that are written down: each takes two of the thirty metric keys."""

QUERY = ("--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits")
QUERY_SECONDS = 5


def sample() -> dict[str, float]:
    """Return the load of processors, memory and NVIDIA GPUs since the last sample, by metric key."""
    memory = psutil.virtual_memory()
    found = {
        "system/cpu_utilization_percentage": psutil.cpu_percent(),
        "system/system_memory_usage_megabytes": memory.used / MEGABYTE,
        "system/system_memory_usage_percentage": memory.percent,
        "system/process_memory_megabytes": psutil.Process().memory_info().rss / MEGABYTE,
    }
    for number, (load, used) in enumerate(_gpus()):
        found[f"system/gpu_{number}_utilization_percentage"] = load
        found[f"system/gpu_{number}_memory_usage_megabytes"] = used
    return found


def _gpus() -> list[tuple[float, float]]:
    """Return utilisation in percent and memory in MiB of each GPU; none where nothing answers."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        answer = subprocess.run(  # noqa: S603 - fixed words
            [program, *QUERY], capture_output=True, text=True, timeout=QUERY_SECONDS, check=True
        ).stdout
        rows = [line.split(",") for line in answer.splitlines()[:MOST_GPUS]]
        return [(float(load), float(used)) for load, used in rows]
    except (OSError, ValueError, subprocess.SubprocessError):
        return []
