"""Invalid combinations of keys, by group; the table itself is checked elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from pipeline.config.choices import (
    ACTIVATIONS,
    DATA_KINDS,
    OPTIMIZERS,
    USE_MOMENTUM,
    ChampionKind,
    ChampionRows,
    ClassWeight,
    Encoding,
    SearchKind,
    SplitKind,
    Task,
)
from pipeline.config.messages import did_you_mean
from pipeline.config.schema import SweepConfig
from pipeline.config.schema_data import DataConfig
from pipeline.config.schema_search import PER_TRIAL, CapacityConfig, LearningRateConfig

Wrong = tuple[str, str] | tuple[str, str, Any]
"""A key and what its value must be; optionally the value, where only a part of the key's value is wrong."""

_CHANNELS = (1, 3)
_EMBEDS = {"mlp", "tabm"}
"""Families that embed numbers."""
_FEWEST_LEVELS = 2
TABS = ("tab", "\\t")


def data_problems(config: SweepConfig) -> Iterator[Wrong]:
    """Yield the problems within `data`."""
    data = config.data
    if data.kind not in DATA_KINDS:
        yield "data.kind", _one_of(data.kind, DATA_KINDS)
    if data.path is None:
        what = "a folder of images" if data.kind == "images" else "a CSV or Parquet file"
        yield "data.path", f"must name {what}"
    if data.target is None:
        yield "data.target", "must name the column to predict"
    yield from _roles(data)
    yield from _column_kinds(data)
    yield from _orders_and_dates(data)
    yield from _file_format(data)
    yield from _splits(data)
    yield from _images(data)


def _roles(data: DataConfig) -> Iterator[Wrong]:
    """Yield columns with two roles."""
    taken: dict[str, str] = {}
    for role in ("target", "group", "time", "id", "weight") if data.target else ():
        column = getattr(data, role)
        if column in taken:
            yield f"data.{role}", f"is already data.{taken[column]}; a column has one role"
        if column is not None:
            taken[column] = role
    if data.target in data.drop:
        yield "data.drop", f"must not hold the target {data.target}"
    if len(set(data.drop)) < len(data.drop):
        yield "data.drop", "must name each column once"


def _column_kinds(data: DataConfig) -> Iterator[Wrong]:
    """Yield columns with two kinds."""
    taken: dict[str, str] = {}
    for kind in ("categories", "numbers", "dates", "ordered"):
        key = f"data.{kind}"
        for column in getattr(data, kind):
            if column == data.target:
                yield key, "is the target, whose task is data.task; leave it out", column
            elif column in data.drop:
                yield key, "is left out by data.drop; keep one of the two", column
            elif taken.get(column) == kind:
                yield key, "stands there twice", column
            elif column in taken:
                yield key, f"is in data.{taken[column]}, too; keep one of the two", column
            taken[column] = kind


def _orders_and_dates(data: DataConfig) -> Iterator[Wrong]:
    for column, levels in data.ordered.items():
        if len(levels) < _FEWEST_LEVELS or len(set(levels)) < len(levels):
            yield f"data.ordered.{column}", "must name at least two levels, each once", levels
    for column, form in data.dates.items():
        if form != "ISO8601" and "%" not in form:
            must = "must be a format like %d.%m.%Y (Python's strptime), or ISO8601"
            yield f"data.dates.{column}", must, form


def _file_format(data: DataConfig) -> Iterator[Wrong]:
    if data.delimiter is not None and len(data.delimiter) != 1 and data.delimiter not in TABS:
        yield "data.delimiter", "must be one character, or tab"
    if data.decimal is not None and data.decimal not in {".", ","}:
        yield "data.decimal", "must be . or ,"
    if data.encoding is not None:
        try:
            "".encode(data.encoding)  # no codec that is of no text either
        except LookupError:
            yield "data.encoding", "must be one of Python, such as cp1252"


def _splits(data: DataConfig) -> Iterator[Wrong]:
    """Yield keys of the split that contradict each other or would be ignored."""
    at_random = data.split is SplitKind.random
    if data.group is not None and data.time is not None:
        yield "data.group", "cannot be kept together with data.time; choose one"
    elif data.time is not None and not at_random:
        yield "data.split", "is not read with data.time, which orders the rows; leave it out"
    elif data.group is not None and data.split is SplitKind.last:
        must = "cannot keep the groups of data.group together; use random or hash"
        yield "data.split", must
    if data.repeats > 1 and data.folds is None:
        yield "data.repeats", "repeats data.folds, which is not given"
    elif data.repeats > 1 and (data.time is not None or not at_random):
        must = "needs rows dealt at random; with data.time or data.split=hash or last all are alike"
        yield "data.repeats", must
    if data.id is not None and data.split is not SplitKind.hash:
        yield "data.id", "is read by data.split=hash alone"
    elif data.id is not None and data.group is not None:
        yield "data.id", "is not read with data.group, whose values are hashed instead"


def _images(data: DataConfig) -> Iterator[Wrong]:
    if data.kind not in {"pixels", "images"}:
        return
    for side in ("image_height", "image_width"):
        if getattr(data, side) is None:
            yield f"data.{side}", f"must be given in pixels for data.kind={data.kind}"
    if data.image_channels not in _CHANNELS:
        yield "data.image_channels", "must be 1 (grey) or 3 (colour)"
    if data.task is Task.regression and data.kind == "images":
        yield "data.task", "must be classification: the folders are the classes"


