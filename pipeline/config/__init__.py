"""The typed configuration of a sweep: schema, composing, checks, and where conf and data lie.

Hands out a checked `SweepConfig` (`compose.py`, `launch.py`), its fingerprint and its flat form.
"""

from __future__ import annotations

from pipeline.config.identity import (
    SOURCE,
    builder_source,
    differences,
    fingerprint,
    flatten,
    objective,
)

__all__ = ["SOURCE", "builder_source", "differences", "fingerprint", "flatten", "objective"]
