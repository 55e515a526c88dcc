"""The inputs of a program beside the state: the table, the order of rows, the members' values."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from keras import ops, tree

from pipeline.core.records import Arrays, Fit
from pipeline.training.metrics import normalised
from pipeline.training.order import epoch_order
from pipeline.training.settings import Settings
from pipeline.training.sizes import padded_rows
from pipeline.training.stacked.members import Members
from pipeline.training.stacked.step import State
from pipeline.training.stacked.update import decay_of

MOST_BYTES = 32 << 20
"""Most bytes of the orders kept by a process; the least recently used go first."""


class Orders:
    """A cache of the orders of rows, for all tiles, stacks and rounds."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        """Start with none."""
        self._kept: OrderedDict[tuple[int, int, int], np.ndarray] = OrderedDict()
        self._most_bytes, self._bytes = most_bytes, 0
        self._lock = threading.Lock()

    def get(self, seed: int, epoch: int, rows: int) -> np.ndarray:
        """Return order.epoch_order of the same arguments; not to be written to."""
        key = seed, epoch, rows
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        order = epoch_order(seed, epoch, rows)  # two threads may both: they draw the same
        with self._lock:
            if key not in self._kept:
                self._kept[key] = order
                self._bytes += order.nbytes
            while self._bytes > self._most_bytes:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return order


ORDERS = Orders()
"""Shared by all stacks of this process."""


def table(arrays: Arrays, block: int) -> State:
    """Return the rows of a table as NumPy inputs of a program; validation rows are padded to blocks."""
    rows, val_rows = len(arrays.x_train), len(arrays.x_val)
    ones = np.ones(rows, np.float32)
    train_weight = normalised(arrays.train_weight)
    val_weight = normalised(arrays.val_weight)
    val_weight = np.ones(val_rows, np.float32) if val_weight is None else val_weight
    size, val_size = padded_rows(rows), padded_rows(val_rows, block)
    return {
        "x": padded(arrays.x_train, size),
        "y": padded(arrays.y_train, size),
        "weight": padded(ones if train_weight is None else train_weight, size),
        "val_x": padded(arrays.x_val, val_size),
        "val_y": padded(arrays.y_val, val_size),
        "val_weight": padded(val_weight, val_size),
        "rows": np.int32(rows),
        "val_rows": np.int32(val_rows),
    }


def orders(
    seeds: Sequence[int], coming: range, rows: int, shape: tuple[int, int, int]
) -> np.ndarray:
    """Return the order of rows in the coming epochs, int32 (seeds, epochs, places).

    Args:
        seeds: The different seeds of a tile's members.
        coming: The epochs, 0-based.
        rows: Training rows.
        shape: Shape of the result; values beyond seeds, epochs and rows are never read.
    """
    order = np.zeros(shape, np.int32)
    for at, seed in enumerate(seeds):
        for place, epoch in enumerate(coming):
            order[at, place, :rows] = ORDERS.get(seed, epoch, rows)
    return order


def member_values(
    fits: Sequence[Fit], members: Members, settings: Settings, *, decays: bool, masks: bool
) -> State:
    """Return the values that differ from member to member, NumPy arrays with a row per member.

    Args:
        fits: One per member.
        decays: Whether any member of the stack has weight decay.
        masks: Whether padded units need masks.
    """
    seeds = sorted({fit.seed for fit in fits})
    values: dict[str, Any] = {
        "rate": np.array([fit.trial.learning_rate for fit in fits], np.float32),
        "seed": np.array([seeds.index(fit.seed) for fit in fits], np.int32),
        "limit": np.array([fit.epochs for fit in fits], np.int32),
    }
    if decays:
        values["decay"] = np.array([decay_of(settings, f.trial) for f in fits], np.float32)
    if masks:
        values["units"] = members.units(fits)
    return values


def padded(array: np.ndarray, rows: int) -> np.ndarray:
    """Return an array with rows of zeros appended, up to `rows` rows."""
    missing = rows - len(array)
    return np.pad(array, [(0, missing), *[(0, 0)] * (array.ndim - 1)]) if missing else array


class DeviceTable:
    """The rows of a table on the device, for the lifetime of this object."""

    def __init__(self, arrays: Arrays, block: int) -> None:
        """Copy the table to the device; arguments as of `inputs.table`."""
        self._arrays = arrays  # held, so that no other object gets its id
        self.rows: State = tree.map_structure(ops.convert_to_tensor, table(arrays, block))


_known: WeakValueDictionary[tuple[int, int], DeviceTable] = WeakValueDictionary()
_lock = threading.Lock()


def is_there(arrays: Arrays) -> bool:
    """Return whether the table of these arrays is on the device, for a stack that trains now."""
    with _lock:
        return any(owner == id(arrays) for owner, _ in _known)


def table_of(arrays: Arrays, block: int) -> DeviceTable:
    """Return the table of arrays on the device; stacks that train at the same time share it."""
    key = id(arrays), block
    with _lock:  # a second stack waits for the first instead of taking the memory twice
        kept = _known.get(key)
        if kept is None:
            kept = _known[key] = DeviceTable(arrays, block)
        return kept
