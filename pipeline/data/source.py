"""Find the file of a table and refuse, before pandas is imported, files that cannot be one."""

from __future__ import annotations

import codecs
import difflib
import gzip
import re
import zlib
from pathlib import Path
from typing import IO, cast

from pipeline.config.places import data_dir, find_data
from pipeline.core.errors import DataError

SAMPLE_BYTES = 1 << 20
"""Bytes of a file that are read to detect format, encoding and delimiter."""
PARQUET = b"PAR1"
GZIP = b"\x1f\x8b"
OTHER_FORMATS = {
    b"PK\x03\x04": "a zip or Excel file",
    b"\xd0\xcf\x11\xe0": "an old Excel file",
    b"\x28\xb5\x2f\xfd": "a zstd file",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"\x89HDF": "an HDF5 file",
    b"ARROW1": "an Arrow (Feather) file",
    b"SQLite format 3": "an SQLite database",
}
OTHER_TEXTS = {
    rb"\s*\[?\s*\{\s*\"": "JSON",
    rb"\s*<(?i:!doctype|html|table|\?xml)": "HTML or XML",
}
"""Beginnings of texts that are no CSV."""
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def find(path: str | None, key: str = "data.path") -> Path:
    """Return the existing file or folder of a path, resolved by `config.places.find_data`.

    Raises:
        DataError: It does not exist; the message names similar files.
    """
    if not path:
        raise DataError(f"{key} is not set: give a CSV or Parquet file, {key}=FILE")
    if "://" in path:
        raise DataError(f"{key}={path} is an address; fetch the file, and give its path")
    place = find_data(path)
    if not place.exists():
        raise DataError(f"{key}={path}: no such file{_near(place)}")
    return place


def _near(wanted: Path) -> str:
    """Return a hint at a file with a similar name, or at the folder that was searched."""
    if not wanted.parent.is_dir():
        return f"; the folder {wanted.parent} does not exist"
    places = {
        entry.name: entry for place in (data_dir(), wanted.parent) for entry in place.iterdir()
    }
    matches = difflib.get_close_matches(wanted.name, places, n=1, cutoff=0.7)
    if matches:
        return f"; did you mean {places[matches[0]]}?"
    return f" in {wanted.parent}; a path is relative to the working directory"


def inspect(path: Path, key: str = "data.path") -> tuple[str, bytes]:
    """Return the format of a table file and its first bytes, uncompressed.

    Returns:
        "parquet" or "csv", and up to SAMPLE_BYTES of the text (b"" for Parquet).

    Raises:
        DataError: A folder, an empty file, a file that is neither CSV nor Parquet, or cannot be read.
    """
    head = _first_bytes(path, key)
    if head.startswith(PARQUET):
        return "parquet", b""
    for mark, name in OTHER_FORMATS.items():
        if head.startswith(mark):
            raise DataError(f"{key}={path} is {name}; save the table as CSV or Parquet")
    for begin, name in OTHER_TEXTS.items():
        if re.match(begin, head.removeprefix(codecs.BOM_UTF8)):
            raise DataError(f"{key}={path} holds {name}; save the table as CSV or Parquet")
    if not head.strip():
        raise DataError(f"{key}={path} is empty; a table needs a header line and rows")
    if b"\0" in head and not utf16(head):
        raise DataError(f"{key}={path} is a binary file, neither CSV nor Parquet")
    return "csv", head


def utf16(head: bytes) -> str:
    """Return the UTF-16 codec of a text, with or without a byte order mark; empty for another encoding.

    Without a mark, the same half of most pairs of bytes is zero: delimiters, digits, Latin letters.
    """
    if head.startswith(UTF16_MARKS):
        return "utf-16"
    first, second = head[::2], head[1::2]
    for zeros, digits, name in ((second, first, "utf-16-le"), (first, second, "utf-16-be")):
        if not digits.count(0) and 2 * zeros.count(0) > len(zeros):
            return name
    return ""


def is_gzip(path: Path) -> bool:
    """Return whether a file is compressed, judged by its content."""
    with path.open("rb") as file:
        return file.read(len(GZIP)) == GZIP


def opened(path: Path) -> IO[bytes]:
    """Return a file's content as bytes, uncompressed."""
    return cast("IO[bytes]", gzip.open(path)) if is_gzip(path) else path.open("rb")


def _first_bytes(path: Path, key: str) -> bytes:
    """Return the first bytes of a file, or of a gzip file's content."""
    if path.is_dir():
        raise DataError(
            f"{key}={path} is a folder; a table is one CSV or Parquet file "
            "(a folder of images is data=images)"
        )
    try:
        with opened(path) as file:
            return file.read(SAMPLE_BYTES)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{key}={path} is a damaged gzip file: {error}") from error
    except OSError as error:
        raise DataError(f"{key}={path} cannot be read: {error.strerror or error}") from error
