"""The nightly story in its short form: real servers, a preemption, a second night with new rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.mark.rare
@pytest.mark.server
@pytest.mark.skipif(
    not list(Path("/usr/lib/postgresql").glob("*/bin/postgres")),
    reason="Postgres is not installed: apt-get install postgresql",
)
def test_a_preempted_night_ends_with_one_champion_and_one_message(benchmark: Any) -> None:
    """The CronJob's words, Postgres, S3 and MLflow; stopped once and continued elsewhere."""
    found = benchmark("drill", "--short")
    assert found["faults"] == []
    (stop,) = found["first"]["stops"]
    assert stop["exit_code"] == 143
    assert stop["repeated"] <= found["first"]["largest_stack"]
    (message,) = found["second"]["told"]
    assert message["registry"]["name"] == "wages"
