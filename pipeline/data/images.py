"""Images: a folder with one folder of PNG or JPEG files per class, or a table of pixels.

The pixels of a table are the feature columns, row by row from the top left.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.config.schema_data import DataConfig
from pipeline.core.errors import DataError
from pipeline.data.imagefile import SUFFIXES, read_image
from pipeline.data.infer import example_of
from pipeline.data.judged import Judged
from pipeline.data.roles import jobs
from pipeline.data.rowhash import row_hashes
from pipeline.data.table import Table
from pipeline.data.typed import Column, Kind, numbers

PATH = "path"
"""The one feature column of a folder of images."""
MOST_NAMED = 10
"""Most unreadable files that the log names."""
BRIGHTEST = 255


def load_images(config: DataConfig, path: Path, key: str) -> Table:
    """Return the images of a folder, resized, with the name of their folder as the target.

    Raises:
        DataError: No folder, no classes, or more unreadable files than `data.unreadable` allows.
    """
    shape = image_shape(config)
    for role in ("group", "time", "id", "weight"):
        if getattr(config, role) is not None:
            raise DataError(f"data.{role} names a column, but data.kind=images has none")
    if not path.is_dir():
        raise DataError(f"{key}={path} is a file; data.kind=images needs a folder of folders")
    classes = sorted(entry for entry in path.iterdir() if entry.is_dir())
    if not classes:
        raise DataError(f"{key}={path} has no folders; every class needs one, named like the class")
    files = {folder: _files(folder) for folder in classes}
    notes = [
        f"Class folder {folder.name!r} has no PNG or JPEG file and is left out."
        for folder, inside in files.items()
        if not inside
    ]
    flat = [file for inside in files.values() for file in inside]
    if not flat:
        raise DataError(f"{key}={path} holds no PNG or JPEG file in its {len(classes)} folders")
    return _decoded(config, flat, shape, notes, key)


def _files(folder: Path) -> list[Path]:
    return sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in SUFFIXES and file.is_file() and not file.name.startswith(".")
    )


def _decoded(
    config: DataConfig, files: list[Path], shape: tuple[int, int, int], notes: list[str], key: str
) -> Table:
    """Read all files; note and skip unreadable ones."""
    images = np.empty((len(files), *shape), dtype=np.uint8)
    readable: list[Path] = []
    unreadable: list[str] = []
    content: list[str] = []
    for file in files:
        try:
            images[len(readable)] = read_image(file, shape)
        except OSError:
            unreadable.append(f"{file.parent.name}/{file.name}")
            continue
        content.append(hashlib.sha256(file.read_bytes()).hexdigest())
        readable.append(file)
    if unreadable:
        notes.append(_left_out(unreadable, len(files)))
        if len(unreadable) > config.unreadable * len(files):
            raise DataError(
                f"{key}: {notes[-1]} More than data.unreadable={config.unreadable:g} allows."
            )
    labels = [file.parent.name for file in readable]
    hashes = row_hashes(pd.DataFrame({"content": content, "label": labels}, dtype=object))
    frame = pd.DataFrame({PATH: list(map(str, readable)), str(config.target): labels})
    return Table(frame, hashes, tuple(notes), images[: len(readable)])


def _left_out(unreadable: list[str], files: int) -> str:
    shown = ", ".join(unreadable[:MOST_NAMED])
    more = f" and {len(unreadable) - MOST_NAMED} more" if len(unreadable) > MOST_NAMED else ""
    return f"{len(unreadable)} of {files} images cannot be read and are left out: {shown}{more}."


def image_rows(folder: Path, key: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return raw rows for a saved model: every readable image of a folder and of those inside it.

    Args:
        folder: With or without a folder per class.

    Returns:
        One row a file with its path, sorted, and a sentence about files that cannot be read.

    Raises:
        DataError: No image can be read.
    """
    files = sorted(file for place in (folder, *folder.rglob("*/")) for file in _files(place))
    readable, unreadable = [], []
    for file in files:
        try:
            read_image(file, (1, 1, 1))
        except OSError:
            unreadable.append(str(file.relative_to(folder)))
        else:
            readable.append(str(file))
    notes = (_left_out(unreadable, len(files)),) if unreadable else ()
    if not readable:
        raise DataError(" ".join([f"{key}={folder} holds no readable PNG or JPEG file.", *notes]))
    return pd.DataFrame({PATH: readable}), notes


def image_shape(config: DataConfig) -> tuple[int, int, int]:
    """Return (height, width, channels) of an image.

    Raises:
        DataError: The configuration does not say.
    """
    if config.image_height is None or config.image_width is None:
        raise DataError(
            f"data.image_height and data.image_width must be set for data.kind={config.kind}"
        )
    return config.image_height, config.image_width, config.image_channels


def judge_pixels(config: DataConfig, frame: pd.DataFrame) -> list[Judged]:
    """Return the judgement of every column but the target: pixels, all used, or columns with another role.

    Raises:
        DataError: The number of pixel columns is not height x width x channels, or a value is no brightness.
    """
    named = jobs(config)
    pixels = [name for name in frame.columns if name != config.target and name not in named]
    height, width, channels = image_shape(config)
    if len(pixels) != height * width * channels:
        raise DataError(
            f"{len(pixels)} pixel columns are not {height} x {width} x {channels}; "
            "set data.image_height, data.image_width, data.image_channels, or name the columns "
            "that are no pixels in data.drop"
        )
    for name in pixels:
        values = numbers(frame[name])
        bad = ~((values >= 0) & (values <= BRIGHTEST))
        if bad.any():
            raise DataError(
                f"column {name!r} is no pixel: {example_of(frame[name], bad)}; "
                f"a pixel is a number from 0 to {BRIGHTEST}"
            )
    return [
        Judged(Column(name, Kind.category, used=False), named[name])
        if name in named
        else Judged(Column(name, Kind.pixel))
        for name in frame.columns
        if name != config.target
    ]
