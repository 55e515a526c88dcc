"""The first signal asks, the second ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from pipeline.signals import StopRequest

SECOND = """
import os, signal, time
from pipeline.signals import StopRequest
with StopRequest() as stop:
    os.kill(os.getpid(), signal.SIGTERM)
    assert stop.name == "SIGTERM"
    os.kill(os.getpid(), signal.SIGINT)
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
