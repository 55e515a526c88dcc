"""Reads a CSV or Parquet file into a DataFrame as it is: no kinds, no cleaning."""

from __future__ import annotations

import contextlib
import csv
import io
import re
import warnings
import zlib
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipeline.data.source import GZIP, UTF16_MARKS, inspect
from pipeline.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

DELIMITERS = (",", ";", "\t")
CHECKED_LINES = 50
MISSING = (
    *("", "#N/A", "#NA", "N/A", "NA", "NULL", "NaN", "n/a", "nan", "null", "<NA>", "-NaN", "-nan"),
)
"""Texts that are read as missing. "None" is not among them: it may be a class (typed.py reads it as
missing where it stands among features)."""


@dataclass(frozen=True)
class Layout:
    """How a CSV file is written."""

    encoding: str
    delimiter: str
    decimal: str
    header: tuple[str, ...]


def read_table(path: Path, key: str = "data.path", notes: list[str] | None = None) -> pd.DataFrame:
    """Return the table of a CSV (also .gz) or Parquet file, with a fresh row index.

    Args:
        path: The file, as `find` returns it.
        key: The configuration key, for messages.
        notes: Receives sentences for the log.

    Raises:
        DataError: The file is no table, is damaged, has a duplicate column or no rows.
    """
    notes = [] if notes is None else notes
    format_, head = inspect(path, key)
    frame = _read_parquet(path, key) if format_ == "parquet" else _read_csv(path, head, key, notes)
    if frame.empty:
        raise DataError(f"{key}={path} has a header but no rows")
    return frame


def layout(head: bytes, where: str) -> Layout:
    """Return how a CSV file is written, judged by its first bytes.

    The delimiter is the one of comma, semicolon and tab that splits the header into most fields. A
    decimal comma is assumed where the delimiter is not a comma and numbers are written with commas
    only.

    Raises:
        DataError: A duplicate or empty header, or lines longer than the header.
    """
    encoding = _encoding(head)
    text = head.decode(encoding, errors="replace")
    lines = [line for line in text.splitlines()[: CHECKED_LINES + 1] if line.strip()]
    delimiter = max(DELIMITERS, key=lambda mark: len(_fields(lines[:1], mark)[0]))
    rows = _fields(lines, delimiter)
    header = tuple(rows[0])
    _check_header(header, where)
    if len(rows) > 1 and len(rows[1]) > len(header):
        raise DataError(
            f"{where}: the header has {len(header)} columns but the first row has {len(rows[1])}; "
            "give every column a name"
        )
    decimal = "," if delimiter != "," and _decimal_commas(rows[1:]) else "."
    return Layout(encoding, delimiter, decimal, header)


def _encoding(head: bytes) -> str:
    """Return utf-16, utf-8-sig (which also reads plain UTF-8) or latin-1."""
    if head.startswith(UTF16_MARKS):
        return "utf-16"
    try:
        head[: len(head) - 3].decode("utf-8-sig")  # a character may be cut at the end
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8-sig"


def _fields(lines: list[str], delimiter: str) -> list[list[str]]:
    """Split lines as pandas will, up to a cell that is larger than the csv module can take."""
    rows: list[list[str]] = []
    with contextlib.suppress(csv.Error):
        rows.extend(csv.reader(lines, delimiter=delimiter, skipinitialspace=True))
    return rows or [[""]]


def _decimal_commas(rows: list[list[str]]) -> bool:
    """Return whether numbers are written 3,14 and never 3.14."""
    cells = [cell.strip() for row in rows for cell in row]
    commas = sum(bool(re.fullmatch(r"-?\d+,\d+", cell)) for cell in cells)
    points = sum(bool(re.fullmatch(r"-?\d+\.\d+", cell)) for cell in cells)
    return commas > 0 and points == 0


def _check_header(header: tuple[str, ...], where: str) -> None:
    """Refuse a header with a repeated name."""
    repeated = [name for name, times in Counter(header).items() if times > 1 and name]
    if repeated:
        raise DataError(
            f"{where}: the column {repeated[0]!r} stands in the header {header.count(repeated[0])} "
            "times; rename or remove one"
        )


def _read_csv(path: Path, head: bytes, key: str, notes: list[str]) -> pd.DataFrame:
    """Read a CSV file; one that turns out not to be UTF-8 is read again as latin-1."""
    import pandas as pd

    where = f"{key}={path}"
    form = layout(head, where)
    try:
        try:
            frame = _parse(path, form)
        except UnicodeDecodeError:
            form = replace(form, encoding="latin-1")
            frame = _parse(path, form)
    except (pd.errors.ParserError, pd.errors.ParserWarning, pd.errors.EmptyDataError) as error:
        raise DataError(f"{where} is not a regular CSV table: {_plain(error)}") from error
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise DataError(f"{where} cannot be read: {_plain(error)}") from error
    if form.encoding == "latin-1":
        notes.append(f"{path.name} is not UTF-8; it was read as latin-1.")
    return frame


def _parse(path: Path, form: Layout) -> pd.DataFrame:
    """Let pandas read the file."""
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        return pd.read_csv(
            path,
            encoding=form.encoding,
            sep=form.delimiter,
            decimal=form.decimal,
            compression="gzip" if _is_gzip(path) else None,
            index_col=False,
            skipinitialspace=True,
            low_memory=False,  # one type a column, not one a chunk
            keep_default_na=False,
            na_values=list(MISSING),
        )


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(GZIP)) == GZIP


def _read_parquet(path: Path, key: str) -> pd.DataFrame:
    """Read a Parquet file with pyarrow; a stored pandas index becomes a plain column again."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(io.BytesIO(path.read_bytes()))
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{key}={path} is a damaged Parquet file: {_plain(error)}") from error
    _check_header(tuple(table.column_names), f"{key}={path}")
    frame: pd.DataFrame = table.to_pandas(ignore_metadata=True)
    return frame


def _plain(error: Exception) -> str:
    """Return an exception's text as one line."""
    return " ".join(str(error).split())
