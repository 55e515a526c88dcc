"""Read a CSV or Parquet file into a raw DataFrame, without inferring kinds.

Cells of a CSV file stay text. Kinds are inferred once, from the known rows of a training table, so that
they do not depend on the rows of another file.
"""

from __future__ import annotations

import io
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import compute, csv, parquet

from pipeline.config.schema_data import DataConfig
from pipeline.core.errors import DataError
from pipeline.data.frame import plain_column
from pipeline.data.layout import Layout, check_header, layout, single_byte
from pipeline.data.plain import EXACT
from pipeline.data.source import inspect, is_gzip, opened
from pipeline.data.typed import tidy

LARGE = 4 << 20
"""Size in bytes above which Arrow is tried first."""
MANY = 2
"""Least records within the first bytes, header included: with fewer the header may be cut."""
TAIL = 1 << 16
"""Number of characters at the end of a file in which blank lines are counted."""


def read_table(
    path: Path,
    key: str = "data.path",
    notes: list[str] | None = None,
    config: DataConfig | None = None,
) -> pd.DataFrame:
    """Return the table of a CSV (also .gz) or Parquet file, with a fresh row index.

    Every line of a CSV file is a row, also a blank one, except blank lines at the end. Cells are text, an
    empty one is missing. `attrs` of the frame hold the layout: `delimiter`, `decimal` (the mark, where
    known), `sure` (whether it is unambiguous), `said` (whether it is configured) and `commas`.

    Args:
        path: The file.
        key: The setting that names it, for messages.
        notes: Receives notes for the log.
        config: Its encoding, delimiter and decimal mark take precedence over detection.

    Raises:
        DataError: The file is no table, is damaged, has a duplicate column or no rows.
    """
    notes = [] if notes is None else notes
    format_, head = inspect(path, key)
    if format_ == "parquet":
        frame = _read_parquet(path, key, config)
    else:
        frame = _read_csv(path, head, key, notes, config)
    frame = _with_tidy_names(frame, f"{key}={path}", notes)
    if frame.empty:
        raise DataError(f"{key}={path} has a header but no rows")
    return frame


def _with_tidy_names(frame: pd.DataFrame, where: str, notes: list[str]) -> pd.DataFrame:
    """Return the rows with column names without surrounding blanks and line breaks."""
    raw = list(map(str, frame.columns))
    check_header(tuple(raw), where)
    names = [tidy(name) for name in raw]
    changed = [(old, new) for old, new in zip(raw, names, strict=True) if old != new]
    if changed:
        shown = ", ".join(f"{old!r} is {new!r}" for old, new in changed[:3])
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""  # noqa: PLR2004
        notes.append(f"Column names are used without blanks and line breaks: {shown}{more}.")
    return frame.set_axis(names, axis=1)


def _read_csv(
    path: Path, head: bytes, key: str, notes: list[str], config: DataConfig | None
) -> pd.DataFrame:
    """Read a CSV file; where it is not UTF-8 after all, as cp1252 or latin-1."""
    where = f"{key}={path}"
    form = layout(head, where, config)
    try:
        try:
            frame = _parse(path, form)
        except UnicodeDecodeError:
            if config is not None and config.encoding:
                raise
            with opened(path) as file:
                form = replace(form, encoding=single_byte(file.read()))
            frame = _parse(path, form)
    except (pd.errors.ParserError, pd.errors.ParserWarning, pd.errors.EmptyDataError) as error:
        raise DataError(f"{where} is not a regular CSV table: {_plain(error)}") from error
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise DataError(f"{where} cannot be read: {_plain(error)}") from error
    if form.encoding in {"cp1252", "latin-1"} and not (config and config.encoding):
        notes.append(
            f"{path.name} is not UTF-8; it was read as {form.encoding} (data.encoding says otherwise)."
        )
    frame.attrs = {
        "delimiter": form.delimiter,
        "decimal": form.decimal or ("," if form.commas else ""),
        "sure": bool(form.decimal),
        "said": bool(config and config.decimal),
        "commas": form.commas,
    }
    return frame


def _parse(path: Path, form: Layout) -> pd.DataFrame:
    frame = read_large(path, form) if path.stat().st_size > LARGE else None
    if frame is None:
        frame = _parse_any(path, form)
    if len(frame) and frame.iloc[-1].isna().all():
        blank = _blank_lines_at_end(path, form)
        while blank and len(frame) and frame.iloc[-1].isna().all():
            frame, blank = frame.iloc[:-1], blank - 1
    return frame


