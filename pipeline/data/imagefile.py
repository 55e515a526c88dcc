"""One image file to an array of fixed size.

Without any import from this package: a saved model carries a copy of this file, so that an image is
read when it is served exactly as it was when the model was trained.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

SUFFIXES = (".png", ".jpg", ".jpeg")
MODES = {1: "L", 3: "RGB"}
"""Pillow's mode by number of channels."""


def read_image(path: str | Path, shape: tuple[int, int, int]) -> np.ndarray:
    """Return a PNG or JPEG file as uint8 of a given shape, resized where it has another.

    Args:
        path: The file.
        shape: (height, width, channels); 1 channel is grey, 3 are red, green, blue.

    Raises:
        OSError: The file cannot be read, is no image, or is damaged.
    """
    from PIL import Image, ImageOps

    height, width, channels = shape
    try:
        with Image.open(path, formats=("PNG", "JPEG")) as file:
            image = ImageOps.exif_transpose(file).convert(MODES[channels])
    except (SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise OSError(f"damaged image: {error}") from error
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image, dtype=np.uint8).reshape(shape)
