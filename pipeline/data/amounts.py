"""A target that is written as money, percent, with a unit or with decimal commas becomes its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from pipeline.config.choices import Task
from pipeline.data.infer import different
from pipeline.data.numberforms import Found, find_form
from pipeline.data.plain import keeps_text, plain_numbers
from pipeline.data.target import MOST_CODES, is_text
from pipeline.data.typed import Column, Kind, unchecked_numbers, unreadable

if TYPE_CHECKING:
    from pipeline.config.schema import DataConfig


def with_amounts(frame: pd.DataFrame, config: DataConfig, notes: list[str]) -> pd.DataFrame:
    """Return the rows with the target as numbers where every text of it is one in a form of its own.

    `$1,200` is 1200, `1.234,56` is 1234.56, `12.5%` is 12.5. Few different ones stay texts unless a
    regression is asked for: they may be classes.

    Args:
        frame: Raw rows.
        config: The data group; its target is a column of the frame.
        notes: Receives a sentence on how the numbers are written.
    """
    name = str(config.target)
    series = frame[name]
    if not is_text(series) or config.task is Task.classification:
        return frame
    found = _form(series, config.task)
    if found is None or unreadable(series, Column(name, Kind.number, format=found.form)).any():
        return frame
    note = f"The target {name!r} is read as numbers written like {found.form}"
    if found.doubt:
        note += f"; {found.doubt!r} could be the decimal mark: data.decimal='{found.doubt}' says so"
    notes.append(f"{note}.")
    values = unchecked_numbers(series, found.form)
    return frame.assign(**{name: pd.Series(values, index=series.index, name=name)})


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
    found = find_form(texts, times, series.attrs)
    if found is None or not found.form:
        return None
    values = unchecked_numbers(texts, found.form)
    are_codes = len(texts) <= MOST_CODES and bool((values == values.round()).all())
    return None if are_codes and task is Task.auto else found
