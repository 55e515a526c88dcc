"""Find feature columns that cannot help: constants, identifiers, free text."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd

from pipeline.data.judged import Judged, setting
from pipeline.data.typed import CANONICAL, Column, Kind

NEARLY_ALL = 0.95
"""Share of distinct values from which a column may be an identifier."""
FREE_TEXT = 0.5
"""Share of distinct values above which text is no category."""
DENSE = 1.2
"""Largest range of consecutive numbers, as a multiple of the table's rows: some rows may be missing."""
BEYOND_NOISE = 4.0
"""Standard errors from which a column is related to the target: 1 of 16,000 columns by chance."""
NAMES = frozenset({
    "id", "ids", "nr", "no", "number", "num", "key", "uuid", "guid", "index", "idx", "row", "rowid",
})  # fmt: skip


def helpful(
    series: pd.Series,
    judged: Judged,
    target: np.ndarray | None = None,
    rows: int | None = None,
    *,
    is_long: bool = False,
) -> Judged:
    """Return the judgement, changed to left out or doubted where the column may not help.

    Whole numbers, different in at least NEARLY_ALL of the rows, are an identifier where they are
    consecutive in any order, or where the column is named like one and is not related to the target.

    Args:
        series: The known rows, raw.
        judged: The judgement so far.
        target: Targets of those rows: numbers, or int64 codes of classes. None: not known.
        rows: Number of rows of the whole table.
        is_long: Whether its numbers have more digits than float64 holds: raw values are counted then.
    """
    column = judged.column
    measured = column.kind in {Kind.number, Kind.ordered, Kind.date}
    values = pd.Series(column.measure(series)) if measured else series
    here = values.dropna()
    different = (series if is_long else here).nunique()
    if different == 0 or (different == 1 and len(here) == len(values)):
        what = f"every value is {series.iloc[0]!s:.40}" if different else "no values"
        return replace(_left_out(judged, f"constant: {what}"), hint="")  # a constant gives no input
    share, counted = different / len(here), f"{different} different values in {len(here)} rows"
    if column.kind is Kind.category and share > FREE_TEXT:
        what = "identifier or free text" if share >= NEARLY_ALL else "free text"
        return _left_out(judged, f"{what}: {counted}")
    if column.kind is not Kind.number:
        return judged
    if share >= NEARLY_ALL and (here == here.round()).all():
        known = None if target is None else target[values.notna().to_numpy()]
        return _of_whole_numbers(
            judged, here.to_numpy(), known, counted, max(rows or 0, len(values))
        )
    if share > FREE_TEXT and is_named_like_one(column.name):
        return _doubted(judged, "is named like an identifier, but values repeat: it is kept")
    return judged


def of_many_digits(judged: Judged, series: pd.Series) -> Judged:
    """Return the judgement of integers beyond float64: a category where they repeat, else a number."""
    name = judged.column.name
    what = f"Column {name!r} holds whole numbers of 16 digits or more"
    if series.nunique() > FREE_TEXT * series.count():
        note = f"{what}; they are read as numbers, rounded to 15 digits."
        return replace(judged, note=note, hint=setting("categories", name), is_doubted=True)
    note = f"{what}, which repeat; they are codes, a category."
    column = Column(name, Kind.category, format=CANONICAL)
    return Judged(column, note=note, hint=setting("numbers", name))


def _left_out(judged: Judged, reason: str, note: str = "") -> Judged:
    """Return the judgement of a column that is left out; without `note` the earlier one is extended."""
    column = replace(judged.column, used=False)
    read = judged.note and f"{judged.note.rstrip('.')}, and left out ({reason})."
    is_readable = judged.is_doubted and not judged.hint.startswith("data.drop")
    hint = judged.hint if is_readable else setting("keep", column.name)
    return Judged(column, reason, note or read, hint)


def _doubted(judged: Judged, what: str) -> Judged:
    """Return the judgement of a column that is kept with a doubt, unless it has a note already."""
    if judged.note:
        return judged
    name = judged.column.name
    note = f"Column {name!r} {what}."
    return replace(judged, note=note, hint=setting("drop", name), is_doubted=True)


def _of_whole_numbers(
    judged: Judged, here: np.ndarray, target: np.ndarray | None, counted: str, rows: int
) -> Judged:
    """Judge whole numbers that nearly all differ: consecutive, named like an identifier, or a measure."""
    name = judged.column.name
    related = target is not None and is_related(here, target)
    if here.max() - here.min() + 1 <= DENSE * rows:
        note = (
            f"Column {name!r} is left out as an identifier (consecutive numbers), but it tells about "
            "the target."
        )
        return _left_out(judged, f"identifier: whole numbers, {counted}", note if related else "")
    if not is_named_like_one(name):
        what = "holds whole numbers that nearly all differ; it is taken as a measure, not an identifier"
        return judged if related else _doubted(judged, what)
    if not related:
        return _left_out(judged, f"identifier by its name: whole numbers, {counted}")
    what = "is named like an identifier, but it tells about the target: it is kept"
    return _doubted(judged, what)


def is_named_like_one(name: str) -> bool:
    """Return whether a word of a name is one of NAMES, or the column is an unnamed saved index."""
    if re.fullmatch(r"Unnamed: \d+", name):
        return True
    words = re.findall(r"[a-zA-Z][a-z]*|[A-Z]+(?![a-z])", name)
    joined = re.split(r"[^a-z]+", name.lower())
    return not NAMES.isdisjoint([*map(str.lower, words), *joined])


def is_related(values: np.ndarray, target: np.ndarray) -> bool:
    """Return whether ranks of a column and of the target are related beyond noise.

    Regression: Spearman's correlation times sqrt(rows - 1). Classes: Kruskal and Wallis' H, which for
    k classes has mean k - 1 and variance 2 (k - 1) where there is no relation.
    """
    rows = len(values)
    if rows < 3:  # noqa: PLR2004 - no correlation of two points is beyond noise
        return False
    ranks = pd.Series(values).rank().to_numpy()
    if target.dtype.kind == "f":
        correlation = np.corrcoef(ranks, pd.Series(target).rank().to_numpy())[0, 1]
        return bool(abs(correlation) * np.sqrt(rows - 1) > BEYOND_NOISE)
    counts = np.bincount(target)
    sums = np.bincount(target, ranks)
    here = counts > 0
    between = (sums[here] ** 2 / counts[here]).sum() - ranks.sum() ** 2 / rows
    freedom = here.sum() - 1
    if freedom < 1:
        return False
    heterogeneity = (rows - 1) * between / ((ranks - ranks.mean()) ** 2).sum()
    return bool(heterogeneity > freedom + BEYOND_NOISE * np.sqrt(2 * freedom))
