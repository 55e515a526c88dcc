"""How benchmarks run other processes: a command to its end, a contender, one of our sweeps."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parent.parent


def call(command: Sequence[str | Path], home: Path, *, ours: bool = True, **more: str) -> str:
    """Run a command to its end and return what it printed; stop with its last words if it fails.

    Args:
        command: Program and words.
        home: Working directory.
        ours: Whether the command may import this checkout.
        more: Of the environment.
    """
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    if ours:
        environment["PYTHONPATH"] = str(ROOT)
    words = [str(word) for word in command]
    ended = subprocess.run(
        words,
        cwd=home,
        env=environment | {"TF_CPP_MIN_LOG_LEVEL": "3"} | more,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        last = f"{ended.stdout[-1500:]}\n{ended.stderr[-3000:]}"
        raise SystemExit(f"{' '.join(words)[:300]} ended with {ended.returncode}:\n{last}")
    return ended.stdout


def in_own_process(benchmark: str, *words: str) -> dict[str, Any]:
    """Run a part of a benchmark in a process and an empty folder of its own; return its last line."""
    with tempfile.TemporaryDirectory() as folder:
        said = call([sys.executable, "-m", f"benchmarks.{benchmark}", *words], Path(folder))
    found: dict[str, Any] = json.loads(said.strip().splitlines()[-1])
    return found


def sweep(words: Sequence[str], home: Path) -> tuple[dict[str, Any], str]:
    """Run a sweep as a user would; return its summary and what it printed."""
    quiet = "verbose=false", f"hydra.run.dir={home / 'out'}"
    said = call([sys.executable, "-m", "pipeline.sweep", *words, *quiet], home)
    return json.loads((home / "out" / "summary.json").read_text()), said


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
