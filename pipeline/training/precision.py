"""Under which arithmetic networks are built."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras


@contextmanager
def precision(*, mixed: bool) -> Iterator[None]:
    """Build under bfloat16 arithmetic (it needs no loss scaling), weights staying float32."""
    before = keras.config.dtype_policy()
    if mixed:
        keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
