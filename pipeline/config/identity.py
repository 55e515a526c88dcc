"""Fingerprint and flat form of a configuration."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from enum import Enum
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any, cast

from pipeline.config.keys import leaves
from pipeline.config.redact import shown
from pipeline.config.schema import OUTSIDE_FINGERPRINT, SweepConfig
from pipeline.config.schema_search import PER_TRIAL
from pipeline.core.records import Direction, Objective

SOURCE = "model.builder.source"
"""Key in the flat form for the hash of the builder's code; not a setting."""
_RECORDED_IDLE = frozenset({"batch_size", "dropout", "encoding", "weight_decay"})
"""Per-trial values that stores of all versions hold, also where no trial has one."""
_DIGITS = 16
"""Hexadecimal digits of a fingerprint, 64 bits: collisions are practically impossible."""


def fingerprint(config: SweepConfig) -> str:
    """Return a hash of all settings that a fit depends on, with Keras backend and builder's source.

    Budget, machines, store and paths are excluded (`OUTSIDE_FINGERPRINT`): a sweep may be resumed with
    other values of them. The content of files is hashed with the data.
    """
    inside = {key: value for key, value in _said(config).items() if not _is_outside(key)}
    inside["backend"] = os.environ.get("KERAS_BACKEND", "tensorflow")
    if config.model.builder is not None:
        inside[SOURCE] = builder_source(config.model.builder)
    text = json.dumps(inside, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def objective(config: SweepConfig) -> Objective:
    """Return the metric that trials are compared by, of a checked configuration."""
    metric, _, direction = config.objective.partition(":")
    return Objective(metric, Direction(direction or "min"))


def flatten(config: SweepConfig) -> dict[str, str]:
    """Return every value as text by dotted key, credentials hidden, and the hash of the builder's code."""
    texts = {key: shown(key, value) for key, value in _said(config).items()}
    if config.model.builder is not None:
        texts[SOURCE] = builder_source(config.model.builder)
    return texts


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return a line for every key of the fingerprint in which two flat configurations differ."""
    lines = []
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key, "(not there)"), now.get(key, "(not there)")
        if old != new and not _is_outside(key):
            lines.append(f"{key}: was {old}, is {new}")
    return lines


def _is_outside(key: str) -> bool:
    return any(key == outside or key.startswith(f"{outside}.") for outside in OUTSIDE_FINGERPRINT)


def _said(config: SweepConfig) -> dict[str, Any]:
    """Return every value by dotted key, without per-trial values that no trial has.

    So a fingerprint stays the same when a new version adds a per-trial value.
    """
    idle = {
        f"search.nuisance.{name}": list(entry.idle)
        for name, entry in PER_TRIAL.items()
        if name not in _RECORDED_IDLE
    }
    values = flat(config)
    return {key: value for key, value in values.items() if key not in idle or value != idle[key]}


def flat(config: SweepConfig) -> dict[str, Any]:
    """Return every value of a configuration by dotted key; empty mappings have none."""
    return {key: _plain(value) for key, value in leaves(asdict(config)) if value != {}}


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.value if isinstance(value, Enum) else value


def builder_source(reference: str) -> str:
    """Return a hash of the module that `package.module:function` names; empty where it is not found.

    It is located as an import would, the working directory included, but neither it nor its packages are
    imported. Modules that it imports are not part of the hash.
    """
    importlib.invalidate_caches()  # it may have been written a moment ago
    first, *parts = reference.partition(":")[0].split(".")
    spec = _outermost(first)
    for part in parts:  # by its last name: with the full name its package would be imported
        folders = list(spec.submodule_search_locations or ()) if spec else []
        spec = PathFinder.find_spec(part, folders)
    loader: Any = spec.loader if spec else None
    if spec is None or not spec.origin or not hasattr(loader, "get_data"):
        return ""
    with contextlib.suppress(OSError):  # gone by now
        return hashlib.sha256(loader.get_data(spec.origin)).hexdigest()[:_DIGITS]
    return ""


def _outermost(name: str) -> ModuleSpec | None:
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        if find is not None and (spec := find(name, None)) is not None:
            return cast("ModuleSpec", spec)
    return PathFinder.find_spec(name, [str(Path.cwd())])
