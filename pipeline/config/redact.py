"""Keeps credentials out of everything that is printed, logged or stored."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

from pipeline.config.schema import SweepConfig

HIDDEN = "***"

_SECRET_KEYS = frozenset({"notify.url"})
"""Keys whose whole value is a credential: everybody who knows a webhook's address can post to it."""
_SECRET_WORDS = re.compile(
    r"(?:password|passwd|passphrase|secret|token|api_?key|access_?key|credential|private_?key)",
    re.IGNORECASE,
)
_SECRET_PARTS = re.compile(r"(?:^|_)(?:pass|pw|pwd|key|auth|pat|jwt|dsn)(?:_|$)", re.IGNORECASE)
"""Parts of the names of environment variables; in keys of ours they are ordinary words."""
_USER_IN_URI = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)[^/\s?#'\"]*@")
_IN_QUERY = re.compile(
    r"(?P<name>[?&;][^=&;\s]*(?:password|passwd|secret|token|key|credential|signature|sig)[^=&;\s]*=)[^&;\s'\"]+",
    re.IGNORECASE,
)


def is_secret(key: str) -> bool:
    """Return whether the value of this dotted key must never be shown."""
    return key in _SECRET_KEYS or bool(_SECRET_WORDS.search(key))


def is_secret_variable(name: str) -> bool:
    """Return whether the value of this environment variable must never be shown.

    PWD is the working directory and must stay readable in printed commands.
    """
    return name != "PWD" and (is_secret(name) or bool(_SECRET_PARTS.search(name)))


_SHORTEST = 6
"""Least length of a value that is hidden: shorter ones occur inside ordinary words."""
_hidden_values: set[str] = set()


def hide_environment() -> None:
    """Make `redacted` hide, from now on, the secrets in environment variables."""
    _hide(value for name, value in os.environ.items() if is_secret_variable(name))


def hide_secrets_of(config: SweepConfig) -> None:
    """Make `redacted` hide, from now on, the secrets of a configuration and of the environment."""
    hide_environment()
    values: list[str] = []
    if config.notify.url is not None:
        values += [config.notify.url, urlsplit(config.notify.url).path]
    if config.tracking.uri is not None:
        password = config.tracking.uri.partition("://")[2].rpartition("@")[0].partition(":")[2]
        values += [password, unquote(password)]
    _hide(values)


def _hide(values: Iterable[str]) -> None:
    _hidden_values.update(value for value in values if len(value) >= _SHORTEST)


def redacted(text: str) -> str:
    """Return text without known secrets, users and passwords of URIs, and secrets in queries."""
    for value in sorted(_hidden_values, key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    without_user = _USER_IN_URI.sub(rf"\g<scheme>{HIDDEN}@", text)
    return _IN_QUERY.sub(rf"\g<name>{HIDDEN}", without_user)


def shown(key: str, value: object) -> str:
    """Return the value of a key as it may be shown."""
    if value is None:
        return "null"
    return HIDDEN if is_secret(key) else redacted(str(value))


def redacted_argument(argument: str) -> str:
    """Return an argument `key=value` as it may be shown."""
    key, equals, value = argument.partition("=")
    return f"{key}={shown(key.lstrip('+'), value)}" if equals else redacted(argument)


class RedactingFormatter(logging.Formatter):
    """A log formatter, tracebacks included, that hides credentials."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line as it may be shown."""
        return redacted(super().format(record))
