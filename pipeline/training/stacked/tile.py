"""Some members of a stack on the device: trained in chunks, read back, moved between tiles."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops, tree

from pipeline.core.records import Arrays, Fit
from pipeline.training.kept import KeptRows
from pipeline.training.metrics import raw_metric
from pipeline.training.run import Run
from pipeline.training.settings import Settings
from pipeline.training.stacked.backend import Compiled
from pipeline.training.stacked.epoch import RAW, measured
from pipeline.training.stacked.inputs import member_values, orders, padded, table_of
from pipeline.training.stacked.programs import Plan, Programs
from pipeline.training.stacked.step import State


class StackContext:
    """The common parts of the tiles of a stack."""

    def __init__(self, plan: Plan, arrays: Arrays, settings: Settings, programs: Programs) -> None:
        """Copy the table to the device."""
        self.plan, self.settings, self.programs = plan, settings, programs
        self.table = table_of(arrays, plan.shape.block)
        metric = raw_metric(arrays.regression)
        self.curves = [name.replace("metric", metric) for name in measured(settings)]
        scale = np.float32(arrays.target_scale)
        self.rules = _on_device(
            {
                "patience": np.int32(settings.patience),
                "min_delta": np.float32(settings.min_delta),
                "scale": scale,
            }
        )


@dataclass
class Leaving:
    """Members between two tiles."""

    runs: list[Run]
    state: State
    """Host arrays with one row per run."""

    def after(self, count: int) -> Leaving:
        """Return all but the first."""
        return Leaving(self.runs[count:], tree.map_structure(lambda a: a[count:], self.state))


class Tile:
    """Members that are trained by one call of the program; missing ones are dummies."""

    def __init__(self, job: StackContext, runs: Sequence[Run]) -> None:
        """Start the members, at most as many as the program has; `job` is shared with the other tiles.

        Members that have ended and were collected start with the weights that they keep.
        """
        self.job, self.runs = job, list(runs)
        """Runs by their place in the state; places beyond them are those of dummies."""
        self._program: Compiled | None = None
        kept = {run.fit: run.weights for run in runs if run.weights is not None}
        rows = job.table.rows["val_x"].shape[0]
        state = job.plan.members.first_state(self._fits(), kept, rows)
        state["live"][len(runs) :] = False
        self._state = _on_device(state)
        self._bring_values()

    @property
    def open(self) -> list[Run]:
        """Members that still train."""
        return [run for run in self.runs if run.is_open]

    def advance(self, epochs: int, stop_reason: Callable[[], str]) -> str:
        """Train some epochs and record them in the runs; return why training was stopped, or "".

        Args:
            epochs: At most the epochs of one call of the program.
            stop_reason: Called between calls; an unfinished epoch is then discarded.
        """
        reason = stop_reason()
        if reason:
            return reason
        started = time.perf_counter()
        live = self.open
        shape = self.job.plan.shape
        first = live[0].epoch
        data = self._data(range(first, first + epochs))
        measured: State = {}
        for window in self._windows(epochs):
            arguments = (self._state, data, self._member, self.job.rules, window)
            if self._program is None:  # kept while it is in use, whatever others need meanwhile
                example = self._example(arguments)
                self._program = self.job.programs.get(self.job.plan, example)
            self._state, measured = self._program(*arguments)
            last = int(window["last"]) >= shape.epoch_steps
            if not last:
                ops.convert_to_numpy(self._state["sums"])  # wait: the call returns at once on JAX
                reason = stop_reason()
                if reason:
                    return reason
        self._record(measured, epochs)
        share = (time.perf_counter() - started) / len(live)
        for run in live:
            run.seconds += share
        return ""

    def freeze(self) -> None:
        """Stop members that were ended by the engine, so that their best weights stay."""
        live = np.array(ops.convert_to_numpy(self._state["live"]))
        live[: len(self.runs)] &= [run.is_open for run in self.runs]
        self._state = {**self._state, "live": ops.convert_to_tensor(live)}

    def collect(self) -> None:
        """Read back the best weights of members that ended."""
        wanted = [c for c in self.runs if c.is_kept and c.weights is None]
        if not wanted:
            return
        best = [ops.convert_to_numpy(array) for array in self._state["best"]]
        rows = ops.convert_to_numpy(self._state["best_rows"])
        for run in wanted:
            at = self.runs.index(run)
            padded = [array[at] for array in best]
            run.weights = self.job.plan.members.at_real_size(run.fit, padded)
            run.row_losses = rows[at, : self.job.plan.shape.val_rows].copy()

    def measure(self, rows: KeptRows) -> None:
        """Measure the loss of training rows for the members of a new tile, all ended.

        It uses the program that trained them, so that no other is compiled: an epoch without steps, with
        training rows in place of the validation rows.
        """
        plan, names = self.job.plan, ("val_x", "val_y", "val_weight")
        size, steps = self.job.table.rows["val_x"].shape[0], plan.shape.epoch_steps
        data = self._data(range(0)) | _on_device({"val_rows": np.int32(len(rows))})
        total = np.zeros(plan.shape.members)
        for portion in rows.portions(size):
            parts = {name: padded(part, size) for name, part in zip(names, portion, strict=True)}
            state = {**self._state, "live": ops.ones(plan.shape.members, "bool")}
            window = _window(1, steps, steps, steps)
            arguments = (state, data | _on_device(parts), self._member, self.job.rules, window)
            program = self.job.programs.get(plan, arguments)
            self._state, measured = program(*arguments)
            total += ops.convert_to_numpy(measured["curves"])[0, RAW.index("val_loss")]
        for run, loss in zip(self.runs, total.tolist(), strict=False):
            run.measured(loss, rows.sample)

    def leave(self) -> Leaving:
        """Return the open members, and free the memory; the tile cannot be used afterwards."""
        self.collect()
        places = [at for at, run in enumerate(self.runs) if run.is_open]
        runs, self.runs = [self.runs[at] for at in places], []
        state, self._state = self._state, {}
        if not runs:
            return Leaving([], {})
        return Leaving(
            runs, _changed(state, lambda array: np.asarray(ops.convert_to_numpy(array))[places])
        )

    def fill(self, leaving: Leaving) -> Leaving:
        """Take members of another tile in the places of ended ones; return the remaining ones."""
        size = self.job.plan.shape.members
        ended = [at for at in range(size) if at >= len(self.runs) or not self.runs[at].is_open]
        places = ended[: len(leaving.runs)]
        if not places:
            return leaving
        self.collect()
        for at, run in zip(places, leaving.runs, strict=False):
            self.runs[at : at + 1] = [run]  # one more where a dummy was

        def replaced(old: Any, new: np.ndarray) -> Any:
            rows = np.array(ops.convert_to_numpy(old))
            rows[places] = new[: len(places)]
            return ops.convert_to_tensor(rows)

        self._state = _changed(self._state, replaced, leaving.state)
        self._bring_values()
        return leaving.after(len(places))

    def _fits(self) -> list[Fit]:
        """Return the fit of every place; dummies have the first one."""
        fits = [run.fit for run in self.runs]
        return fits + fits[:1] * (self.job.plan.shape.members - len(fits))

    def _bring_values(self) -> None:
        plan, fits = self.job.plan, self._fits()
        values = member_values(
            fits, plan.members, self.job.settings, decays=plan.decays, masks=plan.masks
        )
        self._member = _on_device(values)
        self._seeds = sorted({fit.seed for fit in fits})

    def _data(self, coming: range) -> State:
        shape = self.job.plan.shape
        size = (shape.seeds, shape.epochs, shape.places)
        order = orders(self._seeds, coming, shape.rows, size)
        return {**self.job.table.rows, "order": ops.convert_to_tensor(order)}

    def _windows(self, epochs: int) -> Iterator[State]:
        shape = self.job.plan.shape
        for first in range(0, shape.epoch_steps, shape.steps):
            last = min(first + shape.steps, shape.epoch_steps)
            yield _window(epochs, first, last, shape.epoch_steps)

    def _example(self, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        return (*arguments[:-1], _window(0, 0, 0, self.job.plan.shape.epoch_steps))

    def _record(self, measured: State, epochs: int) -> None:
        curves, improved, trained, live = (
            ops.convert_to_numpy(array)
            for array in (
                *(measured[k] for k in ("curves", "improved", "trained")),
                self._state["live"],
            )
        )
        for at, run in enumerate(self.runs):
            for epoch in range(epochs):
                if run.is_open and trained[epoch, at]:
                    logs = dict(zip(self.job.curves, curves[epoch, :, at], strict=True))
                    run.record(logs, improved=bool(improved[epoch, at]))
            if run.is_open and not live[at]:
                run.complete()


def _window(epochs: int, first: int, last: int, steps: int) -> State:
    values = {"epochs": epochs, "first": first, "last": last, "steps": steps}
    return {name: ops.convert_to_tensor(np.int32(value)) for name, value in values.items()}


def _on_device(state: State) -> State:
    moved: State = tree.map_structure(ops.convert_to_tensor, state)
    return moved


def _changed(state: State, change: Callable[..., Any], *others: State) -> State:
    """Return a state of changed arrays; the old state is emptied meanwhile, so that one array is held twice.

    Args:
        state: The state of a tile.
        change: Maps an array, and the corresponding ones of `others`, to a new array.
        others: States of the same structure.
    """
    arrays, structure = tree.flatten(state), tree.map_structure(lambda _: 0, state)
    state.clear()
    beside = [tree.flatten(other) for other in others]
    for at, array in enumerate(arrays):
        arrays[at] = change(array, *(other[at] for other in beside))
    changed: State = tree.pack_sequence_as(structure, arrays)
    return changed
