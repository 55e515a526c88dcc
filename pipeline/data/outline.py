"""Sizes of a table, without scikit-learn and within about a second: for plans, never for training.

The first rows of a large table are prepared as a sweep does it, and the counts are scaled up. A small
one is prepared whole, so everything is exact and every error the same.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, cast

import pyarrow as pa
from pyarrow import parquet

from pipeline.config.schema_data import DataConfig
from pipeline.core.errors import DataError
from pipeline.data import prepare
from pipeline.data.dataset import Dataset
from pipeline.data.imagefile import SUFFIXES
from pipeline.data.source import GZIP, PARQUET, find, utf16

MOST_BYTES = 4 << 20
"""Largest text file that is read whole, in bytes: half a second."""
MOST_ROWS = 30_000
"""Rows of a larger Parquet file that are read."""
MOST_IMAGES = 200
COUNTED_BYTES, COUNTED_GZIP_BYTES = 256 << 20, 16 << 20
"""Bytes of a file, before decompression, in which lines are counted; the rest is extrapolated."""
BLOCK = 1 << 20
PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Outline:
    """A prepared table, or the first rows of a large one with the factor to all rows."""

    dataset: Dataset
    growth: Mapping[str, float] = field(default_factory=dict)
    """Rows of the whole table per row of `dataset`, by part of the split; empty: `dataset` is the whole."""
    mark: str = ""
    """Hash of path, size and time of the file (`file_mark`)."""

    @property
    def rows(self) -> dict[str, int]:
        """Number of rows of train, validation and test, of the largest fold."""
        split = self.dataset.split
        sizes = zip(PARTS, (*split.largest, len(split.test)), strict=True)
        return {part: round(count * self.growth.get(part, 1.0)) for part, count in sizes}

    @property
    def all_rows(self) -> int:
        """Number of rows of the table, test rows included."""
        test = len(self.dataset.split.test)
        known = (self.dataset.rows - test) * self.growth.get("train", 1.0)
        return round(known + test * self.growth.get("test", 1.0))

    @property
    def digest(self) -> str:
        """The digest of the data as a sweep computes it; empty where only a part was read."""
        return "" if self.growth else self.dataset.digest


def outline(config: DataConfig, seed: int) -> Outline:
    """Return the sizes of a table; errors as of `prepare`."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            part, growth = _first_rows(config, Path(folder))
            if growth:
                return Outline(prepare(part, seed), growth, file_mark(config))
        except DataError:
            pass  # a part may be invalid where the whole is not
    return Outline(prepare(config, seed), mark=file_mark(config))


def file_mark(config: DataConfig) -> str:
    """Return a hash of path, size and time of change of the file; empty for a folder."""
    path = find(config.path)
    if not path.is_file():
        return ""
    status = path.stat()
    text = f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _first_rows(config: DataConfig, folder: Path) -> tuple[DataConfig, dict[str, float]]:
    """Return a configuration of a large table's first rows, written into a folder.

    Returns:
        The configuration, and `Outline.growth`: empty where the table is small and taken whole.
    """
    path, growth = _cut(find(config.path), folder / "table")
    if growth == 1.0:
        return config, {}
    part, growths = replace(config, path=str(path)), dict.fromkeys(PARTS, growth)
    if config.test_path is not None:
        path, growths["test"] = _cut(find(config.test_path, "data.test_path"), folder / "test")
        part = replace(part, test_path=str(path))
    return part, growths


def _cut(path: Path, part: Path) -> tuple[Path, float]:
    """Return the first part of a large table and the ratio of all rows to its rows; else path and 1.

    Args:
        path: A CSV or Parquet file, or a folder of images.
        part: Where the part may be written.
    """
    if path.is_dir():
        return _images(path, part)
    with path.open("rb") as file:
        mark = file.read(len(PARQUET))
        if mark == PARQUET:
            return _parquet(path, part)
        file.seek(0)
        is_packed = mark.startswith(GZIP)
        text = cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if is_packed else file
        head = text.read(MOST_BYTES + 1)
        whole, newline, _ = head.rpartition(b"\n")
        if len(head) <= MOST_BYTES or utf16(head) or not newline:
            return path, 1.0
        part.write_bytes(whole + newline)
        known, lines, start = whole.count(b"\n") + 1, 0, file.tell()
        counted = COUNTED_GZIP_BYTES if is_packed else COUNTED_BYTES
        while file.tell() < counted and (block := text.read(BLOCK)):
            lines += block.count(b"\n")
        read, left = file.tell() - start, file.seek(0, os.SEEK_END) - start
        return part, (known + lines * (left / read if read else 1.0)) / known


def _parquet(path: Path, part: Path) -> tuple[Path, float]:
    try:
        file = parquet.ParquetFile(path)
        rows = file.metadata.num_rows
        if rows <= MOST_ROWS:
            return path, 1.0
        batch = next(file.iter_batches(batch_size=MOST_ROWS))
    except (pa.ArrowException, OSError, StopIteration):
        return path, 1.0  # reading it whole will say what is wrong
    parquet.write_table(pa.Table.from_batches([batch]), part)
    return part, rows / batch.num_rows


def _images(path: Path, part: Path) -> tuple[Path, float]:
    """Link every n-th image of each class into a folder; return as `_cut` does."""
    files = {
        entry.name: sorted(file for file in entry.iterdir() if file.suffix.lower() in SUFFIXES)
        for entry in sorted(path.iterdir())
        if entry.is_dir()
    }
    count = sum(map(len, files.values()))
    if count <= MOST_IMAGES:
        return path, 1.0
    taken = 0
    for name, inside in files.items():
        (part / name).mkdir(parents=True)
        for file in inside[:: -(-count // MOST_IMAGES)]:
            (part / name / file.name).symlink_to(file.absolute())
            taken += 1
    return part, count / taken
