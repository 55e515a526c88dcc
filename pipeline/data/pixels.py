"""A table whose feature columns are the pixels of one image, row by row from the top left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core.errors import DataError
from pipeline.data.imagefile import MODES
from pipeline.data.infer import found
from pipeline.data.judged import Judged
from pipeline.data.roles import jobs
from pipeline.data.typed import Column, Kind, numbers

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.config.schema_data import DataConfig

BRIGHTEST = 255


def image_shape(config: DataConfig) -> tuple[int, int, int]:
    """Return (height, width, channels) of an image.

    Raises:
        DataError: The configuration does not say, or not with 1 or 3 channels.
    """
    if config.image_height is None or config.image_width is None:
        raise DataError(
            f"data.image_height and data.image_width must be set for data.kind={config.kind}"
        )
    if config.image_channels not in MODES:
        raise DataError(f"data.image_channels={config.image_channels}: must be 1 or 3")
    return config.image_height, config.image_width, config.image_channels


def judge_pixels(config: DataConfig, frame: pd.DataFrame) -> list[Judged]:
    """Return every column but the target: pixels, all of them used (constant ones too), or with another job.

    Raises:
        DataError: Not height x width x channels pixel columns, or values that are no brightness.
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
                f"column {name!r} is no pixel: {found(frame[name], bad)}; "
                f"a pixel is a number from 0 to {BRIGHTEST}"
            )
    return [
        Judged(Column(name, Kind.category, used=False), named[name])
        if name in named
        else Judged(Column(name, Kind.pixel))
        for name in frame.columns
        if name != config.target
    ]
