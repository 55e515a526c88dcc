"""Which machine, backend and engine a rate belongs to."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib import metadata

from pipeline.training.threads import cores

_BACKENDS = {
    "tensorflow": ("tensorflow", "tensorflow-cpu"),
    "jax": ("jax",),
}
"""Distributions of a Keras backend, the first installed one counts."""


@dataclass(frozen=True)
class Machine:
    """What rates are kept by."""

    key: str
    """Host, cores, family, engine, and versions of what trains."""
    engine: str = "stacked"
    cores: int = 1


def machine(engine: str, family: str) -> Machine:
    """Return the key of this machine for an engine and a model family; imports no framework."""
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    versions = [_version("keras"), *map(_version, _BACKENDS.get(backend, (backend,)))]
    here = cores()
    parts = [platform.node() or "unknown", f"{here} cores", family, engine, backend]
    return Machine(" | ".join([*parts, *filter(None, versions)]), engine, here)


def _version(distribution: str) -> str:
    try:
        return f"{distribution} {metadata.version(distribution)}"
    except metadata.PackageNotFoundError:
        return ""
