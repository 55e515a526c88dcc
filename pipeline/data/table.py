"""Rows that have been read and have a target, before anything is judged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.config.schema_data import DataConfig
from pipeline.core.errors import DataError
from pipeline.data.amounts import with_amounts
from pipeline.data.load import read_table
from pipeline.data.missing import with_target
from pipeline.data.plain import as_values, keeps_text, plain_numbers, unmarked
from pipeline.data.roles import check_columns
from pipeline.data.rowhash import row_hashes


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
    amounts: str = ""
    """The form that the target was read in, where it is written as money, percent or the like."""


def load_table(config: DataConfig, path: Path, key: str, amounts: str | None = None) -> Table:
    """Return the rows of a CSV or Parquet file that have a target.

    Args:
        amounts: Of test rows `Table.amounts` of the training table; None: what the file itself shows.

    Raises:
        DataError: The file, a configured column, or the target is unusable.
    """
    notes: list[str] = []
    frame = read_table(path, key, notes, config)
    check_columns(config, frame, key)
    written = "delimiter" in frame.attrs
    if written:
        frame = _without_empty_rows(frame, notes)
    frame, amounts = with_amounts(frame, config, notes, amounts)
    frame = with_target(frame, config, notes, written=written)
    if not written:
        return Table(frame, row_hashes(frame), tuple(notes), amounts=amounts)
    frame, hashes = _by_value(frame, config, cast=key == "data.path")
    return Table(frame, hashes, tuple(notes), amounts=amounts)


def _without_empty_rows(frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Return the rows of a training table that hold anything: blank lines are none."""
    last = frame[frame.columns[-1]].isna()
    empty = last & frame.isna().all(axis=1) if last.any() else last
    if not empty.any():
        return frame
    count = int(empty.sum())
    notes.append(
        f"{count} row{'s' * (count > 1)} without any value {'are' if count > 1 else 'is'} left out."
    )
    return frame[~empty]


def _by_value(
    frame: pd.DataFrame, config: DataConfig, *, cast: bool
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the texts of a CSV file, plain numbers as such (`plain`), and the hashes of the rows.

    Args:
        frame: Text but for the target.
        config: Columns that it names for a kind or a job stay text.
        cast: Whether numbers may be cast before kinds are judged.
    """
    named = (config.target, config.group, config.id)
    stays = {*named, *config.categories, *config.dates, *config.ordered}
    as_points = not frame.attrs["commas"] and frame.attrs["decimal"] != ","
    values: dict[str, pd.Series] = {}
    for name in frame.columns:
        series = frame[name]
        if not isinstance(series.dtype, pd.StringDtype):
            values[name] = series
            continue
        found = plain_numbers(series)
        values[name] = as_values(series, found, commas=frame.attrs["commas"])
        if found is None:
            frame[name] = series if name == config.target else unmarked(series)
        elif cast and as_points and name not in stays and not keeps_text(series, found):
            frame[name] = values[name]
    return frame, row_hashes(pd.DataFrame(values, index=frame.index))


def join(first: Table, second: Table) -> Table:
    """Return training and test rows as one table, test rows last, with the first one's columns.

    Raises:
        DataError: The test rows lack a column.
    """
    absent = [str(name) for name in first.frame.columns if name not in second.frame.columns]
    if absent:
        raise DataError(f"data.test_path: the table has no column {', '.join(absent[:5])}")
    frame = pd.concat([first.frame, second.frame[list(first.frame.columns)]])
    # pandas keeps attributes only where all are equal
    here, there = first.frame.attrs, second.frame.attrs
    frame.attrs = {name: said for name, said in here.items() if there.get(name) == said}
    return Table(
        frame,
        np.concatenate([first.hashes, second.hashes]),
        (*first.notes, *second.notes),
        None
        if first.images is None or second.images is None
        else np.concatenate([first.images, second.images]),
    )