def model_problems(config: SweepConfig) -> Iterator[Wrong]:
    """Yield combinations of the model family with its builder and with the data."""
    model = config.model
    if model.activation.lower() not in ACTIVATIONS:
        yield "model.activation", _one_of(model.activation, sorted(ACTIVATIONS))
    if model.builder is not None and model.family != "builder":
        yield "model.family", "must be builder where model.builder is given"
    if model.family == "builder" and model.builder is None:
        yield "model.builder", "must name your function: package.module:function"
    if model.builder is not None and not _is_reference(model.builder):
        yield "model.builder", "must look like package.module:function"
    for key, wants_images in (("family", model.family == "cnn"), ("augment", model.augment)):
        if wants_images and config.data.kind == "table":
            yield f"model.{key}", "needs images (data.kind pixels or images), not a table"
    if Encoding.embedded in config.search.nuisance.encoding and model.family not in _EMBEDS:
        yield "search.nuisance.encoding", f"embedded needs model={' or '.join(sorted(_EMBEDS))}"


def _is_reference(text: str) -> bool:
    module, colon, function = text.partition(":")
    parts = [*module.split("."), function]
    return bool(colon) and all(part.isidentifier() for part in parts)


def training_problems(config: SweepConfig) -> Iterator[Wrong]:
    """Yield combinations within training."""
    training = config.training
    if training.patience >= max(training.epochs, 2):
        must = f"must be below training.epochs={training.epochs}, or no fit can stop early"
        yield "training.patience", must
    if training.optimizer.lower() not in OPTIMIZERS:
        yield "training.optimizer", _one_of(training.optimizer, sorted(OPTIMIZERS))
    optimizers = config.search.nuisance.optimizer or [training.optimizer]
    if training.momentum > 0 and not USE_MOMENTUM.intersection(map(str.lower, optimizers)):
        yield "training.momentum", f"is read by {' or '.join(sorted(USE_MOMENTUM))} alone; use 0"
    if training.class_weight is ClassWeight.balanced and config.data.task is Task.regression:
        yield "training.class_weight", "needs classes, but data.task is regression"


def search_problems(config: SweepConfig) -> Iterator[Wrong]:
    """Yield the problems within `search`."""
    search, space = config.search, config.search.space
    is_capacity = isinstance(search, CapacityConfig)
    if (search.kind is SearchKind.capacity) != is_capacity:
        yield "search.kind", f"picks nothing by itself; use search={search.kind}"
    for what in ("layers", "units"):
        low, high = getattr(space, f"{what}_min"), getattr(space, f"{what}_max")
        if low > high:
            must = f"must not be above search.space.{what}_max={high}"
            yield f"search.space.{what}_min", must
    if isinstance(search, CapacityConfig) and config.data.folds is None:
        executions = config.training.executions
        if search.max_executions < executions:
            yield "search.max_executions", f"must be at least training.executions={executions}"
    yield from _learning_rate(search.learning_rate)
    yield from _search_lists(config)


def _learning_rate(rate: LearningRateConfig) -> Iterator[Wrong]:
    key = "search.learning_rate"
    if rate.values is not None:
        if not rate.values:
            yield f"{key}.values", "must hold a rate, or be null"
    elif rate.low >= rate.high:
        yield f"{key}.low", f"must be below search.learning_rate.high={rate.high:g}"


def _search_lists(config: SweepConfig) -> Iterator[Wrong]:
    """Yield lists of values that are empty, have duplicates, or hold unknown names."""
    search, nuisance = config.search, config.search.nuisance
    for name, entry in PER_TRIAL.items():
        values = getattr(nuisance, name)
        if entry.idle and not values:
            yield f"search.nuisance.{name}", "must hold a value; one entry is a fixed value"
        for value in values:
            if entry.names and value.lower() not in entry.names:
                yield f"search.nuisance.{name}", _one_of(value, sorted(entry.names)), value
    lists = {
        "space.units": search.space.units,
        "space.architectures": [tuple(widths) for widths in search.space.architectures],
        "learning_rate.values": search.learning_rate.values or [],
        **{f"nuisance.{name}": getattr(nuisance, name) for name in PER_TRIAL},
    }
    for name, values in lists.items():
        if len(set(values)) < len(values):
            yield f"search.{name}", "must hold each value once"


def ignored_problems(config: SweepConfig) -> Iterator[Wrong]:
    """Yield keys that this search, model or champion would not read."""
    space, kind = config.search.space, config.search.kind
    if config.champion_rows is not ChampionRows.train and config.data.folds is not None:
        must = "is not read with data.folds, whose networks are trained on every row between them"
        yield "champion_rows", f"{must}; use train"
    elif config.champion_rows is ChampionRows.folds and config.champion is ChampionKind.greedy:
        must = "would replace the selection of champion=greedy by networks of one trial; use refit"
        yield "champion_rows", f"{must} or train"
    if space.architectures and kind not in {SearchKind.grid, SearchKind.random}:
        yield "search.space.architectures", "is read by search=grid and random alone"
    elif space.architectures and config.model.family == "cnn":
        must = (
            "lists units of dense layers, which model=cnn does not have; give"
            " search.space.layers_min, layers_max and units (blocks and filters)"
        )
        yield "search.space.architectures", must
    if space.units and kind is SearchKind.capacity:
        must = (
            "is read by search=grid, random, bayesian and hyperband; search=capacity goes from"
            " start_units in steps, within units_min and units_max"
        )
        yield "search.space.units", must


def _one_of(value: str, allowed: Collection[str]) -> str:
    return f"must be one of {', '.join(allowed)}{did_you_mean(value, allowed)}"
