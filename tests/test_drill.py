"""The nightly story in its short form: real servers, a preemption, a second night with new rows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.server
@pytest.mark.skipif(
    not list(Path("/usr/lib/postgresql").glob("*/bin/postgres")),
    reason="Postgres is not installed: apt-get install postgresql",
)
def test_a_preempted_night_ends_with_one_champion_and_one_message(repo: Path) -> None:
    """The CronJob's words, Postgres, S3 and MLflow; stopped once and continued elsewhere."""
    command = [sys.executable, "-m", "benchmarks.drill", "--short"]
    ended = subprocess.run(
        command, cwd=repo, capture_output=True, text=True, timeout=540, check=False
    )
    assert ended.returncode == 0, ended.stderr[-3000:] + ended.stdout[-2000:]
    found = json.loads(ended.stdout.splitlines()[-1])
    assert found["faults"] == []
    (stop,) = found["first"]["stops"]
    assert stop["exit_code"] == 143
    assert stop["repeated"] <= found["first"]["largest_stack"]
    (message,) = found["second"]["told"]
    assert message["registry"]["name"] == "wages"
