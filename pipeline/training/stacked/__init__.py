"""Many fits of one depth, trained as one compiled program; the same answer as `fit`."""

from __future__ import annotations

from pipeline.training.stacked.engine import StackedEngine

__all__ = ["StackedEngine"]
