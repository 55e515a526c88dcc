"""The stacked engine: many fits of one depth as one compiled program, tile by tile."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from functools import cache
from typing import cast

from pipeline.core.control import Control
from pipeline.core.family import Family
from pipeline.core.records import Arrays, FitResult, Outcome, Stack
from pipeline.runtime import memory
from pipeline.training.diagnose import examine
from pipeline.training.dropping import drop
from pipeline.training.fit import train_one_by_one
from pipeline.training.kept import KeptRows
from pipeline.training.padding import PaddedFamily
from pipeline.training.planner import why_not_in_memory, why_not_stacked
from pipeline.training.run import Reporter, Run
from pipeline.training.settings import Settings
from pipeline.training.stacked.inputs import is_there
from pipeline.training.stacked.programs import Programs
from pipeline.training.stacked.tile import StackContext, Tile
from pipeline.training.threads import cores, pool

log = logging.getLogger(__name__)

PROGRAMS = Programs()
"""Shared by all stacks of this process."""


def train_stack(
    stack: Stack,
    arrays: Arrays,
    family: Family,
    settings: Settings,
    control: Control,
) -> list[FitResult]:
    """Train a stack on the device; the results equal those of `fit` to float32 rounding."""
    reason = why_not_stacked(family, settings.of(stack.fits[0].trial))
    if not reason and not is_there(arrays):
        reason = why_not_in_memory(arrays, settings.memory_share * memory.free())
    if reason:
        log.info("stack %d is trained by model.fit: %s", stack.number, reason)
        return train_one_by_one(stack, arrays, family, settings, control)
    training = _Training(stack, arrays, cast("PaddedFamily", family), settings, control)
    results = training.run()
    examine(results, arrays, family, settings)
    return results


class _Training:
    """One stack while it trains."""

    def __init__(
        self,
        stack: Stack,
        arrays: Arrays,
        family: PaddedFamily,
        settings: Settings,
        control: Control,
    ) -> None:
        self._settings, self._control = settings, control
        self._arrays = arrays
        self._runs = [Run(fit, settings, arrays) for fit in stack.fits]
        self._reporter = Reporter(stack, self._runs, settings, control)
        self._job = StackContext(
            PROGRAMS.plan(stack, arrays, family, settings), arrays, settings, PROGRAMS
        )
        if not self._job.plan.device.compiles:
            _say_how(family.name)
        self._tiles = [Tile(self._job, group) for group in _groups(self._runs, self._members)]
        self._epoch = 0

    @property
    def _members(self) -> int:
        return self._job.plan.shape.members

    def run(self) -> list[FitResult]:
        """Train to the end, or until the control says stop."""
        reason = self._control.stop_reason()
        if not reason and not PROGRAMS.holds(self._job.plan):
            self._reporter.report(compiling=True)
        while not reason and self._open:
            reason = self._advance(self._next_epochs())
            if not reason:  # else some members lack epochs of the others
                self._compare_and_repack()
        for run in self._open:
            run.end(Outcome.cut, reason)
        for tile in self._tiles:
            tile.collect()
        self._tiles = []  # frees their memory
        self._measure()
        return [run.result() for run in self._runs]

    def _measure(self) -> None:
        """Measure the training loss of the weights that are kept."""
        chosen = cache(lambda stopping: KeptRows(self._arrays, stopping=stopping))

        def measure(group: Sequence[Run]) -> None:
            rows = chosen(bool(self._control.stop_reason()))
            Tile(self._job, group).measure(rows)

        kept = [run for run in self._runs if run.weights is not None]
        list(self._workers.map(measure, _groups(kept, self._members)))

    @property
    def _workers(self) -> ThreadPoolExecutor:
        return pool(1 if self._job.plan.device.fills else cores())

    @property
    def _open(self) -> list[Run]:
        return [run for run in self._runs if run.is_open]

    def _next_epochs(self) -> int:
        """Return how many epochs to train before members are compared or moved."""
        epochs = self._job.plan.shape.epochs
        until_drop = self._settings.drop_after - self._epoch
        return min(epochs, until_drop) if until_drop > 0 else epochs

    def _advance(self, epochs: int) -> str:
        working = [
            self._workers.submit(tile.advance, epochs, self._control.stop_reason)
            for tile in self._tiles
            if tile.open
        ]
        try:
            for _ in as_completed(working):
                self._reporter.report()
        finally:
            wait(working)  # also after an error: no tile of this stack may go on
        reasons = [work.result() for work in working]
        self._epoch += epochs
        return next(filter(None, reasons), "") or self._control.stop_reason()

    def _compare_and_repack(self) -> None:
        if self._epoch == self._settings.drop_after:
            drop(self._runs, self._settings)
            for tile in self._tiles:
                tile.freeze()
        self._tiles = repacked(self._tiles, self._members)


@cache
def _say_how(family: str) -> None:
    log.info(
        "%s: each fit is a graph of its own, whole epochs at a time, one a core: measured faster than"
        " model.fit and than one program for all (benchmarks/README.md)",
        family,
    )


def _groups(runs: Sequence[Run], size: int) -> list[Sequence[Run]]:
    return [runs[at : at + size] for at in range(0, len(runs), size)]


def repacked(tiles: Sequence[Tile], size: int) -> list[Tile]:
    """Return the fewest tiles of `size` members that hold all open ones; the others are emptied into them.

    The choice depends on results, not on clocks. Tiles with the fewest open members are emptied, one after
    the other, so that few members move and the state of at most one tile is held twice.
    """
    crowd = [len(tile.open) for tile in tiles]
    needed = -(-sum(crowd) // size)
    fullest = sorted(range(len(tiles)), key=lambda at: -crowd[at])[:needed]
    kept = [tiles[at] for at in sorted(fullest)]
    for at, tile in enumerate(tiles):
        if at not in fullest:
            _empty(tile, kept)
    return kept


def _empty(tile: Tile, others: Sequence[Tile]) -> None:
    """Move the open members of a tile into the places of ended ones."""
    moving = tile.leave()
    for other in others:
        moving = other.fill(moving)
