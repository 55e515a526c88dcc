"""What identifies a configuration, and how it is written down flat."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.config.redact import shown
from pipeline.config.schema import OUTSIDE_FINGERPRINT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.config.schema import SweepConfig

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
        inside["builder"] = hashlib.sha256(_source(config.model.builder)).hexdigest()
    text = json.dumps(inside, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def flatten(config: SweepConfig) -> dict[str, str]:
    """Return every value by its dotted key as text, credentials hidden."""
    return {key: shown(key, value) for key, value in _flat(asdict(config)).items()}


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return one line for every key inside the fingerprint that two flat configurations do not share."""
    lines = []
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key, "(not there)"), now.get(key, "(not there)")
        if old != new and not _is_outside(key):
            lines.append(f"{key}: was {old}, is {new}")
    return lines


def _source(reference: str) -> bytes:
    """Return the source of a module named as `package.module:function`, which is not imported.

    Empty where there is none: who builds networks with it says so. What it imports itself is not
    looked at.
    """
    parts = reference.partition(":")[0].split(".")
    for folder in [*map(Path, sys.path), Path.cwd()]:
        for file in (Path(*parts).with_suffix(".py"), Path(*parts, "__init__.py")):
            if (folder / file).is_file():
                return (folder / file).read_bytes()
    return b""


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
