"""Checks beyond types: ranges, empty texts, and invalid combinations of keys.

All problems are found at once, before any data is read and without importing a framework.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from pipeline.config.choices import (
    CLASSIFICATION_METRICS,
    REGRESSION_METRICS,
    STORE_SCHEMES,
    ComputeKind,
    Task,
)
from pipeline.config.combinations import (
    Wrong,
    data_problems,
    ignored_problems,
    model_problems,
    search_problems,
    training_problems,
)
from pipeline.config.fields import LARGEST, Range
from pipeline.config.identity import flat
from pipeline.config.keys import all_keys, required
from pipeline.config.messages import Problem, did_you_mean, problem
from pipeline.config.schema import SweepConfig

_STORES = "http://HOST:PORT, sqlite:///FILE.db or postgresql://USER:PASSWORD@HOST/NAME"


def problems(config: SweepConfig, *, stored: bool = False) -> list[Problem]:
    """Return everything that is wrong with a configuration; an empty list when nothing is.

    A combination with a number that is out of range by itself is left out: it is one mistake. For a
    `stored` configuration, with which a sweep has run, keys that are ignored are no problem.
    """
    values = flat(config)
    alone = list(_single_values(values))
    wrong = {each.key for each in alone}
    combined = []
    for check in (
        _objective,
        data_problems,
        model_problems,
        search_problems,
        training_problems,
        _limits,
        _addresses,
        *([] if stored else [ignored_problems]),
    ):
        for key, must, *value in check(config):
            each = problem(key, value[0] if value else values[key], must)
            combined.append(each if key != "search.kind" else Problem(each.sentence))
    return alone + [each for each in combined if not _follows(each, wrong)]


def _single_values(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield numbers outside their range, and empty texts.

    `registry.name=` is a slip, `registry.name=null` is meant.
    """
    for name, key in all_keys().items():
        value = values.get(name)
        if key.allowed is not None:
            yield from _outside(name, value, key.allowed)
        if key.is_text and isinstance(value, str) and (not value.strip() or "\0" in value):
            yield problem(
                name,
                value,
                f"must not be empty{', or null' * (required(key.hint) is not key.hint)}",
            )


def _outside(name: str, value: Any, allowed: Range) -> Iterator[Problem]:
    for number in _numbers(value):
        if number > LARGEST:
            yield problem(name, value, f"must be at most {LARGEST:.12g}")
        elif number not in allowed:
            yield problem(name, value, f"{'each ' * isinstance(value, list)}must be {allowed}")


def _numbers(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _numbers(item)
    elif value is not None:
        yield value


def _follows(combined: Problem, wrong: set[str]) -> bool:
    """Return whether a combination is invalid only because one of its numbers is out of range."""
    named = {f"{key.rpartition('.')[2]}=" for key in wrong} - {combined.key}
    return combined.key in wrong or any(name in combined.sentence for name in named)


def _objective(config: SweepConfig) -> Iterator[Wrong]:
    metric, colon, direction = config.objective.partition(":")
    of_task = {Task.regression: REGRESSION_METRICS, Task.classification: CLASSIFICATION_METRICS}
    known = of_task.get(config.data.task, REGRESSION_METRICS | CLASSIFICATION_METRICS)
    if metric not in known:
        hint = did_you_mean(metric, known)
        yield "objective", f"must be a metric of this task, one of {', '.join(known)}{hint}"
    elif direction != known[metric] and (metric != "val_loss" or colon):
        yield "objective", f"must state its direction: {metric}:{known[metric]}"


def _limits(config: SweepConfig) -> Iterator[Wrong]:
    if config.budget.cost is not None and config.budget.cost_per_hour is None:
        yield "budget.cost", "needs budget.cost_per_hour, this machine's price"
    if config.compute.address is not None and config.compute.kind is ComputeKind.local:
        yield "compute.address", "is read by compute=ray alone"
    if set(config.registry.name or "") & set("/:"):
        yield "registry.name", "must not hold / or :, as MLflow reads them"
    if not config.resume.replace("-", "").replace("_", "").isalnum():
        yield "resume", "must be no, auto, or the id of a sweep"


def _addresses(config: SweepConfig) -> Iterator[Wrong]:
    wrong = _wrong_store(config.tracking.uri) if config.tracking.uri is not None else ""
    if wrong:
        yield "tracking.uri", wrong
    if config.notify.url is not None and not _is_web(config.notify.url):
        yield "notify.url", "must be an address like https://HOST/PATH"


def _wrong_store(uri: str) -> str:
    """Return what is wrong with a tracking URI, or an empty string."""
    scheme = uri.partition(":")[0].partition("+")[0].lower()
    if scheme == "file" or ("://" not in uri and scheme != "databricks"):
        return (
            f"must be a database or a server ({_STORES}); MLflow no longer writes to plain folders"
        )
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
        parts = urlsplit(address)
        has_host = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # a port that is no number, or too large; brackets that do not close
        return False
    return has_host and parts.scheme in {"http", "https"} and not re.search(r"\s", address)
