"""The sizes of a program, from the workload alone: how many members, epochs and rows at once."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.training.order import steps

ROW_BUCKET = 64
"""Tables are padded to a multiple of this many rows, so that folds share a program."""
CHUNK_FLOPS = 1.0e10
"""Arithmetic of one call: a fifth of a second to a second on a core, so that signals are heard."""
MOST_EPOCHS = 32
"""Epochs of one call; members that stopped leave between calls."""
BLOCK_ROWS = 256
"""Rows of a validation pass: activations stay in the cache."""
BLOCK_STEP = 32
CACHE_BYTES = 8e6
"""State of a tile (weights, slopes, moments) that a core keeps close."""
MOST_MEMBERS = 4
"""Members of a tile on a CPU: more are hardly faster, and leave cores without work at the end."""


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
    def epoch_steps(self) -> int:
        """Steps of an epoch."""
        return steps(self.batch, self.rows)


def shape_of(parameters: int, rows: int, val_rows: int, batch: int, fewest: int) -> Shape:
    """Return the sizes for members of this many (padded) parameters.

    They do not depend on how many fits there are, so that programs are found again.

    Args:
        parameters: Of one member, padded.
        rows: Training rows.
        val_rows: Validation rows.
        batch: Rows of a step.
        fewest: The fewest members that the backend runs well.
    """
    members = MOST_MEMBERS
    while members > 1 and members * parameters * 20 > CACHE_BYTES:
        members //= 2
    members = max(members, fewest)
    step_flops = 6 * batch * parameters * members
    many = max(1, int(CHUNK_FLOPS / max(step_flops, 1)))
    epoch = steps(batch, rows)
    epochs = 1
    while epochs * 2 <= min(MOST_EPOCHS, many // epoch):
        epochs *= 2
    blocks = steps(BLOCK_ROWS, val_rows)
    block = padded_rows(steps(blocks, val_rows), BLOCK_STEP)
    return Shape(members, members, epochs, min(epoch, many), batch, rows, val_rows, block)
