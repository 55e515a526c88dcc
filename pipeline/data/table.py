"""Read the rows of a table that have a target, before columns are judged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.config.choices import Task
from pipeline.config.schema_data import DataConfig
from pipeline.core.errors import DataError
from pipeline.data.infer import different, example_of, rows_text
from pipeline.data.load import read_table
from pipeline.data.missing import with_target
from pipeline.data.numberforms import NumberForm, find_form
from pipeline.data.plain import as_values, keeps_text, plain_numbers, unmarked
from pipeline.data.roles import check_columns
from pipeline.data.rowhash import row_hashes
from pipeline.data.target import MOST_CODES, is_text
from pipeline.data.typed import Column, Kind, is_given, unchecked_numbers, unreadable


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
    """Form of the target's numbers, where they are amounts of money, percentages or the like."""


def load_table(config: DataConfig, path: Path, key: str, amounts: str | None = None) -> Table:
    """Return the rows of a CSV or Parquet file that have a target.

    Args:
        amounts: For test rows: `Table.amounts` of the training table; None: detected from the file.

    Raises:
        DataError: The file, a configured column, or the target is unusable.
    """
    notes: list[str] = []
    frame = read_table(path, key, notes, config)
    check_columns(config, frame, key)
    written = "delimiter" in frame.attrs
    if written:
        frame = _without_headers(_without_empty_rows(frame, notes), notes)
    frame, amounts = with_amounts(frame, config, notes, amounts)
    frame = with_target(frame, config, notes, written=written)
    if not written:
        return Table(frame, row_hashes(frame), tuple(notes), amounts=amounts)
    frame, hashes = _by_value(frame, config, cast=key == "data.path")
    return Table(frame, hashes, tuple(notes), amounts=amounts)


def _without_empty_rows(frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Return the rows that hold any value, with a note on the others."""
    last = frame[frame.columns[-1]].isna()
    empty = last & frame.isna().all(axis=1) if last.any() else last
    if not empty.any():
        return frame
    count = int(empty.sum())
    notes.append(
        f"{count} row{'s' * (count > 1)} without any value {'are' if count > 1 else 'is'} left out."
    )
    return frame[~empty]


def _without_headers(frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Return the rows that do not repeat the header, as in concatenated files, with a note on the others."""
    is_header = np.ones(len(frame), dtype=bool)
    for name in reversed(frame.columns):  # the last column mostly settles it
        is_header[is_header] = frame[name][is_header].astype("str").str.strip() == name
        if not is_header.any():
            return frame
    if frame.columns.str.isdigit().all():  # 0, 1, 2: a row of numbers is no header
        return frame
    is_one = is_header.sum() == 1
    notes.append(
        f"{rows_text(frame.iloc[:, 0], is_header)} {'repeats' if is_one else 'repeat'} the header: "
        f"{'it is' if is_one else 'they are'} left out."
    )
    return frame[~is_header]


def _by_value(
    frame: pd.DataFrame, config: DataConfig, *, cast: bool
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the rows of a CSV file with plain numbers as float64 (`plain`), and their hashes.

    Args:
        frame: Texts, except for the target.
        config: Columns that it names for a kind or a role stay text.
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
        numbers = plain_numbers(series)
        values[name] = as_values(series, numbers, commas=frame.attrs["commas"])
        if numbers is None:
            frame[name] = series if name == config.target else unmarked(series)
        elif cast and as_points and name not in stays and not keeps_text(series, numbers):
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


def with_amounts(
    frame: pd.DataFrame, config: DataConfig, notes: list[str], known: str | None = None
) -> tuple[pd.DataFrame, str]:
    """Return the rows with the target as numbers where all its texts are numbers in one special form.

    `$1,200` is 1200, `1.234,56` is 1234.56, `12.5%` is 12.5. Few distinct ones stay texts, as they may be
    classes, unless a regression is configured.

    Args:
        notes: Receives a note on the form.
        known: For test rows: the form in the table, which may be ambiguous in their own file (`1.234` beside
            a table with `1.234,50`). None: detected from the rows.

    Returns:
        The rows, and the form; empty where the target stays unchanged.

    Raises:
        DataError: A value of test rows does not have the form.
    """
    name = str(config.target)
    series = frame[name]
    if not is_text(series) or known == "" or config.task is Task.classification:
        return frame, known or ""
    own = _form(series, config.task) if known is None else NumberForm(known, "", 1.0)
    if own is None:
        return frame, ""
    bad = unreadable(series, Column(name, Kind.number, format=own.form))
    if known is not None and bad.any():
        raise DataError(
            f"data.test_path: {int(bad.sum())} of {int(is_given(series).sum())} values of the target "
            f"{name!r} are not written like {known}, as the table (data.path) writes them, for example "
            f"{example_of(series, bad)}; write both files alike"
        )
    if bad.any():
        return frame, ""
    if known is None:
        note = f"The target {name!r} is read as numbers written like {own.form}"
        if own.doubt:
            note += f"; {own.doubt!r} could be the decimal mark: data.decimal='{own.doubt}' says so"
        notes.append(f"{note}.")
    values = pd.Series(unchecked_numbers(series, own.form), index=series.index, name=name)
    return frame.assign(**{name: values}), own.form


def _form(series: pd.Series, task: Task) -> NumberForm | None:
    """Return the form of a target whose numbers are not plain; else None."""
    if isinstance(series.dtype, pd.StringDtype):
        values = plain_numbers(series)
        if values is not None and not keeps_text(series, values):
            return None
    elif not series.map(lambda cell: cell is None or isinstance(cell, str | float | int)).all():
        return None
    texts, times = different(series.value_counts())
    if texts.str.fullmatch(r"[-+]?\d+").all():
        return None  # whole numbers are numbers in any form, and none in a column without values
    own = find_form(texts, times, series.attrs)
    if own is None or not own.form:
        return None
    values = unchecked_numbers(texts, own.form)
    are_codes = len(texts) <= MOST_CODES and bool((values == values.round()).all())
    return None if are_codes and task is Task.auto else own
