"""Tables on the device: stacks that train at the same time share one."""

from __future__ import annotations

import threading
from weakref import WeakValueDictionary

from keras import ops, tree

from pipeline.core.records import Arrays
from pipeline.training.stacked.inputs import table
from pipeline.training.stacked.step import State


class DeviceTable:
    """The rows of a table on the device, for as long as anybody holds this."""

    def __init__(self, arrays: Arrays, block: int) -> None:
        """Bring it there; see `inputs.table`."""
        self._arrays = arrays  # held, so that nothing else gets its id
        self.rows: State = tree.map_structure(ops.convert_to_tensor, table(arrays, block))


_known: WeakValueDictionary[tuple[int, int], DeviceTable] = WeakValueDictionary()
_lock = threading.Lock()


def is_there(arrays: Arrays) -> bool:
    """Return whether a stack that trains now has brought the table of these arrays already."""
    with _lock:
        return any(owner == id(arrays) for owner, _ in _known)


def table_of(arrays: Arrays, block: int) -> DeviceTable:
    """Return the table of some arrays, the same to all who hold it at the same time.

    Args:
        arrays: The table.
        block: Rows of a validation pass.
    """
    key = id(arrays), block
    with _lock:  # a second stack waits for the first instead of taking the memory twice
        found = _known.get(key)
        if found is None:
            found = _known[key] = DeviceTable(arrays, block)
        return found
