"""The sizes of a program, from the workload alone: its members, epochs and rows of a call."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pipeline.training.order import steps

ROW_BUCKET = 64
"""Tables are padded to a multiple of this many rows, so that folds share a program."""
MOST_EPOCHS = 32
"""Epochs of one call; members that stopped leave between calls."""
BLOCK_ROWS = 256
"""Rows of a validation pass: activations stay in the cache."""
BLOCK_STEP = 32
COPIES = 5
"""Copies of a member's weights in a cache or a device's memory: weights, gradients, two moments, the best."""
FLOAT = 4
"""Bytes."""
FLOPS = 4.0e10
"""Operations of a core in a second."""


@dataclass(frozen=True)
class Device:
    """The properties of a device that the sizes of programs depend on."""

    members: int
    """Most members of a tile."""
    bytes: float
    """Most bytes of a tile's state: the cache of a core, or a part of the memory of a GPU."""
    flops: float
    """Operations of one call: a fifth of a second to a second, so that training can be stopped."""
    fills: bool = False
    """Whether a tile takes all members at once, so that dummies would cost; else tiles are small
    and of one size, so that programs are reused."""
    fewest: int = 2
    """Fewest members of a tile: XLA's code for one on a CPU was measured 240 times slower."""
    compiles: bool = True
    """Whether a program is compiled as a whole, or is a graph of the framework's own operations."""
    heavy: float = math.inf
    """Operations of a member's step; where there are more, tiles have the fewest members."""


CPU = Device(members=4, bytes=8e6, flops=FLOPS / 4, heavy=1.5e6)
"""More members of a tile are hardly faster, and leave cores idle at the end. Where arithmetic is most of a
step, two a tile take as much processor time as four, and a stack of four keeps two cores at work
(docs/experiments.md, "Two members a tile")."""

GRAPHS = Device(members=1, bytes=8e6, flops=FLOPS / 4, fewest=1, compiles=False)
"""For convolutions: XLA's are slow on CPUs, and TensorFlow cannot map them over members. Its own operations
are fast on one core, so each member is a program, and they run side by side."""


def cpu(*, convolutional: bool) -> Device:
    """Return the cores as a device for networks of a kind."""
    return GRAPHS if convolutional else CPU


def gpu(memory: float) -> Device:
    """Return a GPU with `memory` bytes, of which a quarter is for the tile in training."""
    return Device(members=4096, bytes=memory / 4, flops=4e12, fills=True, fewest=8)


def padded_rows(rows: int, multiple: int = ROW_BUCKET) -> int:
    """Return the number of rows after padding to a multiple."""
    return -(-rows // multiple) * multiple


@dataclass(frozen=True)
class Shape:
    """The sizes of a program."""

    members: int
    """Members of a tile; a stack is trained tile by tile."""
    seeds: int
    """Most different orders of rows in a tile."""
    epochs: int
    """Most epochs of one call."""
    steps: int
    """Most steps of one call, at most an epoch."""
    batch: int
    rows: int
    """Training rows, not padded."""
    val_rows: int
    """Validation rows, not padded."""
    block: int
    """Rows of a validation pass."""

    @property
    def places(self) -> int:
        """Length of an order: whole steps of the padded table."""
        return steps(self.batch, padded_rows(self.rows)) * self.batch

    @property
    def partial(self) -> bool:
        """Whether the last step of an epoch may have fewer rows."""
        return self.rows % self.batch != 0 or self.places != self.rows

    @property
    def whole(self) -> bool:
        """Whether every call ends with an epoch."""
        return self.steps == self.epoch_steps

    @property
    def epoch_steps(self) -> int:
        """Steps of an epoch."""
        return steps(self.batch, self.rows)


def tile_members(device: Device, operations: float, parameters: int) -> int:
    """Return the most members of a tile.

    Args:
        device: Where the program runs.
        operations: Of a step of one member, forward and backward.
        parameters: Of one member, padded.
    """
    members = device.fewest if operations > device.heavy else device.members
    while members > device.fewest and members * parameters * COPIES * FLOAT > device.bytes:
        members //= 2
    return members


def shape_of(
    parameters: int,
    products: int,
    table: tuple[int, int],
    batch: int,
    device: Device = CPU,
    crowd: tuple[int, int] = (1, 1),
) -> Shape:
    """Return the sizes of a program.

    Args:
        parameters: Parameters of one member, padded.
        products: Multiplications of one row forward.
        table: Training and validation rows.
        batch: Rows of a step.
        device: The device that the program runs on.
        crowd: Number of fits, and of different seeds, of the stack; of effect where the device `fills`.
    """
    rows, val_rows = table
    fits, seeds = crowd
    operations = 6 * batch * max(products, 1)
    members = tile_members(device, operations, parameters)
    while device.fills and members // 2 >= max(fits, device.fewest):
        members //= 2
    many = max(1, int(device.flops / (operations * members)))
    epoch = steps(batch, rows)
    blocks = steps(BLOCK_ROWS, val_rows)
    return Shape(
        members=members,
        seeds=(1 << (min(members, seeds) - 1).bit_length()) if device.fills else members,
        epochs=1 << (min(MOST_EPOCHS, max(1, many // epoch)).bit_length() - 1),
        steps=min(epoch, many),
        batch=batch,
        rows=rows,
        val_rows=val_rows,
        block=padded_rows(steps(blocks, val_rows), BLOCK_STEP),
    )
