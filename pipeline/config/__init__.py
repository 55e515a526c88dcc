"""Typed configuration: schema, composing, checks, fingerprint, and the places of conf and data."""

from __future__ import annotations

from pipeline.config.identity import SOURCE, differences, fingerprint, flatten
from pipeline.config.objectives import objective
from pipeline.config.source import builder_source

__all__ = ["SOURCE", "builder_source", "differences", "fingerprint", "flatten", "objective"]
