"""One thing that a sweep says about itself, and what would settle it."""

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
    """A sentence with its topic, how much it matters, and what to tell the next sweep."""

    topic: str
    """What it is about, in a word or two."""
    sentence: str
    severity: str = "info"
    """`good`, `info`, `warning` or `severe`."""
    overrides: tuple[str, ...] = ()
    """Words for the command line of a next sweep."""
    purpose: str = ""
    """What they are for, after "to"; set with `overrides`."""


def command_words(record: SweepRecord) -> list[str]:
    """Return the words that started the sweep, but for Hydra's own: where its folder was."""
    try:
        said = shlex.split(" ".join(record.command))  # the ledger keeps them as a shell wants them
    except ValueError:  # taking out a password may have taken a quote along
        said = list(record.command)
    return [word for word in said if not word.startswith("hydra.")]


def setting(record: SweepRecord, key: str) -> float | None:
    """Return a numeric setting of the sweep; None where it is not set or no number."""
    try:
        return language.finite(float(record.config[key]))
    except (KeyError, ValueError):
        return None


def listing(record: SweepRecord, key: str) -> list[Any]:
    """Return a setting that is a list; empty where it is not set or none."""
    try:
        found = ast.literal_eval(record.config[key])
    except (KeyError, ValueError, SyntaxError):
        return []
    return list(found) if isinstance(found, list | tuple) else []
