"""The adapter of the backend that Keras runs on; everything else here is backend-neutral."""

from __future__ import annotations

import keras

if keras.backend.backend() == "jax":
    from pipeline.training.stacked.on_jax import (
        FEWEST_MEMBERS,
        Compiled,
        MemberOptimizer,
        gradients,
        map_members,
    )
else:
    from pipeline.training.stacked.on_tensorflow import (
        FEWEST_MEMBERS,
        Compiled,
        MemberOptimizer,
        gradients,
        map_members,
    )

__all__ = ["FEWEST_MEMBERS", "Compiled", "MemberOptimizer", "gradients", "map_members"]
