"""Find rows without a target: empty cells, and texts that mean "no value"; each is noted or refused."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.config.choices import MissingTarget, Task
from pipeline.config.schema_data import DataConfig
from pipeline.core.errors import DataError
from pipeline.core.language import plural
from pipeline.data.infer import rows_text
from pipeline.data.labels import spelled
from pipeline.data.target import detect, is_nested, is_text
from pipeline.data.typed import MISSING_TEXTS, unchecked_numbers

WORDS = frozenset(("none", "-", "--", "."))
"""Texts of MISSING_TEXTS that often are classes ("none, mild, severe"; "+, -"): among words they count as
classes, among numbers as missing."""
MOST_NAMED = 5
"""Most texts that a message names."""


@dataclass(frozen=True)
class _Marks:
    """Missing values and missing marks in a text target."""

    missing: np.ndarray
    """Whether each row has no value."""
    texts: dict[str, int]
    """Texts that count as missing, with their number of rows; without empty cells."""
    kept: dict[str, int]
    """Texts that might mean a missing value but count as classes, with their number of rows."""


def with_target(
    frame: pd.DataFrame, config: DataConfig, notes: list[str], *, written: bool = False
) -> pd.DataFrame:
    """Return the rows that have a target, with trimmed texts or the labels that they spell.

    Args:
        notes: Receives a sentence where rows are left out, labels merged, or a text taken as a class.
        written: Whether the rows are from a text file, where numbers are texts, too.

    Raises:
        DataError: Rows lack a target and `missing_target` is `error`, or all do.
    """
    name = str(config.target)
    series = frame[name]
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(series.cat.categories.dtype)
    marks = _Marks(series.isna().to_numpy(), {}, {})
    if is_text(series) and not is_nested(series):
        series = _trimmed(series, notes, written=written)
        marks = _marks(series, config.na_is_class)
    if marks.missing.any():
        _refuse(series, config, marks)
        notes.append(
            f"Left out: {plural(int(marks.missing.sum()), 'row')} without a target "
            f"(data.missing_target=drop){_said(marks)}."
        )
    if marks.kept and config.na_is_class is None:
        what = " and ".join(
            f"{text!r} ({plural(rows, 'row')})" for text, rows in marks.kept.items()
        )
        notes.append(
            f"{what} of the target {name!r} is taken as a class; where it means that there is no "
            "value, set data.na_is_class=false."
        )
    here = series[~marks.missing]
    if written and is_text(here):
        here = spelled(here)
    return frame[~marks.missing].assign(**{name: here})


def _trimmed(series: pd.Series, notes: list[str], *, written: bool) -> pd.Series:
    """Return texts without surrounding blanks, with a note where that changed labels."""
    codes, uniques = pd.factorize(series)
    raw = np.asarray(uniques, dtype=object).tolist()  # quicker than cell by cell
    texts = [value.strip() if isinstance(value, str) else value for value in raw]
    changed = {
        before: after for before, after in zip(raw, texts, strict=True) if after is not before
    }
    if not changed:
        return series
    result = np.array([*texts, None], dtype=object)[codes]
    others = set(raw)
    reported = {old: new for old, new in changed.items() if new and (new in others or not written)}
    if (
        reported
        and np.isnan(unchecked_numbers(pd.Series([*reported.values()], dtype=object))).any()
    ):
        counts = series.value_counts()
        listed = ", ".join(
            f"{old!r} ({plural(counts[old], 'row')}) is {new!r}"
            for old, new in [*reported.items()][:MOST_NAMED]
        )
        more = ", ..." if len(reported) > MOST_NAMED else ""
        notes.append(
            f"Blanks around a label of the target {str(series.name)!r} are not part of it: "
            f"{listed}{more}."
        )
    return pd.Series(result, index=series.index, name=series.name, dtype=series.dtype)


def _marks(series: pd.Series, na_is_class: bool | None) -> _Marks:
    """Return which texts count as missing: empty ones, and missing marks according to `data.na_is_class`."""
    codes, uniques = pd.factorize(series)
    texts = [*map(str, np.asarray(uniques, dtype=object))]
    counts = np.bincount(codes[codes >= 0], minlength=len(texts))
    marked = np.array([text.lower() in MISSING_TEXTS for text in texts], dtype=bool)
    others = [text for text, mark in zip(texts, marked, strict=True) if not mark]
    among_words = np.isnan(unchecked_numbers(pd.Series(others, dtype=object))).any()
    missing = np.zeros(len(texts) + 1, dtype=bool)
    missing[-1] = True  # code -1: no cell at all
    lost: dict[str, int] = {}
    kept: dict[str, int] = {}
    for place in np.flatnonzero(marked):
        text = texts[place]
        is_class = among_words and text.lower() in WORDS if na_is_class is None else na_is_class
        missing[place] = not (text and is_class)
        if text:
            (lost if missing[place] else kept)[text] = int(counts[place])
    return _Marks(missing[codes], lost, kept)


def _refuse(series: pd.Series, config: DataConfig, marks: _Marks) -> None:
    """Refuse rows without a target unless `data.missing_target` leaves them out and others remain."""
    name, missing = str(series.name), marks.missing
    if missing.all():
        raise DataError(f"target {name!r} is missing in every row{_said(marks)}")
    if config.missing_target is not MissingTarget.error:
        return
    advice = "leave them out with data.missing_target=drop"
    if marks.texts and _is_classes(series[~missing], config.task):
        texts = " or ".join(map(repr, list(marks.texts)[:MOST_NAMED]))
        advice = f"set data.na_is_class=true if {texts} is a class, or {advice}"
    raise DataError(
        f"target {name!r} is missing in {int(missing.sum())} of {len(series)} rows, "
        f"{rows_text(series, missing)}{_said(marks)}; {advice}"
    )


def _is_classes(series: pd.Series, task: Task) -> bool:
    """Return whether the rows that have a target look like classes."""
    try:
        return (detect(series) if task is Task.auto else task) is Task.classification
    except DataError:
        return False


def _said(marks: _Marks) -> str:
    """Return a clause on the texts that count as missing; empty where all cells are empty."""
    if not marks.texts:
        return ""
    parts = [
        f"{plural(rows, 'cell')} with {text!r}"
        for text, rows in [*marks.texts.items()][:MOST_NAMED]
    ]
    parts += ["..."] * (len(marks.texts) > MOST_NAMED)
    empty = int(marks.missing.sum()) - sum(marks.texts.values())
    parts += [plural(empty, "empty cell")] * (empty > 0)
    return f": {', '.join(parts)}"
