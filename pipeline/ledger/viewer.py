"""The command that opens MLflow's UI on a store, and links into the UI."""

from __future__ import annotations

import functools
import shlex
import socket

from pipeline.core.commands import program
from pipeline.ledger.location import Location

HOST = "127.0.0.1"
PORT = 5000
"""Default port of `mlflow ui`."""
PATIENCE = 0.2
"""Seconds to wait for a connection on this machine."""
MOST_TRIED = 20
"""Most ports that are tried; macOS and many development servers use the first."""


@functools.cache
def free_port() -> int:
    """Return a free port, MLflow's default or one after it; the same throughout a process."""
    for port in range(PORT, PORT + MOST_TRIED):
        try:
            socket.create_connection((HOST, port), timeout=PATIENCE).close()
        except OSError:
            return port
    return PORT


def ui_command(location: Location) -> str:
    """Return the command that opens the MLflow UI; for a server its address."""
    if location.is_server:
        return location.shown
    port = "" if free_port() == PORT else f" --port {free_port()}"
    return f"{shlex.quote(program('mlflow'))} ui --backend-store-uri {shlex.quote(location.shown)}{port}"


def ui_address(location: Location) -> str:
    """Return the address of the UI, without a slash at the end."""
    return location.shown if location.is_server else f"http://{HOST}:{free_port()}"


def runs_link(location: Location, experiment_id: str) -> str:
    """Return the link to the runs of an experiment; `/` and a run id appended give a run's page."""
    return f"{ui_address(location)}/#/experiments/{experiment_id}/runs"
