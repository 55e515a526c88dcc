"""A target that is written as money, percent, with a unit or with decimal commas becomes its numbers."""

from __future__ import annotations

import pandas as pd

from pipeline.config.choices import Task
from pipeline.config.schema_data import DataConfig
from pipeline.core.errors import DataError
from pipeline.data.infer import different, found
from pipeline.data.numberforms import Found, find_form
from pipeline.data.plain import keeps_text, plain_numbers
from pipeline.data.target import MOST_CODES, is_text
from pipeline.data.typed import Column, Kind, is_given, unchecked_numbers, unreadable


def with_amounts(
    frame: pd.DataFrame, config: DataConfig, notes: list[str], known: str | None = None
) -> tuple[pd.DataFrame, str]:
    """Return the rows with the target as numbers where every text of it is one in a form of its own.

    `$1,200` is 1200, `1.234,56` is 1234.56, `12.5%` is 12.5. Few different ones stay texts unless a
    regression is asked for: they may be classes.

    Args:
        notes: Receives a sentence on how the numbers are written.
        known: Of test rows the form that the table writes the target in, which their own file may not
            show: only `1.234` beside a table with `1.234,50`. None: found from the rows.

    Returns:
        The rows; the form, empty where the target stays as it is.

    Raises:
        DataError: A value of test rows is not written so.
    """
    name = str(config.target)
    series = frame[name]
    if not is_text(series) or known == "" or config.task is Task.classification:
        return frame, known or ""
    own = _form(series, config.task) if known is None else Found(known, "", 1.0)
    if own is None:
        return frame, ""
    bad = unreadable(series, Column(name, Kind.number, format=own.form))
    if known is not None and bad.any():
        raise DataError(
            f"data.test_path: {int(bad.sum())} of {int(is_given(series).sum())} values of the target "
            f"{name!r} are not written like {known}, as the table (data.path) writes them, for example "
            f"{found(series, bad)}; write both files alike"
        )
    if bad.any():
        return frame, ""
    if known is None:
        note = f"The target {name!r} is read as numbers written like {own.form}"
        if own.doubt:
            note += f"; {own.doubt!r} could be the decimal mark: data.decimal='{own.doubt}' says so"
        notes.append(f"{note}.")
    values = pd.Series(unchecked_numbers(series, own.form), index=series.index, name=name)
    return frame.assign(**{name: values}), own.form


def _form(series: pd.Series, task: Task) -> Found | None:
    """Return the form of a target that is not written as Python writes numbers; else None."""
    if isinstance(series.dtype, pd.StringDtype):
        values = plain_numbers(series)
        if values is not None and not keeps_text(series, values):
            return None
    elif not series.map(lambda cell: cell is None or isinstance(cell, str | float | int)).all():
        return None
    texts, times = different(series.value_counts())
    if texts.str.fullmatch(r"[-+]?\d+").all():
        return None  # whole numbers are numbers in any form, and none in a column without values
    own = find_form(texts, times, series.attrs)
    if own is None or not own.form:
        return None
    values = unchecked_numbers(texts, own.form)
    are_codes = len(texts) <= MOST_CODES and bool((values == values.round()).all())
    return None if are_codes and task is Task.auto else own
