"""Copies of a process: what they let go of, and how they end."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

BEGIN = """
    import fcntl, os, signal, subprocess, sys, time
    from pathlib import Path
    from pipeline.core.forked import Forked, may_fork
"""


def _run(script: str, folder: Path, **how: Any) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own: a worker of pytest has threads, and is not to be copied."""
    words = [sys.executable, "-c", textwrap.dedent(BEGIN) + textwrap.dedent(script)]
    return subprocess.run(
        words, cwd=folder, capture_output=True, text=True, timeout=120, check=False, **how
    )


@pytest.mark.parametrize(
    ("work", "code", "words"),
    [
        ("lambda: None", 0, ""),
        ("lambda: sys.exit(3)", 3, ""),
        ("lambda: 1 / 0", 1, "ZeroDivisionError"),
        ("lambda: os.kill(os.getpid(), signal.SIGTERM)", -15, ""),
    ],
)
def test_a_copy_ends_with_its_work(tmp_path: Path, work: str, code: int, words: str) -> None:
    """What it prints belongs to nobody; what it says on stderr is where it was sent."""
    found = _run(
        f"""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("of the other", end="")
        with open("errors", "w+") as errors:
            copy = Forked({work}, stderr=errors)
            print("", copy.wait(60), copy.poll(), end="")
        """,
        tmp_path,
    )
    assert (found.stdout, found.stderr) == (f"of the other {code} {code}", "")
    assert words in (tmp_path / "errors").read_text()


def test_a_copy_holds_nothing_of_the_other_process(tmp_path: Path) -> None:
    """Neither its lock nor the end of a pipe that another copy waits for; but what it is to keep."""
    found = _run(
        """
        lock = open("lock", "w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        first = Forked(lambda: sys.exit(7 if sys.stdin.read() == "" else 8))
        reading, writing = os.pipe()
        second = Forked(lambda: (os.write(writing, b"kept"), sys.stdin.read()), keep=[writing])
        print(os.read(reading, 4), second.poll())
        lock.close()
        fcntl.flock(open("lock", "w"), fcntl.LOCK_EX | fcntl.LOCK_NB)
        first.stdin.close()
        print(first.wait(60), second.poll())
        second.kill()
        print(second.wait(60))
        """,
        tmp_path,
    )
    assert found.stdout.splitlines() == ["b'kept' None", "7 None", "-9"], found.stderr


def test_an_object_of_before_closes_no_file_of_the_copy(tmp_path: Path) -> None:
    """Its number is not given to another file while the object lives."""
    found = _run(
        """
        old = [open("old", "w")]
        def work():
            new = open("new", "w")
            old.clear()
            new.write("whole")
            new.close()
        print(Forked(work).wait(60))
        """,
        tmp_path,
    )
    assert found.stdout == "0\n", found.stderr
    assert (tmp_path / "new").read_text() == "whole"


def test_no_copy_is_made_where_it_would_not_be_sound(tmp_path: Path) -> None:
    """In another thread than the main one, or once TensorFlow is there."""
    found = _run(
        """
        import threading
        print(may_fork())
        other = threading.Thread(target=lambda: print(may_fork()))
        other.start()
        other.join()
        sys.modules["tensorflow"] = sys
        print(may_fork())
        """,
        tmp_path,
    )
    assert found.stdout.split() == [str(sys.platform == "linux"), "False", "False"], found.stderr
