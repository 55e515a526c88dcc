"""The sizes of a program, from the workload alone: how many members, epochs and rows at once."""

from __future__ import annotations

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
"""Weights, slopes, two moments, the best: what a member takes of a cache or a device's memory."""
FLOAT = 4
"""Bytes."""
FLOPS = 4.0e10
"""Arithmetic of a core and second."""


@dataclass(frozen=True)
class Device:
    """Where programs run, as far as their sizes depend on it."""

    members: int
    """The most members of a tile."""
    bytes: float
    """State of a tile: what a core keeps in its cache, or what a GPU has for it."""
    flops: float
    """Arithmetic of one call: a fifth of a second to a second, so that signals are heard."""
    fills: bool = False
    """Whether a tile takes all members at once, so that dummies would cost; else tiles are small
    and of one size, so that programs are found again."""
    fewest: int = 2
    """The fewest members of a tile: XLA's code for one on a CPU was seen 240 times slower."""
    compiles: bool = True
    """Whether a program is compiled as a whole, or a graph of the framework's own operations."""


CPU = Device(members=4, bytes=8e6, flops=FLOPS / 4)
"""More members of a tile are hardly faster and leave cores without work at the end."""

GRAPHS = Device(members=1, bytes=8e6, flops=FLOPS / 4, fewest=1, compiles=False)
"""For convolutions: XLA's are slow on CPUs and cannot be mapped over members by TensorFlow, but its
own operations are fast on one core, so that members run one by one, side by side."""


def cpu(*, convolutional: bool) -> Device:
    """Return the cores as a device for networks of a kind."""
    return GRAPHS if convolutional else CPU


def gpu(memory: float) -> Device:
    """Return a GPU with so many bytes of memory; a quarter is for the tile in work."""
    return Device(members=4096, bytes=memory / 4, flops=4e12, fills=True, fewest=8)


def padded_rows(rows: int, multiple: int = ROW_BUCKET) -> int:
    """Return the rows of the padded table."""
    return -(-rows // multiple) * multiple


@dataclass(frozen=True)
class Shape:
    """The sizes of a program."""

    members: int
    """Of a tile; a stack is trained tile by tile."""
    seeds: int
    """Orders of rows that a tile may need."""
    epochs: int
    """The most epochs of one call."""
    steps: int
    """The most steps of one call, at most an epoch."""
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


def shape_of(
    parameters: int,
    products: int,
    table: tuple[int, int],
    batch: int,
    device: Device = CPU,
    crowd: tuple[int, int] = (1, 1),
) -> Shape:
    """Return the sizes for members of this many (padded) parameters.

    Args:
        parameters: Of one member, padded.
        products: Multiplications of one row forward.
        table: Training and validation rows.
        batch: Rows of a step.
        device: Where the program runs.
        crowd: Fits and different seeds of the stack; only a device that takes all members at once
            looks at them.
    """
    rows, val_rows = table
    fits, seeds = crowd
    members = device.members
    while members > device.fewest and members * parameters * COPIES * FLOAT > device.bytes:
        members //= 2
    while device.fills and members // 2 >= max(fits, device.fewest):
        members //= 2
    many = max(1, int(device.flops / (6 * batch * max(products, 1) * members)))
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
