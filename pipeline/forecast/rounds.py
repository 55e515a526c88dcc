"""Which rounds a sweep will have that never ran: the real search walked ahead, or counted.

How far growing pays is what nobody knows beforehand: so a capacity search is walked over three plausible
tables, and the shortest and the longest walk are the range that a plan states. The rounds of the other
searches follow from the space by KerasTuner's counting rules, without importing it (and TensorFlow).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from pipeline.config.choices import SearchKind
from pipeline.config.schema_search import OtherSearchConfig
from pipeline.core.family import Family
from pipeline.core.records import Fit, Outcome, Round, Scored, Trial
from pipeline.search.board import Board
from pipeline.search.capacity import CapacitySearch
from pipeline.search.executions import Executions
from pipeline.search.space import Choices, Space, ladder

GAINS = (-6.0, 1.0, 5.0)
"""Doublings of the start's parameters up to which growing pays, on each table."""
SLOPE = 0.03
"""Loss of a network for every doubling of parameters that it is off the best size."""
OFF_RATE = 0.08
"""Loss of a learning rate a decade off the best, squared beyond."""
ROWS = 64
"""Validation rows that are simulated."""
NOISE = 0.03
"""Standard deviation of a row's loss over trials, and over seeds."""
SEEDS = 0.012
"""Standard deviation of a score over seeds."""


@dataclass(frozen=True)
class Surface:
    """Scores of one plausible table; the same fit always scores the same."""

    best_size: float
    """log2 of the parameters beyond which growing does not pay."""
    best_rate: float

    def __call__(self, fit: Fit) -> Scored:
        """Score one fit; 1 is the best expected loss."""
        size, rate = math.log2(max(fit.trial.parameters, 1)), fit.trial.learning_rate
        loss = 1.0 + SLOPE * abs(size - self.best_size)
        loss += OFF_RATE * math.log10(rate / self.best_rate) ** 2
        of_trial, of_fit = (_luck(name) for name in (fit.trial.name, fit.name))
        losses = loss + SEEDS * of_fit[0] + NOISE * (of_trial + of_fit)[1:]
        return Scored(fit, Outcome.completed, float(losses.mean()), losses.astype(np.float32))


def _luck(name: str) -> np.ndarray:
    """Return standard normal numbers that depend on nothing but a name."""
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return np.random.default_rng(int.from_bytes(digest, "big")).standard_normal(1 + ROWS)


def plausible_rounds(search: CapacitySearch) -> list[list[Round]]:
    """Return what a search asks for on each of the plausible tables."""
    start = math.log2(search.family.parameters(search.family.start()))
    rate = ladder(search.config.learning_rate).first
    return [walk(search, Surface(start + gain, rate)) for gain in GAINS]


def walk(search: CapacitySearch, answer: Callable[[Fit], Scored]) -> list[Round]:
    """Return the rounds that a search asks for, given scores."""
    script = search.script(Board(search.config, search.executions))
    rounds: list[Round] = []
    try:
        asked = next(script)
        while True:
            rounds.append(asked)
            asked = script.send([answer(fit) for fit in asked.fits])
    except StopIteration:
        return rounds


def counted_rounds(
    config: OtherSearchConfig, family: Family, executions: Executions
) -> list[Round]:
    """Return rounds of the size and number that another search will ask for.

    A grid's trials are the very ones. Of the others only the numbers and epochs are exact; which
    points are drawn is not known, and the trials here are drawn evenly from the space.
    """
    space = Space(config, family, is_grid=config.kind is SearchKind.grid)
    listed = [axis for axis in space.axes if isinstance(axis, Choices)]
    size = math.prod(len(axis.values) for axis in listed)
    if len(listed) < len(space.axes):
        size = config.trials
    if config.kind is SearchKind.hyperband:
        lengths = list(_hyperband(config, executions.epochs, size))
    else:
        number = min(config.trials, size)
        lengths = [
            [executions.epochs] * min(config.round, number - first)
            for first in range(0, number, config.round)
        ]
    trials = _grid(space, listed) if config.kind is SearchKind.grid else _drawn(space)
    return [
        Round(
            number,
            str(config.kind),
            tuple(
                replace(executions.fit(trial, execution), epochs=most)
                for most, trial in zip(epochs, trials, strict=False)
                for execution in range(executions.first)
            ),
        )
        for number, epochs in enumerate(lengths)
    ]


def _grid(space: Space, listed: list[Choices]) -> Iterator[Trial]:
    for point in product(*(axis.values for axis in listed)):
        yield space.trial({axis.name: value for axis, value in zip(listed, point, strict=True)})


def _drawn(space: Space) -> Iterator[Trial]:
    """Yield points of a space, without end and always the same."""
    generator = np.random.default_rng(0)
    while True:
        point = {
            axis.name: axis.values[generator.integers(len(axis.values))]
            if isinstance(axis, Choices)
            else float(axis.low * (axis.high / axis.low) ** generator.random())
            for axis in space.axes
        }
        yield space.trial(point)


def _hyperband(config: OtherSearchConfig, epochs: int, space: int) -> Iterator[list[int]]:
    """Yield the epochs of the trials of every round (keras_tuner 1.4: HyperbandOracle).

    It goes once through its brackets, from the one with most rungs to plain training. A bracket that
    waits for results lets the next one begin.
    """
    brackets = [_Bracket(n, epochs, config.factor) for n in range(_rungs(epochs, config.factor))]
    open_brackets: list[_Bracket] = []
    drawn = total = 0
    while total < config.trials:
        asked: list[tuple[_Bracket, int]] = []
        while len(asked) < min(config.round, config.trials - total):
            places = ((one, one.next_rung()) for one in open_brackets)
            place = next(((one, rung) for one, rung in places if rung is not None), None)
            if place is None and brackets:
                open_brackets.append(brackets.pop())
                place = open_brackets[-1], 0
            if place is None or (place[1] == 0 and drawn == space):
                break  # nothing new is left to draw
            drawn += place[1] == 0
            place[0].started[place[1]] += 1
            asked.append(place)
        if not asked:
            return
        for bracket, rung in asked:
            bracket.finished[rung] += 1
        total += len(asked)
        yield [math.ceil(epochs / config.factor ** (one.number - rung)) for one, rung in asked]


class _Bracket:
    """One bracket of Hyperband: how many trials each rung takes, has started, and finished."""

    def __init__(self, number: int, epochs: int, factor: int) -> None:
        last = math.ceil(1 + math.log(epochs, factor)) / (number + 1)
        self.number = number
        self.sizes = [math.ceil(last * float(factor) ** rung) for rung in range(number, -1, -1)]
        self.started, self.finished = [0] * (number + 1), [0] * (number + 1)

    def next_rung(self) -> int | None:
        """Return the rung of its next trial; None when all wait for results."""
        if self.started[-1] == self.sizes[-1]:
            return None
        if self.started[0] < self.sizes[0]:
            return 0
        for rung in range(1, len(self.sizes)):
            beaten = self.sizes[rung - 1] - self.sizes[rung]
            if self.finished[rung - 1] - self.started[rung] > beaten:
                return rung
        return None


def _rungs(epochs: float, factor: int) -> int:
    """Return how many rungs the largest bracket has."""
    return 0 if epochs < 1 else 1 + _rungs(epochs / factor, factor)
