"""A tiny family and scripted surfaces: searches are tested without training anything."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from pipeline.config.schema_search import CapacityConfig, SpaceConfig
from pipeline.core.records import Capacity, Outcome, Scored
from pipeline.search.board import Board
from pipeline.search.capacity import CapacitySearch
from pipeline.search.executions import Executions
from pipeline.search.protocol import Choice, missing

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.core.records import Decision, Fit, Round, Trial
    from pipeline.search.protocol import Searcher


def capacity(layers: int, units: int = 0) -> Capacity:
    """Return a capacity of the toy family: `2x250`, or `linear` without hidden layers."""
    if layers == 0:
        return Capacity("linear", (("layers", 0), ("units", 0)))
    return Capacity(f"{layers}x{units}", (("layers", layers), ("units", units)))


@dataclass(frozen=True)
class ToyFamily:
    """Layers x units, as an MLP."""

    start_at: tuple[int, int] = (1, 100)
    growth: float = 2.5
    shrinkage: float = 0.8
    layers_max: int = 6
    units_min: int = 8
    units_max: int = 4000
    inputs: int = 10
    name: str = "toy"
    stackable: bool = True

    def like(self, values: object) -> ToyFamily:  # noqa: ARG002 - no network is built
        """Return itself: its parameters depend on no value."""
        return self

    def simplest(self) -> Capacity | None:
        """Return the model without hidden layers."""
        return capacity(0)

    def start(self) -> Capacity:
        """Return the start."""
        return capacity(*self.start_at)

    def wider(self, one: Capacity) -> Capacity | None:
        """Return units times growth."""
        return self._sized(one, round(one["units"] * self.growth))

    def narrower(self, one: Capacity) -> Capacity | None:
        """Return units times shrink."""
        return self._sized(one, round(one["units"] * self.shrinkage))

    def deeper(self, one: Capacity) -> Capacity | None:
        """Return one layer more; the first hidden layer is the start."""
        if one["layers"] == 0:
            return self.start()
        return (
            capacity(one["layers"] + 1, one["units"]) if one["layers"] < self.layers_max else None
        )

    def shallower(self, one: Capacity) -> Capacity | None:
        """Return one layer less."""
        return capacity(one["layers"] - 1, one["units"]) if one["layers"] else None

    def enumerate(self) -> tuple[Capacity, ...]:
        """Return a small explicit space."""
        return tuple(capacity(layers, units) for layers in (1, 2) for units in (16, 32, 64))

    def parameters(self, one: Capacity, encoding: str = "standard") -> int:
        """Return the parameters of an MLP with one output."""
        inputs = self.inputs * (2 if encoding != "standard" else 1)
        widths = [inputs, *[one["units"]] * one["layers"], 1]
        return sum((a + 1) * b for a, b in pairwise(widths))

    def build(self, trial: Trial) -> None:
        """Build nothing: no test here trains."""
        raise NotImplementedError

    def _sized(self, one: Capacity, units: int) -> Capacity | None:
        if one["layers"] == 0 or units == one["units"]:
            return None
        return capacity(one["layers"], units) if self.units_min <= units <= self.units_max else None


COURSE = {
    "linear": 6.5,
    "1x100": 5.4,
    "1x250": 4.8,
    "1x625": 4.9,
    "2x100": 5.0,
    "2x250": 4.4,
    "2x625": 4.6,
    "2x200": 4.45,
    "3x250": 4.5,
    "3x625": 4.9,
    "3x200": 4.3,
    "3x160": 4.4,
    "4x200": 4.6,
    "4x250": 4.7,
}
"""The course's surface; whatever is not listed scores 6.0."""


def course(fit: Fit) -> Scored:
    """Score a fit on the course's surface, noise-free, the same at every learning rate."""
    return Scored(fit, Outcome.completed, COURSE.get(fit.trial.capacity.label, 6.0))


def answer_by(losses: dict[str, float]) -> Callable[[Fit], Scored]:
    """Return a scripted answer; whatever is not listed scores 8."""
    return lambda fit: Scored(fit, Outcome.completed, losses.get(fit.trial.capacity.label, 8.0))


@dataclass
class Walked:
    """What a whole search did."""

    rounds: list[Round]
    finished: list[Scored]
    decisions: tuple[Decision, ...]
    choice: Choice | None


def walk(search: Searcher, answer: Callable[[Fit], Scored], rounds: int = 200) -> Walked:
    """Run a search to its end against a scripted answer."""
    done: list[Scored] = []
    asked: list[Round] = []
    for _ in range(rounds):
        proposal = search.propose(done)
        if proposal.round is None:
            return Walked(asked, done, proposal.decisions, proposal.choice)
        asked.append(proposal.round)
        done += [answer(fit) for fit in missing(proposal.round, done)]
    raise AssertionError("the search does not end")


def walk_directly(searching: CapacitySearch, answer: Callable[[Fit], Scored]) -> Walked:
    """Feed the script of a capacity search: what `walk` does by replaying, faster."""
    board = Board(searching.config, searching.executions)
    script = searching.script(board)
    asked: list[Round] = []
    done: list[Scored] = []
    try:
        one = next(script)
        while True:
            asked.append(one)
            answers = [answer(fit) for fit in one.fits]
            done += answers
            one = script.send(answers)
    except StopIteration as end:
        return Walked(asked, done, tuple(board.decisions), end.value)


def search(
    rules: CapacityConfig | None = None,
    family: ToyFamily | None = None,
    executions: int = 3,
    seed: int = 0,
    folds: int = 0,
    screen: int = 0,
) -> CapacitySearch:
    """Return a capacity search over the toy family, by default as the course starts it."""
    rules = rules or course_rules()
    most = executions if folds else max(executions, rules.max_executions)
    plan = Executions(seed, 10, executions, most, folds, screen)
    return CapacitySearch(rules, family or ToyFamily(), plan)


def course_rules(**changes: object) -> CapacityConfig:
    """Return the rules of the course's workflow, with changes."""
    space = SpaceConfig(units_max=4000, layers_max=6)
    given = {"start_units": 100, "growth": 2.5, "shrink": 0.8, "space": space}
    return CapacityConfig(**{**given, **changes})


@dataclass
class Noisy:
    """Scores with noise of seeds and of validation rows around a surface; the same every time."""

    surface: Callable[[Trial], float]
    seed_noise: float = 0.05
    row_noise: float = 0.3
    rows: int = 60
    draw: int = 0

    def __call__(self, fit: Fit) -> Scored:
        """Return the fit as if it had been trained."""
        own = zlib.crc32(f"{self.draw}/{fit.name}/{fit.seed}".encode())
        shared = zlib.crc32(f"{self.draw}/{fit.trial.name}".encode())
        luck = np.random.default_rng(own).normal(0.0, self.seed_noise)
        opinion = np.random.default_rng(shared).normal(0.0, self.row_noise, self.rows)
        losses = (self.surface(fit.trial) + luck + opinion).astype(np.float32)
        return Scored(fit, Outcome.completed, float(losses.mean()), losses)


def bowl(trial: Trial) -> float:
    """Lose away from 2 x 64 at learning rate 0.003."""
    layers, units = trial.capacity["layers"], trial.capacity["units"]
    rate = 0.3 * math.log10(trial.learning_rate / 0.003) ** 2
    if layers == 0:
        return 3.0 + rate
    return 1.0 + 0.1 * math.log2(units / 64) ** 2 + 0.2 * (layers - 2) ** 2 + rate
