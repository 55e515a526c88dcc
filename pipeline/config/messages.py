"""Problems of a configuration as sentences, with the nearest valid name and the place to change it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.config.redact import redacted, shown

_LIKE_ENOUGH = 0.6
"""Least similarity of a suggestion, difflib's default."""


@dataclass(frozen=True)
class Problem:
    """A sentence about a key, or about an argument of the command line."""

    sentence: str
    """Key, value and allowed values; credentials hidden."""
    key: str = ""
    """The dotted key to change; empty where no place is to be named."""


def problem(key: str, value: Any, must: str) -> Problem:
    """Return a problem with a value: `training.patience=-1: must be at least 1`."""
    return Problem(f"{key}={_as_written(key, value)}: {must}", key)


def message(problems: Sequence[Problem], options: Mapping[str, str]) -> str:
    """Return all problems as one message, each with the place to change it: `options` select the file."""
    lines = list(
        dict.fromkeys(redacted(each.sentence) + _place(each.key, options) for each in problems)
    )
    if len(lines) == 1:
        return lines[0]
    return "\n  - ".join([f"{len(lines)} problems in the configuration:", *lines])


def _place(key: str, options: Mapping[str, str]) -> str:
    if not key:
        return ""
    group, _, below = key.partition(".")
    file = f"{group}/{options.get(group, '')}" if below else "sweep"
    file += "" if file.endswith("/") else ".yaml"
    return f" (conf/{file}, or {key}=VALUE on the command line)"


def _as_written(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "[" + ",".join(_as_written(key, item) for item in value) + "]"
    return shown(key, value)


def nearest(word: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed name that is nearest to a word, or None.

    A dotted key is also found by its last part alone: `epochs` and `trainng.epochs` are
    `training.epochs`.
    """
    known = list(allowed)
    if word in known:  # the word itself is valid
        return None
    last = word.rpartition(".")[2]
    same_end = [key for key in known if key.rpartition(".")[2] == last]
    if same_end:
        return max(same_end, key=lambda key: difflib.SequenceMatcher(None, word, key).ratio())
    ends = {key.rpartition(".")[2]: key for key in known}
    for text, names in ((word, {key: key for key in known}), (last, ends)):
        close = difflib.get_close_matches(text.lower(), list(names), n=1, cutoff=_LIKE_ENOUGH)
        if close:
            return names[close[0]]
    return None


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """Return `; did you mean X?`, or an empty string where no allowed name is near."""
    close = nearest(word, allowed)
    return f"; did you mean {close}?" if close else ""
