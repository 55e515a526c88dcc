"""How a person opens the MLflow UI on a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.tracking.location import Location


def ui_command(location: Location) -> str:
    """Return the command that opens the MLflow UI, or the address of a server that already runs."""
    if location.is_server:
        return location.shown
    return f"mlflow ui --backend-store-uri '{location.shown}'"
