"""Draws a finished sweep: plots, tables and the report, from what the ledger holds.

Hands out `page.page`, one HTML document.
"""

from __future__ import annotations
