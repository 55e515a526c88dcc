"""Telling "out of memory" from every other error: only the former makes a fit infeasible."""

from __future__ import annotations

_SIGNS = ("RESOURCE_EXHAUSTED", "out of memory", "OOM when allocating")


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error of Python, TensorFlow or JAX says that memory ran out."""
    if isinstance(error, MemoryError):
        return True
    name = type(error).__name__
    if name == "ResourceExhaustedError":
        return True
    return name in {"XlaRuntimeError", "JaxRuntimeError", "InternalError"} and any(
        sign.lower() in str(error).lower() for sign in _SIGNS
    )
