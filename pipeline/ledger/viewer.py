"""Where a person looks at a sweep: how to open MLflow's UI on a store, and links into it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.ledger.location import Location

LOCAL_UI = "http://127.0.0.1:5000"
"""Where `mlflow ui` listens unless told otherwise."""


def ui_command(location: Location) -> str:
    """Return the command that opens the MLflow UI, or the address of a server that already runs."""
    if location.is_server:
        return location.shown
    return f"mlflow ui --backend-store-uri {shlex.quote(location.shown)}"


def ui_address(location: Location) -> str:
    """Return the address of the UI, without a slash at the end."""
    return location.shown if location.is_server else LOCAL_UI


def run_link(location: Location, experiment_id: str) -> str:
    """Return the link to a run's page, but for the run's id."""
    return f"{ui_address(location)}/#/experiments/{experiment_id}/runs/"
