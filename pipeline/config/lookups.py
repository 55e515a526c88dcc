"""What a configuration may look up (`${...}`) while it is composed, and what of it is shown.

Other keys, the time, a default that depends on another key, and the environment. A variable whose name
looks like a secret's may be read into an address, whose credentials are always hidden, and nowhere else:
a name or a path is printed, logged and sent to the tracking store as it stands.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig, OmegaConf

from pipeline.config.messages import Problem
from pipeline.config.redact import is_secret_variable

ENVIRONMENT = ("env", "oc.env")
RESOLVERS = (*ENVIRONMENT, "now", "oc.select", "below_epochs")
ADDRESSES = ("tracking.uri", "notify.url")

_INNERMOST = re.compile(r"\$\{([^${}]*)\}")
_VARIABLE = re.compile(r"\s*(?P<quote>['\"]?)(?P<name>\w+)(?P=quote)\s*(?:,.*)?", re.DOTALL)
_ADDRESS = re.compile(r"\b(?:uri|url)\b")
_SEEN = "\0"
"""Stands for an inner look-up that has been seen."""


def lookup_problems(own: DictConfig) -> Iterator[Problem]:
    """Yield what a configuration without Hydra's part must not look up; nothing is looked up for that."""
    for key, text in _lookups(own).items():
        for inner in _inside(text):
            wrong = _wrong(key, inner)
            if wrong:
                yield Problem(f"{key}: {wrong}", key)


def as_written(own: DictConfig, config: Any) -> DictConfig:
    """Return a configuration in which whatever came from the environment stands as it was written.

    Args:
        own: As it was composed.
        config: The same, looked up; a dataclass.
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
    """Return what is wrong with one `${...}`, given what stands in its braces; empty: nothing."""
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


def _wrong_key(key: str, other: str) -> str:
    if _SEEN in other:
        return "a look-up cannot name another one"
    repeats = key not in ADDRESSES and _ADDRESS.search(other)
    return f"cannot repeat {other}, which may hold a credential" if repeats else ""


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
    """Return the environment variable that a look-up names; empty where it names none."""
    resolver, _, argument = inner.partition(":")
    match = _VARIABLE.fullmatch(argument) if resolver.strip() in ENVIRONMENT else None
    return match["name"] if match else ""


def _inside(text: str) -> Iterator[str]:
    """Yield what stands in the braces of every look-up, the innermost first."""
    while match := _INNERMOST.search(text):
        yield match[1]
        text = f"{text[: match.start()]}{_SEEN}{text[match.end() :]}"


def _lookups(own: DictConfig) -> dict[str, str]:
    """Return the keys whose value is looked up, with that value as it is written."""
    return dict(_texts(OmegaConf.to_container(own, resolve=False), ""))


def _texts(tree: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from _texts(value, f"{path}.{key}" if path else str(key))
    elif isinstance(tree, list):
        for place, value in enumerate(tree):
            yield from _texts(value, f"{path}[{place}]")
    elif isinstance(tree, str) and "${" in tree:
        yield path, tree
