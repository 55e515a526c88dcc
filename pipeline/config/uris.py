"""Addresses in the configuration: the MLflow store and the webhook."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from pipeline.config.names import STORE_SCHEMES
from pipeline.config.problems import Problem, problem
from pipeline.config.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.config.schema import SweepConfig

_EXAMPLES = "http://HOST:PORT, sqlite:///FILE.db or postgresql://USER:PASSWORD@HOST/NAME"


def uri_problems(config: SweepConfig) -> Iterator[Problem]:
    """Yield what is wrong with `tracking.uri` and `notify.url`; nothing is contacted."""
    if config.tracking.uri is not None:
        wrong = _store(config.tracking.uri)
        if wrong:
            yield problem("tracking.uri", config.tracking.uri, wrong)
    if config.notify.url is not None and not _is_web(config.notify.url):
        yield problem("notify.url", config.notify.url, "must be an address like https://HOST/PATH")


def _store(uri: str) -> str:
    """Return what is wrong with a tracking URI, or an empty string."""
    scheme = uri.partition(":")[0].partition("+")[0].lower()
    if scheme == "file" or ("://" not in uri and scheme != "databricks"):
        return f"must be a database or a server ({_EXAMPLES}); MLflow no longer writes to plain folders"
    if scheme not in STORE_SCHEMES:
        allowed = ", ".join(sorted(STORE_SCHEMES))
        return f"must begin with one of {allowed}{did_you_mean(scheme, STORE_SCHEMES)}"
    if scheme in {"http", "https"} and not _is_web(uri):
        return "must name a host and, after a colon, a port from 1 to 65535"
    if scheme == "sqlite" and not re.fullmatch(r"sqlite(\+\w+)?:////?[^/].*", uri, re.IGNORECASE):
        return (
            "must be sqlite:///FILE.db in the working directory, sqlite:////DIR/FILE.db for another"
        )
    return ""


def _is_web(address: str) -> bool:
    try:
        parts: SplitResult = urlsplit(address)
        named = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # a port that is no number, or too large; brackets that do not close
        return False
    return (
        named
        and parts.scheme in {"http", "https"}
        and not any(letter.isspace() for letter in address)
    )
