"""Detect encoding, delimiter, decimal mark and header of a CSV file from its first bytes."""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from pipeline.config.schema_data import DataConfig
from pipeline.core.errors import DataError
from pipeline.data.source import utf16
from pipeline.data.typed import tidy

DELIMITERS = (",", ";", "\t", "|")
CHECKED_RECORDS = 200
REGULAR = 0.8
"""Least share of records with as many fields as the header for a delimiter to be accepted."""
_SEPARATOR = re.compile(r'"?sep=(.)"?\s*')
"""First line that sets the delimiter for Excel."""
_MONEY = r"[-+]?[$€£¥%\s]*"
_DECISIVE = {
    mark: re.compile(
        rf"{_MONEY}(?:\d*{re.escape(mark)}(?:\d{{1,2}}|\d{{4,}})|0{re.escape(mark)}\d+"
        rf"|\d{{1,3}}(?:{re.escape(other)}\d{{3}})+{re.escape(mark)}\d+){_MONEY}"
    )
    for mark, other in ((",", "."), (".", ","))
}
"""By mark, numbers in which it can only be the decimal mark: 81,3 but not 1,234."""


@dataclass(frozen=True)
class Layout:
    """The layout of a CSV file."""

    encoding: str
    delimiter: str
    decimal: str
    """The decimal mark where numbers of the file are unambiguous, else empty."""
    header: tuple[str, ...]
    """Names as written in the file."""
    skip: int = 0
    """Lines above the header."""
    records: int = 1
    """Number of records that were parsed, header included."""
    commas: bool = False
    """Whether numbers have commas and never points (and the delimiter is no comma)."""


def layout(head: bytes, where: str, config: DataConfig | None = None) -> Layout:
    """Return the layout of a CSV file.

    The delimiter is the one that splits most records into as many fields as the header has; of
    several, the one with the most fields.

    Args:
        where: Key and file, for messages.
        config: Its encoding, delimiter and decimal mark take precedence over detection.

    Raises:
        DataError: A duplicate name in the header, lines longer than the header, or no delimiter.
    """
    encoding = (config and config.encoding) or _encoding(head)
    text = head.decode(encoding, errors="replace")
    lines = text.splitlines(keepends=True)
    skip = next((place for place, line in enumerate(lines) if line.strip()), 0)
    said = _SEPARATOR.fullmatch(lines[skip]) if lines else None
    skip += said is not None
    text = "".join(lines[skip:])
    configured = config.delimiter if config is not None else None
    configured = {"tab": "\t", "\\t": "\t"}.get(configured or "", configured)
    delimiter = configured or (said[1] if said else _delimiter(text))
    rows = _records(text, delimiter)
    header = tuple(rows[0])
    check_header(header, where)
    if len(header) == 1 and re.search(r"\S\s{2,}\S", header[0]) and not configured:
        raise DataError(
            f"{where}: its columns seem to be aligned with blanks; write them with commas, for example "
            "with pandas.read_fwf(FILE).to_csv(NEW, index=False)"
        )
    if len(rows) > 1 and len(rows[1]) > len(header):
        raise DataError(
            f"{where}: the header has {len(header)} columns but the first row has {len(rows[1])}; "
            "give every column a name, or say how they are separated (data.delimiter)"
        )
    cells = {cell.strip() for row in rows[1:] for cell in row}  # of pixels 256 different ones
    with_comma, with_point = (
        any(re.fullmatch(rf"-?\d+{mark}\d+", cell) for cell in cells) for mark in (",", r"\.")
    )
    commas = delimiter != "," and with_comma and not with_point
    decimal = (config and config.decimal) or _decimal(cells)
    return Layout(encoding, delimiter, decimal, header, skip, len(rows), commas)


def _encoding(head: bytes) -> str:
    """Return utf-16, utf-8-sig (which also reads plain UTF-8), cp1252 or latin-1."""
    if name := utf16(head):
        return name
    try:
        # A character may be cut at the end of what was read.
        codecs.getincrementaldecoder("utf-8-sig")().decode(head, final=False)
    except UnicodeDecodeError:
        return single_byte(head)
    return "utf-8-sig"


def single_byte(content: bytes) -> str:
    """Return cp1252, or latin-1 where cp1252 cannot decode the content."""
    try:
        content.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1"
    return "cp1252"


def _delimiter(text: str) -> str:
    """Return the delimiter that splits a text into the most regular table."""

    def merit(mark: str) -> tuple[bool, bool, bool, int]:
        rows = _records(text, mark)
        width, below = len(rows[0]), rows[1:] or rows[:1]
        regular = sum(len(row) == width for row in below) >= REGULAR * len(below)
        splits = width > 1 and sum(len(row) > 1 for row in below) >= REGULAR * len(below)
        return regular and width > 1, splits, regular, width

    return max(DELIMITERS, key=merit)


def _records(text: str, delimiter: str) -> list[list[str]]:
    """Split a text into records as pandas does, up to a cell that is too large for the csv module."""
    rows: list[list[str]] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    with contextlib.suppress(csv.Error):
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append(row)
            if len(rows) > CHECKED_RECORDS:
                return rows
    return (rows[:-1] if len(rows) > 1 and not text.endswith(("\n", "\r")) else rows) or [[""]]


def _decimal(cells: Collection[str]) -> str:
    """Return the only unambiguous decimal mark of the cells; empty for none or both."""
    shown = [mark for mark, sure in _DECISIVE.items() if any(map(sure.fullmatch, cells))]
    return shown[0] if len(shown) == 1 else ""


def check_header(header: tuple[str, ...], where: str) -> None:
    """Refuse a header with a duplicate name, compared without surrounding blanks."""
    names = [tidy(name) for name in header]
    repeated = [name for name, times in Counter(names).items() if times > 1 and name]
    if repeated:
        raise DataError(
            f"{where}: the column {repeated[0]!r} stands in the header {names.count(repeated[0])} "
            "times; rename or remove one"
        )
