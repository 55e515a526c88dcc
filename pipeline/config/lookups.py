"""Which interpolations (`${...}`) a configuration may use, and how their values are shown.

Allowed are other keys, the time, a default that depends on another key, and the environment. A variable
whose name looks like a secret may be read only into an address, whose credentials are always hidden: names
and paths are printed, logged and sent to the tracking store unchanged.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig, OmegaConf

from pipeline.config.keys import leaves
from pipeline.config.messages import Problem
from pipeline.config.redact import is_secret_variable

ENVIRONMENT = ("env", "oc.env")
RESOLVERS = (*ENVIRONMENT, "now", "oc.select", "below_epochs")
ADDRESSES = ("tracking.uri", "notify.url")

_INNERMOST = re.compile(r"\$\{([^${}]*)\}")
_VARIABLE = re.compile(r"\s*(?P<quote>['\"]?)(?P<name>\w+)(?P=quote)\s*(?:,.*)?", re.DOTALL)
_ADDRESS = re.compile(r"\b(?:uri|url)\b")
_SEEN = "\0"
"""Replaces an inner interpolation that has been checked."""


def lookup_problems(own: DictConfig) -> Iterator[Problem]:
    """Yield the forbidden interpolations of a configuration without Hydra's part; none is resolved."""
    for key, text in _lookups(own).items():
        for inner in _inside(text):
            wrong = _wrong(key, inner)
            if wrong:
                yield Problem(f"{key}: {wrong}", key)


def as_written(own: DictConfig, config: Any) -> DictConfig:
    """Return a configuration in which values from the environment are shown as interpolations.

    Args:
        own: The composed configuration, not resolved.
        config: The same, resolved; a dataclass.
    """
    shown = DictConfig(OmegaConf.to_container(OmegaConf.structured(config)))
    lookups = _lookups(own)
    names = [_variable(inner) for text in lookups.values() for inner in _inside(text)]
    values = {value for name in names if name and (value := os.environ.get(name))}
    for key, text in lookups.items():
        if any(value in str(OmegaConf.select(own, key)) for value in values):
            OmegaConf.update(shown, key, text)
    return shown


def _wrong(key: str, inner: str) -> str:
    """Return the problem with one `${...}`, given the text in its braces; empty for none."""
    resolver, colon, argument = inner.partition(":")
    resolver = resolver.strip()
    if not colon:
        return _wrong_key(key, inner)
    if resolver == "oc.select":
        return _wrong_key(key, argument.partition(",")[0])
    if resolver in ENVIRONMENT:
        return _wrong_variable(key, inner)
    if resolver in RESOLVERS:
        return ""
    shown = resolver.replace(_SEEN, "${...}")
    return f"${{{shown}:...}} cannot be looked up; allowed: {', '.join(RESOLVERS)}"


def _wrong_key(key: str, named: str) -> str:
    if _SEEN in named:
        return "a look-up cannot name another one"
    repeats = key not in ADDRESSES and _ADDRESS.search(named)
    return f"cannot repeat {named}, which may hold a credential" if repeats else ""


def _wrong_variable(key: str, inner: str) -> str:
    name = _variable(inner)
    if not name:
        return "${oc.env:...} takes the name of an environment variable"
    if key in ADDRESSES or not is_secret_variable(name):
        return ""
    return (
        f"reads the environment variable {name}, which looks like a secret;"
        f" only {' and '.join(ADDRESSES)} may"
    )


def _variable(inner: str) -> str:
    """Return the environment variable that an interpolation names; empty for none."""
    resolver, _, argument = inner.partition(":")
    match = _VARIABLE.fullmatch(argument) if resolver.strip() in ENVIRONMENT else None
    return match["name"] if match else ""


def _inside(text: str) -> Iterator[str]:
    """Yield the text in the braces of every interpolation, innermost first."""
    while match := _INNERMOST.search(text):
        yield match[1]
        text = f"{text[: match.start()]}{_SEEN}{text[match.end() :]}"


def _lookups(own: DictConfig) -> dict[str, str]:
    """Return the keys whose values are interpolations, with those as written."""
    written = leaves(OmegaConf.to_container(own, resolve=False), lists=True)
    return {key: value for key, value in written if isinstance(value, str) and "${" in value}
