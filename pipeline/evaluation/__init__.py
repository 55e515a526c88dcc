"""The honest end of a sweep: one pass over the test rows, and baselines beside the networks."""

from __future__ import annotations
