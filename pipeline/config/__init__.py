"""Typed configuration: schema, composing, checks, fingerprint, and the places of conf and data."""

from __future__ import annotations

from pipeline.config.identity import differences, fingerprint, flatten
from pipeline.config.objectives import objective

__all__ = ["differences", "fingerprint", "flatten", "objective"]
