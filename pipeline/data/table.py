"""Rows that have been read and have a target, before anything is judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline.data.load import read_table
from pipeline.data.missing import with_target
from pipeline.data.roles import check_columns
from pipeline.data.rowhash import row_hashes
from pipeline.data.source import inspect
from pipeline.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.config.schema import DataConfig


@dataclass(frozen=True)
class Table:
    """All rows of one source, or of training and test source joined."""

    frame: pd.DataFrame
    """Raw columns; the index counts the rows of the file from 0, so that messages can name them."""
    hashes: np.ndarray
    """uint64 hash of each row's content."""
    notes: tuple[str, ...] = ()
    images: np.ndarray | None = None
    """uint8 (rows, height, width, channels) where rows are image files."""


def load_table(config: DataConfig, path: Path, key: str) -> Table:
    """Return the rows of a CSV or Parquet file that have a target.

    Raises:
        DataError: The file, a configured column, or the target is unusable.
    """
    notes: list[str] = []
    frame = read_table(path, key, notes)
    check_columns(config, frame, key)
    written = inspect(path, key)[0] != "parquet"
    frame = with_target(frame, config, notes, written=written)
    return Table(frame, row_hashes(frame), tuple(notes))


def join(first: Table, second: Table) -> Table:
    """Return training and test rows as one table, test rows last, with the first one's columns.

    Raises:
        DataError: The test rows lack a column.
    """
    absent = [str(name) for name in first.frame.columns if name not in second.frame.columns]
    if absent:
        raise DataError(f"data.test_path: the table has no column {', '.join(absent[:5])}")
    return Table(
        pd.concat([first.frame, second.frame[list(first.frame.columns)]]),
        np.concatenate([first.hashes, second.hashes]),
        (*first.notes, *second.notes),
        None
        if first.images is None or second.images is None
        else np.concatenate([first.images, second.images]),
    )
