"""Pictures and words of a finished sweep, from what the ledger holds."""

from __future__ import annotations
