"""Many fits of one depth, trained as one compiled program: parity with `fit`, a fraction of its time."""

from pipeline.training.stacked.engine import StackedEngine

__all__ = ["StackedEngine"]
