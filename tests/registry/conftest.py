"""Tests of the registry write with the sweeps of the ledger's tests."""

from __future__ import annotations

from tests.ledger.conftest import client, sweeps

__all__ = ["client", "sweeps"]
