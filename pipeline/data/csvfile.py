"""CSV files that are safe in spreadsheets: texts are never run as formulas, and are read back unchanged.

A cell that a spreadsheet would run begins with `=`, `@`, a tab or a line break, or with a sign and is
neither a number nor the sign alone. Such a text is written with an apostrophe before it, which
spreadsheets show as the text behind it. A text that begins with apostrophes before such a cell gets one
more, so that exactly one is taken off on reading. Numbers are never touched.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

import pandas as pd

from pipeline.data.labels import Label, codes_of, labels_of_texts

RUN = re.compile(r"(?s)'*(?:[=@\t\r\n]|[+-](?![\d\s.,%]*\Z|\d[\d.]*[eE][+-]?\d+\Z|inf\Z)).*")
PROBABILITY = "probability_"
LABELS = ("truth", "prediction")


def inert(text: str) -> str:
    """Return a text as a cell that no spreadsheet runs as a formula."""
    return f"'{text}" if RUN.fullmatch(text) else text


def original(cell: str) -> str:
    """Return the text of a cell that `inert` wrote."""
    return cell[1:] if cell.startswith("'") and RUN.fullmatch(cell) else cell


def write_csv(frame: pd.DataFrame) -> str:
    """Return a table as the text of a CSV file."""
    texts = [name for name in frame.columns if frame[name].dtype.kind == "O"]
    safe = frame.assign(
        **{
            name: frame[name].map(lambda cell: inert(cell) if isinstance(cell, str) else cell)
            for name in texts
        }
    )
    return safe.to_csv(index=False)


def read_predictions(content: bytes, classes: Sequence[Label] | None) -> pd.DataFrame:
    """Return a table of predictions with labels of the original type.

    Args:
        classes: The labels of the target, sorted; None where they are not known: the file's own
            columns of probabilities are named like them.
    """
    header = pd.read_csv(io.BytesIO(content), nrows=0)
    names = [
        name.removeprefix(PROBABILITY) for name in map(str, header) if name.startswith(PROBABILITY)
    ]
    if not names:
        return pd.read_csv(io.BytesIO(content))
    known = labels_of_texts(names) if classes is None else classes
    texts = dict.fromkeys(LABELS, str)
    frame = pd.read_csv(io.BytesIO(content), dtype=texts, na_filter=False)
    return frame.assign(**{name: _labels(frame[name].map(original), known) for name in LABELS})


def _labels(texts: pd.Series, classes: Sequence[Label]) -> pd.Series:
    """Return texts converted to the classes that they name; other texts stay unchanged."""
    codes, _ = codes_of(texts, classes)
    labels = [text if code < 0 else classes[code] for text, code in zip(texts, codes, strict=True)]
    return pd.Series(labels, index=texts.index, dtype=object).infer_objects()
