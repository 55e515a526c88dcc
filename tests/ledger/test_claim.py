"""One sweep, one owner: processes contend for a lock whose file comes and goes."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.core.errors import ConfigError
from pipeline.ledger.claim import Claim

PROGRAM = """
import os, pathlib, sys, time
from types import SimpleNamespace
from pipeline.core.errors import ConfigError
from pipeline.ledger.claim import Claim

folder = pathlib.Path(sys.argv[1])
client = SimpleNamespace(set_tag=lambda *_: None, get_run=lambda _: SimpleNamespace(
    data=SimpleNamespace(tags={})))
store = SimpleNamespace(location=SimpleNamespace(folder=folder), client=client)
print("ready", flush=True)
sys.stdin.readline()
taken, deadline = 0, time.monotonic() + 60
while taken < 300 and time.monotonic() < deadline:
    claim = Claim(store, "a")
    try:
        claim.take(fresh=True)
    except ConfigError:
        continue
    owner = os.open(folder / "owner", os.O_CREAT | os.O_EXCL)  # fails where there is another owner
    os.close(owner)
    (folder / "owner").unlink()
    claim.release()
    taken += 1
print(taken, flush=True)
"""


def test_three_processes_never_own_a_sweep_together(tmp_path: Path) -> None:
    """The lock's file is taken away with every release, while the others wait for it."""
    root = str(Path(__file__).parents[2])
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tmp_path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, cwd=root,
        )
        for _ in range(3)
    ]  # fmt: skip
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    told = [process.communicate("go\n", timeout=90) for process in processes]
    assert [(out, error) for out, error in told] == [("300\n", "")] * 3
    assert list(tmp_path.iterdir()) == []


def test_who_opened_the_file_of_a_lock_before_it_was_taken_away_owns_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between opening and locking it, the owner lets go and a third one begins."""
    run = SimpleNamespace(data=SimpleNamespace(tags={}))
    client = SimpleNamespace(set_tag=lambda *_: None, get_run=lambda _: run)
    store: Any = SimpleNamespace(location=SimpleNamespace(folder=tmp_path), client=client)
    first, second, third = (Claim(store, "a") for _ in range(3))
    first.take(fresh=True)
    lock = fcntl.flock

    def meanwhile(descriptor: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", lock)
        first.release()
        third.take(fresh=True)
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", meanwhile)
    with pytest.raises(ConfigError, match="another process"):
        second.take(fresh=True)
    third.release()
    second.take(fresh=True)
    second.release()
