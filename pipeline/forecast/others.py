"""How many trials grid, random, Bayesian and Hyperband search will ask for, counted from the space.

KerasTuner's own counting rules, without importing it (and TensorFlow with it).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import count, cycle, product
from typing import TYPE_CHECKING

from pipeline.config.choices import SearchKind
from pipeline.core.records import Round
from pipeline.search.axes import Choices, Space

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.config.schema_search import OtherSearchConfig
    from pipeline.core.family import Family
    from pipeline.core.records import Fit, Trial, Value
    from pipeline.search.axes import Axis
    from pipeline.search.executions import Executions

PRIMES = (2, 3, 5, 7, 11, 13, 17)


def rounds_of(
    config: OtherSearchConfig, family: Family, executions: Executions
) -> tuple[Round, ...]:
    """Return rounds of the size and number that the search will ask for.

    A grid's trials are the very ones. Of the others only the numbers and epochs are exact; which
    points are drawn is not known, and the trials here are spread evenly over the space.
    """
    space = Space(config, family, is_grid=config.kind is SearchKind.grid)
    size = math.prod(_levels(axis) for axis in space.axes)
    if config.kind is SearchKind.hyperband:
        lengths = list(_hyperband(config, executions.epochs, size))
    else:
        number = int(min(config.trials, size))
        lengths = [
            [executions.epochs] * min(config.round, number - first)
            for first in range(0, number, config.round)
        ]
    trials = _whole(space) if config.kind is SearchKind.grid else _spread(space)
    return tuple(
        Round(
            number,
            str(config.kind),
            tuple(fit for most in epochs for fit in _fits(next(trials), executions, most)),
        )
        for number, epochs in enumerate(lengths)
    )


def _levels(axis: Axis) -> float:
    """Return how many values an axis has."""
    return len(axis.values) if isinstance(axis, Choices) else math.inf


def _whole(space: Space) -> Iterator[Trial]:
    """Yield every point of a space of listed values."""
    listed = [axis for axis in space.axes if isinstance(axis, Choices)]
    for point in product(*(axis.values for axis in listed)):
        yield space.trial({axis.name: value for axis, value in zip(listed, point, strict=True)})


def _spread(space: Space) -> Iterator[Trial]:
    """Yield points that fill a space evenly, without end (a sequence of Kronecker)."""
    for number in count(1):
        place = {
            axis.name: math.sqrt(prime) * number % 1.0
            for axis, prime in zip(space.axes, cycle(PRIMES), strict=False)
        }
        yield space.trial({axis.name: _at(axis, place[axis.name]) for axis in space.axes})


def _at(axis: Axis, share: float) -> Value:
    """Return the value that lies so far along an axis."""
    if isinstance(axis, Choices):
        return axis.values[int(share * len(axis.values))]
    return float(axis.low * (axis.high / axis.low) ** share)


def _fits(trial: Trial, executions: Executions, epochs: int) -> list[Fit]:
    return [
        replace(executions.fit(trial, number), epochs=epochs) for number in range(executions.first)
    ]


@dataclass
class _Bracket:
    """One bracket of Hyperband: how many trials each rung has started, and finished."""

    number: int
    started: list[int]
    finished: list[int]


def _hyperband(config: OtherSearchConfig, epochs: int, space: float) -> Iterator[list[int]]:
    """Yield the epochs of the trials of every round (keras_tuner 1.4: HyperbandOracle)."""
    current = _brackets(epochs, config.factor) - 1
    open_brackets = [_new(current)]
    drawn = total = 0
    while total < config.trials:
        asked: list[tuple[_Bracket, int]] = []
        while len(asked) < min(config.round, config.trials - total):
            place = _next(open_brackets, config.factor, epochs)
            if place is None:
                if current == 0:
                    break  # KerasTuner goes through its brackets once
                current -= 1
                open_brackets.append(_new(current))
                place = open_brackets[-1], 0
            bracket, rung = place
            if rung == 0 and drawn == space:
                break  # nothing new is left to draw
            drawn += rung == 0
            bracket.started[rung] += 1
            asked.append(place)
        if not asked:
            return
        for bracket, rung in asked:
            bracket.finished[rung] += 1
        total += len(asked)
        yield [math.ceil(epochs / config.factor ** (b.number - rung)) for b, rung in asked]


def _next(brackets: Sequence[_Bracket], factor: int, epochs: int) -> tuple[_Bracket, int] | None:
    """Return the bracket and rung of the next trial; None when all wait for results."""
    for bracket in brackets:
        sizes = [_size(bracket.number, rung, factor, epochs) for rung in range(bracket.number + 1)]
        if bracket.started[-1] == sizes[-1]:
            continue
        if bracket.started[0] < sizes[0]:
            return bracket, 0
        for rung in range(1, bracket.number + 1):
            ready = bracket.finished[rung - 1] - bracket.started[rung]
            if ready > sizes[rung - 1] - sizes[rung]:
                return bracket, rung
    return None


def _new(number: int) -> _Bracket:
    return _Bracket(number, [0] * (number + 1), [0] * (number + 1))


def _brackets(epochs: float, factor: int) -> int:
    found = 0
    while epochs >= 1:
        epochs, found = epochs / factor, found + 1
    return found


def _size(bracket: int, rung: int, factor: int, epochs: int) -> int:
    last = math.ceil(1 + math.log(epochs, factor)) / (bracket + 1)
    return math.ceil(last * float(factor) ** (bracket - rung))
