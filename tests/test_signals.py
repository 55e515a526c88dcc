"""The first signal asks, the second ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from pipeline.runtime.signals import StopRequest

SECOND = """
import os, signal, time
from pipeline.runtime.signals import StopRequest
with StopRequest() as stop:
    os.kill(os.getpid(), signal.SIGTERM)
    assert stop.name == "SIGTERM"
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(30)
"""

DEAF = """
import hashlib, os, signal, threading
from pipeline.runtime.signals import StopRequest
with StopRequest(grace=0.5) as stop:
    stop.advice = ". Continue with resume=abc"
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
    hashlib.pbkdf2_hmac("sha256", b"a long call of C,", b"no handler runs", 10**8)
"""

IDLE = """
import os, signal, time
from pipeline.runtime.signals import end_at_once
end_at_once()
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(30)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_is_noted_and_nothing_dies(number: signal.Signals) -> None:
    """The sweep goes on to its next boundary."""
    before = signal.getsignal(number)
    with StopRequest() as stop:
        assert stop.name == ""
        os.kill(os.getpid(), number)
        assert stop.number == number
    assert signal.getsignal(number) is before


def test_the_second_signal_ends_the_process_at_once() -> None:
    """Whoever asks twice means it."""
    ended = subprocess.run([sys.executable, "-c", SECOND], timeout=25, check=False)
    assert ended.returncode == 128 + signal.SIGINT


def test_a_signal_that_nothing_answers_ends_the_process_in_time() -> None:
    """Also where Python's own handlers are not called: whoever takes the machine away will kill."""
    ended = subprocess.run(
        [sys.executable, "-c", DEAF], timeout=25, check=False, capture_output=True, text=True
    )
    assert ended.returncode == 128 + signal.SIGTERM
    first, last = ended.stderr.splitlines()
    assert "next boundary" in first
    assert last.endswith("Continue with resume=abc")


def test_before_a_sweep_a_signal_ends_the_process_at_once() -> None:
    """The first process of a container would not notice it otherwise."""
    ended = subprocess.run([sys.executable, "-c", IDLE], timeout=25, check=False)
    assert ended.returncode == 128 + signal.SIGTERM


def test_in_a_notebook_nothing_ends_the_process_but_a_second_signal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The kernel belongs to somebody else."""
    monkeypatch.setattr("pipeline.runtime.signals.GRACE_SECONDS", 0.05)
    with StopRequest(grace=None) as stop:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.3)
        assert stop.name == "SIGINT"
