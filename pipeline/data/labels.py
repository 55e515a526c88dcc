"""Class labels: any raw value as the plain Python label that the table's author meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline.data.typed import TRUTH

if TYPE_CHECKING:
    from collections.abc import Sequence

Label = bool | int | float | str


def labels_of(uniques: object) -> list[Label]:
    """Return different raw values as Python labels, all of one type.

    Whole floats are ints (a missing value elsewhere in the column made them floats), true/false
    texts are booleans when all are, and mixed types are text.
    """
    labels = [_label(value) for value in np.asarray(uniques, dtype=object)]
    if all(str(label).lower() in TRUTH for label in labels):
        return [str(label).lower() == "true" for label in labels]
    if len({_family(label) for label in labels}) > 1:
        return [str(label) for label in labels]
    return labels


def codes_of(series: pd.Series, classes: Sequence[Label]) -> tuple[np.ndarray, list[Label]]:
    """Return each value's position in `classes`, and the labels that are none of them.

    Args:
        series: Raw values, in whatever type the file gave them: 1, 1.0 and "1" are one class.
        classes: Labels, all of one type.

    Returns:
        int64 positions, -1 where a value is missing or no class; the different strange labels.
    """
    positions = {label: position for position, label in enumerate(classes)}
    codes, uniques = pd.factorize(series)
    labels = [_as(_label(value), classes[0]) for value in np.asarray(uniques, dtype=object)]
    found = np.array([*(positions.get(label, -1) for label in labels), -1], dtype=np.int64)
    return found[codes], [label for label in labels if label not in positions]


def shown(labels: Sequence[Label], most: int = 8) -> str:
    """Return labels for a message."""
    return ", ".join(map(repr, labels[:most])) + (", ..." if len(labels) > most else "")


def _label(value: object) -> Label:
    """Return one raw value as a plain Python label."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, bool | int | float) else str(value)


def _family(label: Label) -> type:
    """Return what a label can be sorted with: bool, float (any number) or str."""
    return float if isinstance(label, int | float) and not isinstance(label, bool) else type(label)


def _as(label: Label, like: Label) -> Label:
    """Return a label in the type of the classes, where it can be read so."""
    family = _family(like)
    if family is str:
        return str(label)
    text = str(label).strip().lower()
    if family is bool:
        return text == "true" if text in TRUTH else label
    try:
        return _label(float(text))
    except ValueError:
        return label