def _parse_any(path: Path, form: Layout) -> pd.DataFrame:
    """Parse the file with pandas, which handles all layouts and reports irregular tables."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        return pd.read_csv(
            path,
            encoding=form.encoding,
            sep=form.delimiter,
            compression="gzip" if is_gzip(path) else None,
            index_col=False,
            skiprows=form.skip,
            skipinitialspace=True,
            skip_blank_lines=False,
            dtype=str,
            keep_default_na=False,
            na_values=[""],
        )


def _blank_lines_at_end(path: Path, form: Layout) -> int:
    """Return how many blank lines follow the last row."""
    tail = ""
    with opened(path) as file, io.TextIOWrapper(file, encoding=form.encoding) as text:
        while piece := text.read(TAIL):
            tail = (tail + piece)[-TAIL:]
    ending = tail[len(tail.rstrip()) :]
    return max(0, ending.count("\n") - 1)


def _read_parquet(path: Path, key: str, config: DataConfig | None) -> pd.DataFrame:
    """Read a Parquet file with pyarrow; a stored pandas index becomes a plain column again.

    Integer columns with missing values stay integers where they may be codes: the target, and long numbers.
    A feature that pandas knew as a category of numbers stays one.
    """
    try:
        file = parquet.ParquetFile(io.BytesIO(path.read_bytes()))
        check_header(tuple(file.schema_arrow.names), f"{key}={path}")
        table = file.read()
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{key}={path} is a damaged Parquet file: {_plain(error)}") from error
    frame: pd.DataFrame = table.to_pandas(ignore_metadata=True)
    for place, name in enumerate(table.column_names):
        column = table.column(place)
        if not (column.null_count and pa.types.is_integer(column.type)):
            continue
        if (config and name == config.target) or (compute.max(column).as_py() or 0) > EXACT:
            dtype = "UInt64" if pa.types.is_unsigned_integer(column.type) else "Int64"
            frame[name] = column.to_pandas(integer_object_nulls=True).astype(dtype)
    roles = (config.target, config.group, config.id, config.time, config.weight) if config else ()
    for name, is_ordered in _categories_of_numbers(table):
        if name not in roles:
            levels = pd.CategoricalDtype(sorted(frame[name].dropna().unique()), is_ordered)
            frame[name] = plain_column(frame[name].astype(levels))
    return frame


def _categories_of_numbers(table: pa.Table) -> Iterator[tuple[str, bool]]:
    """Yield name and order of each column that pandas stored as a category of numbers: Parquet has none."""
    for column in (table.schema.pandas_metadata or {}).get("columns", []):
        name = column.get("field_name")
        if column.get("pandas_type") != "categorical" or name not in table.column_names:
            continue
        stored = table.schema.field(name).type
        if pa.types.is_integer(stored) or pa.types.is_floating(stored):
            yield name, bool((column.get("metadata") or {}).get("ordered"))


def _plain(error: Exception) -> str:
    """Return an exception's text as one line."""
    return " ".join(str(error).split())


def read_large(path: Path, form: Layout) -> pd.DataFrame | None:
    """Return the cells of a file as pandas would, by Arrow, several times as fast; None where unsure.

    Left to pandas: another encoding, a header over several lines, records of different lengths, blank
    lines, and quotes behind a blank.
    """
    names = list(form.header)
    if form.encoding != "utf-8-sig" or form.records < MANY or any("\n" in name for name in names):
        return None
    columns = [str(place) for place in range(len(names))]
    try:
        with opened(path) as file:
            table = csv.read_csv(
                file,
                csv.ReadOptions(column_names=columns, skip_rows=form.skip + 1),
                csv.ParseOptions(
                    delimiter=form.delimiter, newlines_in_values=True, ignore_empty_lines=False
                ),
                csv.ConvertOptions(
                    column_types=dict.fromkeys(columns, pa.string()),
                    strings_can_be_null=True,
                    null_values=[""],
                    check_utf8=True,
                ),
            )
    except (pa.ArrowException, EOFError, OSError):
        return None
    quotes = (compute.any(compute.match_substring_regex(each, r'^\s+"')) for each in table.columns)
    if any(quoted.as_py() for quoted in quotes):
        return None
    frame: pd.DataFrame = table.to_pandas(split_blocks=True, self_destruct=True)
    return frame.set_axis([name or f"Unnamed: {place}" for place, name in enumerate(names)], axis=1)
