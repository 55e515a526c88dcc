"""Combinations within `search` that cannot be meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.config.problems import Problem, problem
from pipeline.config.schema import (
    CapacityConfig,
    LearningRateConfig,
    SearchConfig,
    SearchKind,
    SpaceConfig,
    SweepConfig,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


def search_problems(config: SweepConfig) -> Iterator[Problem]:
    """Yield everything that is wrong within `search`."""
    search = config.search
    yield from _kind(search)
    yield from _space(search.space)
    one_rate = search.kind is SearchKind.grid and search.learning_rate.points == 1
    reads_start = search.kind is SearchKind.capacity or one_rate
    yield from _learning_rate(search.learning_rate, reads_start=reads_start)
    yield from _nuisance(search)
    if isinstance(search, CapacityConfig):
        yield from _capacity(search, config)


def _kind(search: SearchConfig) -> Iterator[Problem]:
    is_capacity = search.kind is SearchKind.capacity
    if is_capacity != isinstance(search, CapacityConfig):
        yield Problem(
            f"search.kind={search.kind.name}: picks nothing by itself; say search={search.kind.name}"
        )


def _space(space: SpaceConfig) -> Iterator[Problem]:
    for what in ("layers", "units"):
        low, high = getattr(space, f"{what}_min"), getattr(space, f"{what}_max")
        if low > high:
            key = f"search.space.{what}_min"
            yield problem(key, low, f"must not be above search.space.{what}_max={high}")
    outside = [units for units in space.units if not space.units_min <= units <= space.units_max]
    if outside:
        yield problem(
            "search.space.units", space.units, f"must lie within units_min={space.units_min} and"
            f" units_max={space.units_max}",
        )  # fmt: skip
    yield from _duplicates("search.space.units", space.units)
    yield from _duplicates(
        "search.space.architectures", [tuple(each) for each in space.architectures]
    )


def ignored_problems(config: SweepConfig) -> Iterator[Problem]:
    """Yield keys of `search` that this search or model would not read."""
    space, kind = config.search.space, config.search.kind
    if space.architectures and kind not in {SearchKind.grid, SearchKind.random}:
        yield problem(
            "search.space.architectures",
            space.architectures,
            "is read by search=grid and random alone",
        )
    elif space.architectures and config.model.family == "cnn":
        yield problem(
            "search.space.architectures",
            space.architectures,
            "lists units of dense layers, which model=cnn does not have; give"
            " search.space.layers_min, layers_max and units (blocks and filters)",
        )
    if space.units and kind is SearchKind.capacity:
        yield problem(
            "search.space.units",
            space.units,
            "is read by search=grid, random, bayesian and hyperband; search=capacity goes from"
            " start_units in steps, within units_min and units_max",
        )


def _learning_rate(rate: LearningRateConfig, *, reads_start: bool) -> Iterator[Problem]:
    if rate.values is not None:
        if not rate.values:
            yield problem(
                "search.learning_rate.values", rate.values, "must hold a rate, or be null"
            )
        yield from _duplicates("search.learning_rate.values", rate.values)
        return
    if rate.low >= rate.high:
        yield problem(
            "search.learning_rate.low",
            rate.low,
            f"must be below search.learning_rate.high={rate.high:g}",
        )
    elif reads_start and not rate.low <= rate.start <= rate.high:
        yield problem(
            "search.learning_rate.start",
            rate.start,
            f"must lie within low={rate.low:g} and high={rate.high:g}",
        )


def _nuisance(search: SearchConfig) -> Iterator[Problem]:
    nuisance = search.nuisance
    for name in ("dropout", "weight_decay", "encoding"):
        if not getattr(nuisance, name):
            yield problem(
                f"search.nuisance.{name}", [], "must hold a value; one entry is a fixed value"
            )
    for name in ("dropout", "weight_decay", "batch_size", "encoding"):
        yield from _duplicates(f"search.nuisance.{name}", getattr(nuisance, name))


def _capacity(search: CapacityConfig, config: SweepConfig) -> Iterator[Problem]:
    space = search.space
    for what in ("layers", "units"):
        start = getattr(search, f"start_{what}")
        low, high = getattr(space, f"{what}_min"), getattr(space, f"{what}_max")
        if low <= high and not low <= start <= high:
            yield problem(
                f"search.start_{what}",
                start,
                f"must lie within search.space.{what}_min={low} and {what}_max={high}",
            )
    if config.data.folds is None and search.max_executions < config.training.executions:
        yield problem(
            "search.max_executions", search.max_executions,
            f"must be at least training.executions={config.training.executions}",
        )  # fmt: skip


def _duplicates(key: str, values: list[Any]) -> Iterator[Problem]:
    if len(set(values)) < len(values):
        written = [list(value) if isinstance(value, tuple) else value for value in values]
        yield problem(key, written, "must hold each value once")
