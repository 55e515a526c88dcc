"""Typed configuration: schema, composing, checks, fingerprint, and the places of conf and data."""

from __future__ import annotations

from pipeline.config.identity import SOURCE, builder_source, differences, fingerprint, flatten
from pipeline.config.names import objective

__all__ = ["SOURCE", "builder_source", "differences", "fingerprint", "flatten", "objective"]
