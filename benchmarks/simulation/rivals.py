"""Searches to compare: ours, the course's greedy loop on single runs, and random search."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.config.schema import CapacityConfig, ModelConfig
from pipeline.records import Trial
from pipeline.search.board import Board
from pipeline.search.capacity import CapacitySearch
from pipeline.search.executions import Executions
from pipeline.training.families import family
from pipeline.training.families.mlp import of_widths

if TYPE_CHECKING:
    from benchmarks.simulation.noise import Simulator
    from pipeline.search.protocol import Choice

EXECUTIONS = 3
INPUTS = 12

DEFAULT = CapacityConfig()
GREEDY = CapacityConfig(
    patience=0, noise=0.0, min_gain=0.0, one_se=0.0, close=0.0, include_linear=False, refine=False
)
"""The course's loop: one run of each network, add while it improves, then decrease slightly."""


def _search(config: CapacityConfig, executions: int, most: int) -> CapacitySearch:
    shapes = {"standard": (INPUTS,)}
    mlp = family(ModelConfig(), config, shapes, outputs=1, regression=True)
    return CapacitySearch(config, mlp, Executions(0, 100, executions, most))


OURS = _search(DEFAULT, EXECUTIONS, DEFAULT.max_executions)
COURSE = _search(GREEDY, 1, 1)


def run(search: CapacitySearch, simulator: Simulator) -> Choice:
    """Walk a capacity search to its end.

    The walk is fed directly: `propose` would replay it every round, to the same result (tests/search).
    """
    walk = search.script(Board(search.config, search.executions))
    try:
        asked = next(walk)
        while True:
            asked = walk.send(simulator.answer(asked.fits))
    except StopIteration as end:
        choice: Choice = end.value
        return choice


def greedy(simulator: Simulator, fits: int) -> Trial:
    """Repeat the course's loop with fresh seeds as often as the fits allow; the best score wins.

    The loop that is running when the fits are used up is completed: the rival gets the benefit.
    """
    best = run(COURSE, simulator)
    while simulator.fits < fits:
        again = run(COURSE, simulator)
        best = min(best, again, key=lambda one: one.score)
    return best.trial


def random_search(simulator: Simulator, fits: int, seed: int) -> Trial:
    """Draw as many single fits from the space, log-uniform in units and rate; the best score wins."""
    draw = np.random.default_rng(seed)
    space, rates = DEFAULT.space, DEFAULT.learning_rate
    layers = draw.integers(1, space.layers_max + 1, fits)
    low, high = np.log2(space.units_min), np.log2(space.units_max)
    units = np.exp2(draw.uniform(low, high, fits)).round().astype(int)
    rate = 10.0 ** draw.uniform(np.log10(rates.low), np.log10(rates.high), fits)
    scores = simulator.single_runs(layers, units, rate)
    best = int(np.argmin(scores))
    return Trial(of_widths(*[int(units[best])] * int(layers[best])), float(rate[best]), 0)
