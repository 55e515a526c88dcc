"""Predictions of images carry a few of them; predictions of tables are left alone."""

from __future__ import annotations

import base64
from types import SimpleNamespace

import numpy as np
import pandas as pd

from pipeline.evaluation.pictures import COLUMN, MOST, with_pictures


def predictions(rows: int) -> pd.DataFrame:
    """Return predictions of two classes, every third wrong, surest first."""
    sure = np.linspace(0.99, 0.5, rows)
    truth = np.where(np.arange(rows) % 3 == 0, "b", "a")
    return pd.DataFrame(
        {
            "row": np.arange(rows)[::-1],
            "part": "test",
            "truth": truth,
            "prediction": "a",
            "probability_a": sure,
            "probability_b": 1 - sure,
        }
    )


def dataset(rows: int) -> SimpleNamespace:
    """Return 2 x 3 images as pixel columns; the first pixel is the row's number."""
    pixels = np.tile(np.arange(6.0), (rows, 1))
    pixels[:, 5] = 100 + np.arange(rows)
    frame = pd.DataFrame(pixels, columns=list("abcdef"))
    columns = [SimpleNamespace(name=name, used=True) for name in frame]
    return SimpleNamespace(image_shape=(2, 3, 1), images=None, frame=frame, columns=columns)


def test_the_surest_right_and_wrong_rows_are_kept() -> None:
    """At most MOST of each, the surest of each first."""
    found = with_pictures(dataset(120), predictions(120), np.arange(120)[::-1])
    kept = found[found[COLUMN] != ""]
    wrong = kept["truth"] != kept["prediction"]
    assert (wrong.sum(), (~wrong).sum()) == (MOST, MOST)
    assert kept["probability_a"].max() == found["probability_a"].max()


def test_a_picture_is_the_rows_own_from_dark_to_bright() -> None:
    """uint8 in the order of the pixels, the darkest 0 and the brightest 255."""
    found = with_pictures(dataset(4), predictions(4), np.arange(4)[::-1])
    pixels = np.frombuffer(base64.b64decode(found[COLUMN].iloc[0]), dtype=np.uint8)
    assert pixels.shape == (6,)
    assert (pixels[0], pixels[5]) == (0, 255)
    assert found["row"].iloc[0] == 3
    assert pixels[4] == round(4 / 103 * 255)


def test_image_files_are_kept_as_they_were_read() -> None:
    """Where rows are files the pixels come from memory, in colour."""
    images = np.zeros((5, 2, 3, 3), dtype=np.uint8)
    images[4, 0, 0] = (10, 20, 30)
    files = SimpleNamespace(image_shape=(2, 3, 3), images=images)
    found = with_pictures(files, predictions(5), np.arange(5)[::-1])
    pixels = np.frombuffer(base64.b64decode(found[COLUMN].iloc[0]), dtype=np.uint8)
    assert pixels.reshape(2, 3, 3)[0, 0].tolist() == [85, 170, 255]


def test_a_table_has_no_pictures() -> None:
    """Nothing is added where rows are no images."""
    plain = predictions(6)
    assert with_pictures(SimpleNamespace(image_shape=None), plain, np.arange(6)) is plain
