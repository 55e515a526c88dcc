"""The adapter of Keras' backend; every other file of this folder is independent of the backend."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import keras

from pipeline.training.sizes import Device

_adapter: Any = import_module(f"pipeline.training.stacked.on_{keras.backend.backend()}")

device: Callable[..., Device] = _adapter.device
Compiled: Any = _adapter.Compiled
MemberOptimizer: Any = _adapter.MemberOptimizer
gradients: Any = _adapter.gradients
map_members: Any = _adapter.map_members
put: Any = _adapter.put
