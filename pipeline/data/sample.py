"""The first part of a large table as a file of its own, and how many rows there are in all."""

from __future__ import annotations

import gzip
import os
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, cast

from pipeline.data.imagefile import SUFFIXES
from pipeline.data.source import GZIP, PARQUET, UTF16_MARKS

if TYPE_CHECKING:
    from pathlib import Path

MOST_BYTES = 4 << 20
"""Text that is read whole: half a second."""
MOST_ROWS = 30_000
"""Rows of a larger Parquet file that are read."""
MOST_IMAGES = 200
COUNTED_BYTES = 256 << 20
"""Lines are counted so far into a file; what follows is taken to be like it."""
COUNTED_GZIP_BYTES = 16 << 20
"""The same of a compressed file, before decompression."""
BLOCK = 1 << 20


@dataclass(frozen=True)
class Sample:
    """A part of a table."""

    path: Path
    growth: float
    """Rows of the whole table for each row of the sample."""


def sample(path: Path, folder: Path) -> Sample | None:
    """Return a sample of a large table, written into a folder; None where the table is small.

    Args:
        path: A CSV or Parquet file, or a folder of images; known to be readable.
        folder: Empty, for the sample.
    """
    if path.is_dir():
        return _images(path, folder)
    with path.open("rb") as file:
        mark = file.read(4)
        if mark == PARQUET:
            return _parquet(path, folder)
        file.seek(0)
        is_packed = mark.startswith(GZIP)
        text = cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if is_packed else file
        return _csv(text, file, folder, COUNTED_GZIP_BYTES if is_packed else COUNTED_BYTES)


def _csv(text: IO[bytes], file: IO[bytes], folder: Path, counted: int) -> Sample | None:
    """Take whole lines from the start of a text file, and count the others.

    Args:
        text: The content.
        file: The file behind it, the same unless it is compressed.
        folder: For the sample.
        counted: Bytes of the file within which lines are counted.
    """
    head = text.read(MOST_BYTES + 1)
    whole, newline, _ = head.rpartition(b"\n")
    if len(head) <= MOST_BYTES or head.startswith(UTF16_MARKS) or not newline:
        return None
    part = folder / "sample.csv"
    part.write_bytes(whole + newline)
    known = whole.count(b"\n") + 1
    lines, start = 0, file.tell()
    while file.tell() < counted and (block := text.read(BLOCK)):
        lines += block.count(b"\n")
    read, left = file.tell() - start, file.seek(0, os.SEEK_END) - start
    return Sample(part, (known + lines * (left / read if read else 1.0)) / known)


def _parquet(path: Path, folder: Path) -> Sample | None:
    """Take the first rows of a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        rows = file.metadata.num_rows
        if rows <= MOST_ROWS:
            return None
        batch = next(file.iter_batches(batch_size=MOST_ROWS))
    except (pa.ArrowException, OSError, StopIteration):
        return None  # reading it whole will say what is wrong
    part = folder / "sample.parquet"
    pq.write_table(pa.Table.from_batches([batch]), part)
    return Sample(part, rows / batch.num_rows)


def _images(path: Path, folder: Path) -> Sample | None:
    """Take every so many images of each class, as links."""
    classes = [entry for entry in sorted(path.iterdir()) if entry.is_dir()]
    files = {
        entry.name: sorted(file for file in entry.iterdir() if file.suffix.lower() in SUFFIXES)
        for entry in classes
    }
    count = sum(map(len, files.values()))
    if count <= MOST_IMAGES:
        return None
    part, stride = folder / "sample", -(-count // MOST_IMAGES)
    taken = 0
    for name, inside in files.items():
        (part / name).mkdir(parents=True)
        for file in inside[::stride]:
            (part / name / file.name).symlink_to(file.absolute())
            taken += 1
    return Sample(part, count / taken)
