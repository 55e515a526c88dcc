"""What identifies a configuration, and how it is written down flat."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from enum import Enum
from typing import TYPE_CHECKING, Any

from pipeline.config.redact import shown
from pipeline.config.schema import OUTSIDE_FINGERPRINT
from pipeline.config.source import builder_source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.config.schema import SweepConfig

SOURCE = "model.builder.source"
"""No key of a configuration: a hash of the code that its builder is."""
_DIGITS = 16
"""64 bits: no two configurations of a store will meet by chance."""


def fingerprint(config: SweepConfig) -> str:
    """Return a hash of all that makes a fit what it is, Keras backend and builder's source included.

    Budget, machines, store and the places of files are outside (`OUTSIDE_FINGERPRINT`): a sweep may
    be resumed with others. What the files hold is hashed with the data.
    """
    inside = {key: value for key, value in _flat(asdict(config)).items() if not _is_outside(key)}
    inside["backend"] = os.environ.get("KERAS_BACKEND", "tensorflow")
    if config.model.builder is not None:
        inside[SOURCE] = builder_source(config.model.builder)
    text = json.dumps(inside, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def flatten(config: SweepConfig) -> dict[str, str]:
    """Return every value by its dotted key as text, credentials hidden, and the builder's source."""
    flat = {key: shown(key, value) for key, value in _flat(asdict(config)).items()}
    if config.model.builder is not None:
        flat[SOURCE] = builder_source(config.model.builder)
    return flat


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return one line for every key inside the fingerprint that two flat configurations do not share."""
    lines = []
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key, "(not there)"), now.get(key, "(not there)")
        if old != new and not _is_outside(key):
            lines.append(f"{key}: was {old}, is {new}")
    return lines


def _is_outside(key: str) -> bool:
    return any(key == outside or key.startswith(f"{outside}.") for outside in OUTSIDE_FINGERPRINT)


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = _plain(value)
    return flat


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
