"""One remark about a sweep, and the settings of a next one that would settle it."""

from __future__ import annotations

import ast
import shlex
from dataclasses import dataclass
from typing import Any

from pipeline.core import language
from pipeline.ledger.read import SweepRecord

SEVERE = "severe"
"""A severity above warnings: what makes every score doubtful."""


@dataclass(frozen=True)
class Remark:
    """A sentence with its topic, how much it matters, and the arguments of a next sweep."""

    topic: str
    """What it is about, in a word or two."""
    sentence: str
    severity: str = "info"
    """`good`, `info`, `warning` or `severe`."""
    overrides: tuple[str, ...] = ()
    """Arguments for the command line of a next sweep, `key=value` each."""
    purpose: str = ""
    """What the overrides are for, after "to"."""


def arguments(record: SweepRecord) -> list[str]:
    """Return the arguments that started the sweep, without Hydra's own: where its folder was."""
    try:
        given = shlex.split(" ".join(record.command))  # the ledger keeps them quoted for a shell
    except ValueError:  # taking out a password may have taken a quote along
        given = list(record.command)
    return [argument for argument in given if not argument.startswith("hydra.")]


def setting(record: SweepRecord, key: str) -> float | None:
    """Return a numeric setting of the sweep; None where it is not set or no number."""
    try:
        return language.finite(float(record.config[key]))
    except (KeyError, ValueError):
        return None


def listing(record: SweepRecord, key: str) -> list[Any]:
    """Return a setting that is a list; empty where it is not set or none."""
    try:
        value = ast.literal_eval(record.config[key])
    except (KeyError, ValueError, SyntaxError):
        return []
    return list(value) if isinstance(value, list | tuple) else []
