"""Class labels: conversion from raw values to labels, from labels to text, and back.

Labels of a text file become numbers or booleans only where every one of them is spelled exactly as Python
would write it (`1`, `1.0`, `True`), else all stay text (`01`, `1.10`, `TRUE`). Labels of Parquet files and
DataFrames keep their types.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from pipeline.data.typed import TRUTH

Label = bool | int | float | str

BEYOND_WHOLE = 2**63
"""The first integer above int64; larger ones stay text, for example account numbers."""


def label_text(label: Label) -> str:
    """Return a label as it is written: in files, column names, pages and messages."""
    return str(label)


def labels_of_texts(texts: Sequence[str]) -> list[Label]:
    """Return distinct, trimmed texts as labels, so that `label_text` of each label is the same text.

    A single text of another spelling keeps all of them text.
    """
    if set(texts) <= {"True", "False"}:
        return [text == "True" for text in texts]
    for read in (int, float):
        try:
            values: list[Label] = [read(text) for text in texts]
        except ValueError:
            continue
        if all(_is_storable(value) for value in values) and list(map(label_text, values)) == [
            *texts
        ]:
            return values
    return list(texts)


def spelled(series: pd.Series) -> pd.Series:
    """Return a column of trimmed texts without missing values in the type of its labels."""
    codes, uniques = pd.factorize(series)
    texts = list(map(str, np.asarray(uniques, dtype=object)))
    labels = labels_of_texts(texts)
    if labels == texts:
        return series
    return pd.Series(np.array(labels)[codes], index=series.index, name=series.name)


def labels_of(uniques: object) -> list[Label]:
    """Return distinct raw values as labels of one Python type; mixed types become text."""
    labels = [_plain(value) for value in np.asarray(uniques, dtype=object)]
    types = set(map(type, labels))
    if types == {int, float}:
        return [float(label) for label in labels]
    return labels if len(types) == 1 else [label_text(label) for label in labels]


def codes_of(series: pd.Series, classes: Sequence[Label]) -> tuple[np.ndarray, list[Label]]:
    """Return each value's position in `classes`, and the labels that are not among them.

    Args:
        series: Raw values, in whatever type their file gave them: 1, 1.0 and "1" are the class 1. A
            text is compared as it is written: "01" is not the class 1.
        classes: Labels, all of one type.

    Returns:
        int64 positions, -1 where a value is missing or no class; the distinct unknown labels.
    """
    positions = {label: position for position, label in enumerate(classes)}
    codes, uniques = pd.factorize(series)
    values = np.asarray(uniques, dtype=object)
    places = [
        next((positions[form] for form in _forms(value, classes[0]) if form in positions), -1)
        for value in values
    ]
    by_unique = np.array([*places, -1], dtype=np.int64)
    strange = [_plain(value) for value, place in zip(values, places, strict=True) if place < 0]
    return by_unique[codes], strange


def places_among(
    classes: Sequence[Label] | None, others: Sequence[Label] | None
) -> list[int] | None:
    """Return the position of each class among those of another model; None where the classes differ.

    A model saved before labels kept their spelling calls `01` and `1.0` just 1, and `TRUE` True: those
    are the same classes, in another order where texts are sorted otherwise than numbers.
    """
    labels, other_labels = ([*map(_number_or_text, known or ())] for known in (classes, others))
    if set(labels) != set(other_labels) or not len(labels) == len(other_labels) == len(set(labels)):
        return list(range(len(labels))) if classes == others else None
    return [other_labels.index(label) for label in labels]


def shown(labels: Sequence[Label], most: int = 8) -> str:
    """Return labels for a message, on one line."""
    return ", ".join(map(repr, labels[:most])) + (", ..." if len(labels) > most else "")


def _plain(value: object) -> Label:
    """Return one raw value as a plain Python label."""
    value = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, bool | int | float | str) else str(value)


def _forms(value: object, like: Label) -> Iterator[Label]:
    """Yield possible labels of a raw value, of the type of the class `like`, the most likely first."""
    label = _plain(value)
    if isinstance(like, str):
        yield label_text(label)
        yield label_text(label).strip()
        if isinstance(label, float) and label.is_integer():
            yield label_text(int(label))  # a missing value elsewhere made whole numbers floats
    elif not isinstance(label, str):
        yield label
    elif isinstance(like, bool):
        text = label.strip().lower()
        yield TRUTH[text] == 1.0 if text in TRUTH else label
    else:
        yield labels_of_texts([label.strip()])[0]


def _is_storable(value: Label) -> bool:
    """Return whether a number can be stored in a numeric column: an int64, or finite."""
    if isinstance(value, int):
        return -BEYOND_WHOLE <= value < BEYOND_WHOLE
    return math.isfinite(float(value))


def _number_or_text(label: Label) -> float | str:
    """Return the number that a label is or spells, or its text."""
    text = label_text(label).strip().lower()
    try:
        number = TRUTH[text] if text in TRUTH else float(text)
    except ValueError:
        return label_text(label)
    return label_text(label) if math.isnan(number) else number
