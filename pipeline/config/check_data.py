"""Combinations within `data` that cannot be meant; the table itself is looked at elsewhere."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from pipeline.config.names import DATA_KINDS
from pipeline.config.problems import Problem, problem
from pipeline.config.schema import DataConfig, SplitKind, SweepConfig, Task
from pipeline.config.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHANNELS = (1, 3)
FEWEST_LEVELS = 2
TABS = ("tab", "\\t")


def data_problems(config: SweepConfig) -> Iterator[Problem]:
    """Yield everything that is wrong within `data`."""
    data = config.data
    if data.kind not in DATA_KINDS:
        hint = did_you_mean(data.kind, DATA_KINDS)
        yield problem("data.kind", data.kind, f"must be one of {', '.join(DATA_KINDS)}{hint}")
    yield from _missing(data)
    yield from _columns(data)
    yield from _kinds(data)
    yield from _details(data)
    yield from _written(data)
    yield from _splits(data)
    if data.kind in {"pixels", "images"}:
        yield from _images(data)


def _missing(data: DataConfig) -> Iterator[Problem]:
    if data.path is None:
        what = "a folder of images" if data.kind == "images" else "a CSV or Parquet file"
        yield problem("data.path", data.path, f"must name {what}")
    if data.target is None:
        yield problem("data.target", data.target, "must name the column to predict")


def _columns(data: DataConfig) -> Iterator[Problem]:
    """One column, one role."""
    roles = {name: getattr(data, name) for name in ("target", "group", "time", "id", "weight")}
    taken: dict[str, str] = {}
    for role, column in roles.items():
        if column is None or not data.target:
            continue
        if column in taken:
            yield problem(
                f"data.{role}", column, f"is already data.{taken[column]}; a column has one role"
            )
        taken[column] = role
    if data.target in data.drop:
        yield problem("data.drop", data.drop, f"must not hold the target {data.target}")
    if len(set(data.drop)) < len(data.drop):
        yield problem("data.drop", data.drop, "must name each column once")


def _kinds(data: DataConfig) -> Iterator[Problem]:
    """One column, one kind."""
    keys = ("categories", "numbers", "dates", "ordered")
    taken: dict[str, str] = {}
    for key in keys:
        for column in getattr(data, key):
            if column == data.target:
                yield problem(
                    f"data.{key}", column, "is the target, whose task is data.task; leave it out"
                )
            elif column in data.drop:
                yield problem(f"data.{key}", column, "is left out by data.drop; say one of them")
            elif column in taken:
                twice = "stands there twice" if taken[column] == key else ""
                yield problem(
                    f"data.{key}", column, twice or f"is in data.{taken[column]}, too; say one kind"
                )
            taken[column] = key


def _details(data: DataConfig) -> Iterator[Problem]:
    """Orders and formats that say nothing."""
    for column, levels in data.ordered.items():
        if len(levels) < FEWEST_LEVELS or len(set(levels)) < len(levels):
            yield problem(
                f"data.ordered.{column}", levels, "must name at least two levels, each once"
            )
    for column, form in data.dates.items():
        if form != "ISO8601" and "%" not in form:
            yield problem(
                f"data.dates.{column}",
                form,
                "must be a format like %d.%m.%Y (Python's strptime), or ISO8601",
            )


def _written(data: DataConfig) -> Iterator[Problem]:
    """Say how a CSV file can be written."""
    if data.delimiter is not None and len(data.delimiter) != 1 and data.delimiter not in TABS:
        yield problem("data.delimiter", data.delimiter, "must be one character, or tab")
    if data.decimal is not None and data.decimal not in {".", ","}:
        yield problem("data.decimal", data.decimal, "must be . or ,")
    if data.encoding is not None:
        try:
            codecs.lookup(data.encoding)
        except LookupError:
            yield problem("data.encoding", data.encoding, "must be one of Python, such as cp1252")


def _splits(data: DataConfig) -> Iterator[Problem]:
    """Say what a key would do before it is read by nobody."""
    split = data.split.name
    if data.group is not None and data.time is not None:
        yield problem(
            "data.group", data.group, "cannot be kept together with data.time; choose one"
        )
    elif data.time is not None and data.split is not SplitKind.random:
        yield problem(
            "data.split", split, "is not read with data.time, which orders the rows; leave it out"
        )
    elif data.group is not None and data.split is SplitKind.last:
        yield problem(
            "data.split", split, "cannot keep the groups of data.group together; say random or hash"
        )
    if data.repeats > 1 and data.folds is None:
        yield problem("data.repeats", data.repeats, "repeats data.folds, which is not given")
    elif data.repeats > 1 and (data.time is not None or data.split is not SplitKind.random):
        yield problem(
            "data.repeats",
            data.repeats,
            "needs rows dealt at random; with data.time or data.split=hash or last all are alike",
        )
    if data.id is not None and data.split is not SplitKind.hash:
        yield problem("data.id", data.id, "is read by data.split=hash alone")
    elif data.id is not None and data.group is not None:
        yield problem(
            "data.id", data.id, "is not read with data.group, whose values are hashed instead"
        )


def _images(data: DataConfig) -> Iterator[Problem]:
    for side in ("image_height", "image_width"):
        if getattr(data, side) is None:
            yield problem(
                f"data.{side}", None, f"must be given in pixels for data.kind={data.kind}"
            )
    if data.image_channels not in _CHANNELS:
        yield problem("data.image_channels", data.image_channels, "must be 1 (grey) or 3 (colour)")
    if data.task is Task.regression and data.kind == "images":
        yield problem(
            "data.task", "regression", "must be classification: the folders are the classes"
        )
