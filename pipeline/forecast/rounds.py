"""The rounds of a sweep that never ran: the real search on simulated scores, or counted.

How far growing pays is not known beforehand: so a capacity search is run on three plausible tables, and the
shortest and the longest of these walks are the range that a plan states. The rounds of the other searches
follow from the space by KerasTuner's counting rules, without importing it (and TensorFlow).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, count, pairwise, product

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
"""Doublings of the start's parameters up to which growing pays, on each table: the last is the most."""
A_ROW = 16
"""Parameters for every training row, beyond which growing hardly ever pays: champions of small tables had
3 to 28 (fifteen default searches, 2026-12)."""
SLOPE = 0.005
"""Loss of a network for every doubling of parameters that it is off the best size: so flat that noise
asks for up to 250 fits, as those searches had 106 to 363."""
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
    """Simulated scores of one plausible table; the same fit always scores the same."""

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
    """Return 1 + ROWS standard normal numbers that depend on nothing but a name."""
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return np.random.default_rng(int.from_bytes(digest, "big")).standard_normal(1 + ROWS)


def plausible_rounds(search: CapacitySearch, rows: int) -> list[list[Round]]:
    """Return the rounds of a search on each of the plausible tables, all with `rows` training rows."""
    start = math.log2(search.family.parameters(search.family.start()))
    rate = ladder(search.config.learning_rate).first
    *fewer, most = GAINS
    most = min(most, max(fewer[-1] + 1, math.log2(A_ROW * rows) - start))
    return [walk(search, Surface(start + gain, rate)) for gain in (*fewer, most)]


def walk(search: CapacitySearch, answer: Callable[[Fit], Scored]) -> list[Round]:
    """Return the rounds that a search requests when `answer` scores its fits."""
    script = search.script(Board(search.config, search.executions))
    rounds: list[Round] = []
    try:
        round_ = next(script)
        while True:
            rounds.append(round_)
            round_ = script.send([answer(fit) for fit in round_.fits])
    except StopIteration:
        return rounds


def counted_rounds(
    config: OtherSearchConfig, family: Family, executions: Executions
) -> list[list[Round]]:
    """Return rounds as many and as large as another search will request; of Hyperband two bounds.

    The trials of a grid are those of the search. Of the others only numbers and epochs are known, and
    the trials here are drawn evenly from the space.
    """
    space = Space(config, family, is_grid=config.kind is SearchKind.grid)
    listed = [axis for axis in space.axes if isinstance(axis, Choices)]
    size = math.prod(len(axis.values) for axis in listed)
    if len(listed) < len(space.axes):
        size = config.trials
    lengths = [[executions.epochs] * size]
    if config.kind is SearchKind.hyperband:
        lengths = _hyperband(config, executions.epochs, size)
    walks = []
    for epochs in (length[: config.trials] for length in lengths):
        trials = _grid(space, listed) if config.kind is SearchKind.grid else _drawn(space)
        fits = [
            tuple(replace(executions.fit(trial, n), epochs=most) for n in range(executions.first))
            for most, trial in zip(epochs, trials, strict=False)
        ]
        parts = (fits[first : first + config.round] for first in range(0, len(fits), config.round))
        rounds = (tuple(chain.from_iterable(part)) for part in parts)
        walks.append([Round(n, str(config.kind), part) for n, part in enumerate(rounds)])
    return walks


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


def _hyperband(config: OtherSearchConfig, epochs: int, space: int) -> list[list[int]]:
    """Return the epochs of its trials in the order that trains least, and most, before any limit.

    It goes once through its brackets, from the one with most rungs to plain training (keras_tuner 1.4:
    HyperbandOracle). A bracket that waits for results lets the next one begin: at the latest when it is
    done, at the soonest a rung later.
    """
    rungs = next(n for n in count() if epochs / config.factor**n < 1)
    parts: list[tuple[int, list[int]]] = []
    for place, number in enumerate(reversed(range(rungs))):
        last = math.ceil(1 + math.log(epochs, config.factor)) / (number + 1)
        sizes = [math.ceil(last * float(config.factor) ** n) for n in range(number, -1, -1)]
        here = min(sizes[0], space)  # new points, as long as there are any
        space -= here
        for rung, (size, following) in enumerate(pairwise([*sizes, 0])):
            length = math.ceil(epochs / config.factor ** (number - rung))
            parts.append((place + rung, [length] * here))
            here = max(0, here - (size - following))
    orders = sorted(parts, key=lambda part: part[0]), parts
    return [[length for _, part in order for length in part] for order in orders]
