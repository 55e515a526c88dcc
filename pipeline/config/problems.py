"""One thing that is wrong with the configuration, and how several are told at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.config.redact import redacted, shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class Problem:
    """A sentence about a key, or about a word of the command line."""

    sentence: str
    """What, the value, what is allowed; credentials hidden."""
    key: str = ""
    """The dotted key to change; empty where the sentence says all."""


def problem(key: str, value: Any, must: str) -> Problem:
    """Return a problem with a value: `training.patience=-1: must be at least 1`."""
    return Problem(f"{key}={_as_written(key, value)}: {must}", key)


def tell(problems: Sequence[Problem], choices: Mapping[str, str]) -> str:
    """Return all problems as one message, each with the place to change it.

    Args:
        problems: What was found, in any order.
        choices: The option picked for each group, as in Hydra's `runtime.choices`.
    """
    lines = list(
        dict.fromkeys(redacted(each.sentence) + _where(each.key, choices) for each in problems)
    )
    if len(lines) == 1:
        return lines[0]
    return "\n  - ".join([f"{len(lines)} problems in the configuration:", *lines])


def _where(key: str, choices: Mapping[str, str]) -> str:
    if not key:
        return ""
    group, _, below = key.partition(".")
    if not below:
        return f" (conf/sweep.yaml, or {key}=VALUE on the command line)"
    file = f"{choices[group]}.yaml" if choices.get(group) else ""
    return f" (conf/{group}/{file}, or {key}=VALUE on the command line)"


def _as_written(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ",".join(_as_written(key, item) for item in value) + "]"
    return shown(key, value)
