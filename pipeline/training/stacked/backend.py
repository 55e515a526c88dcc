"""The adapter of the backend that Keras runs on; everything else here is backend-neutral."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import keras

_adapter: Any = import_module(f"pipeline.training.stacked.on_{keras.backend.backend()}")

FEWEST_MEMBERS: int = _adapter.FEWEST_MEMBERS
Compiled: Any = _adapter.Compiled
MemberOptimizer: Any = _adapter.MemberOptimizer
gradients: Any = _adapter.gradients
map_members: Any = _adapter.map_members
