"""Searches to compare: ours, the course's greedy loop on single runs, and random search."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.simulation.surfaces import BASE
from pipeline.config.choices import Prefer
from pipeline.config.schema import ModelConfig
from pipeline.config.schema_search import CapacityConfig
from pipeline.search.board import Board
from pipeline.search.capacity import CapacitySearch
from pipeline.search.choose import choose, rule_of
from pipeline.search.executions import Executions
from pipeline.search.space import ladder
from pipeline.training.families import family

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.simulation.noise import Simulator
    from pipeline.search.decide import Evidence

EXECUTIONS = 3
"""`training.executions` of ours; the rivals run everything once."""

CONSTANT = BASE + 1.0
"""Loss of the worst capacity: about that of a constant."""

Point = tuple[int, int, float]
"""Layers, units and learning rate of a trial."""

_RULES = CapacityConfig()
_SPACE, _RATES = _RULES.space, ladder(_RULES.learning_rate)


def capacity_search(rules: CapacityConfig) -> CapacitySearch:
    """Return the product's own search over the product's own MLPs, for twelve inputs."""
    mlp = family(ModelConfig(), rules, {"standard": (12,)}, outputs=1, regression=True)
    plan = Executions(
        0, 100, EXECUTIONS, rules.max_executions, screen=min(EXECUTIONS, rules.first_executions)
    )
    return CapacitySearch(rules, mlp, plan, CONSTANT)


OURS = capacity_search(_RULES)


def run(search: CapacitySearch, simulator: Simulator) -> Board:
    """Walk a capacity search to its end; return the board it leaves.

    The walk is fed directly: `propose` would replay it every round, to the same result (tests/search).
    """
    board = Board(search.config, search.executions, search.constant)
    walk = search.script(board)
    try:
        asked = next(walk)
        while True:
            asked = walk.send(simulator.answer(asked.fits))
    except StopIteration:
        return board


def ours(simulator: Simulator) -> tuple[Point, Point]:
    """Return what the product's defaults choose: the smallest within one SE, and the best score."""
    known = run(OURS, simulator).usable()
    return _chosen(known, Prefer.smallest), _chosen(known, Prefer.best)


def _chosen(known: Sequence[Evidence], prefer: Prefer) -> Point:
    choice = choose(known, replace(rule_of(_RULES, OURS.executions, CONSTANT), prefer=prefer))
    assert choice is not None
    trial = choice.trial
    return int(trial.capacity["layers"]), int(trial.capacity["units"]), trial.learning_rate


def greedy(simulator: Simulator, fits: int) -> Point:
    """Repeat the course's loop with fresh seeds as often as the fits allow; the best score wins.

    The loop that is running when the fits are used up is completed: the rival gets the benefit.
    """
    best = _loop(simulator)
    while simulator.fits < fits:
        best = min(best, _loop(simulator))
    return best[1]


def _loop(simulator: Simulator) -> tuple[float, Point]:
    """Add capacity while the score of a single run improves, then decrease slightly."""
    start = _RULES.start_layers, _RULES.start_units
    best = _measure(simulator, [start], _RATES.first)
    for steps in (_larger, _smaller):
        while sizes := list(steps(*best[1][:2])):
            found = _measure(simulator, sizes, best[1][2])
            if found[0] >= best[0]:
                break
            best = found
    return best


def _larger(layers: int, units: int) -> Iterable[tuple[int, int]]:
    if units < _SPACE.units_max:
        yield layers, min(round(units * _RULES.growth), _SPACE.units_max)
    if layers < _SPACE.layers_max:
        yield layers + 1, units


def _smaller(layers: int, units: int) -> Iterable[tuple[int, int]]:
    if units > _SPACE.units_min:
        yield layers, max(round(units * _RULES.shrink), _SPACE.units_min)
    if layers > 1:
        yield layers - 1, units


def _measure(
    simulator: Simulator, sizes: list[tuple[int, int]], centre: float
) -> tuple[float, Point]:
    """Return the best single run over the brackets of some capacities, re-centred as ours are."""
    points = [(*size, rate) for size in sizes for rate in _RATES.bracket(centre)]
    best = min(zip(simulator.single_runs(points), points, strict=True))
    for _ in range(_RULES.recentre):
        layers, units, rate = best[1]
        around = [(layers, units, near) for near in _RATES.around(rate)]
        fresh = [point for point in around if point not in points]
        if not fresh:
            break
        points += fresh
        best = min(best, *zip(simulator.single_runs(fresh), fresh, strict=True))
    return best


def random_search(simulator: Simulator, fits: int, seed: int) -> Point:
    """Draw as many single runs from the space, log-uniform in units and rate; the best score wins."""
    draw = np.random.default_rng(seed)
    layers = draw.integers(1, _SPACE.layers_max + 1, fits)
    sizes = draw.uniform(math.log2(_SPACE.units_min), math.log2(_SPACE.units_max), fits)
    low, high = (math.log10(rate) for rate in (_RATES.rungs[0], _RATES.rungs[-1]))
    rates = 10.0 ** draw.uniform(low, high, fits)
    units = np.exp2(sizes).round().astype(int)
    points = list(zip(layers.tolist(), units.tolist(), rates.tolist(), strict=True))
    return min(zip(simulator.single_runs(points), points, strict=True))[1]
