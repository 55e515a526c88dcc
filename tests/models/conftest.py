"""Tests of saved models look into the store as those of the ledger do."""

from __future__ import annotations

from tests.ledger.conftest import client

__all__ = ["client"]
