"""Columns with a role other than feature: named in the configuration, checked and read."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from pipeline.config.choices import SplitKind
from pipeline.config.schema_data import DataConfig
from pipeline.core.errors import DataError
from pipeline.data.dateforms import parts_of
from pipeline.data.declared import declared
from pipeline.data.infer import example_of, judge, kind_of, rows_text
from pipeline.data.judged import Judged, setting
from pipeline.data.plain import loses_digits
from pipeline.data.rowhash import row_hashes
from pipeline.data.split import Keys
from pipeline.data.typed import LARGEST, Column, Kind, dates, numbers, tidy, unchecked_numbers

REASONS = {
    "group": "keeps rows together (data.group)",
    "id": "identifies rows (data.id)",
    "weight": "sample weights (data.weight)",
    "time": "orders the rows (data.time)",
    "drop": "left out (data.drop)",
}
ONE = ("target", "group", "time", "id", "weight")
LISTS, MAPPINGS = ("drop", "keep", "categories", "numbers"), ("dates", "ordered")
"""Keys that hold one column, a list of columns, or a mapping from columns."""
MOST_SHOWN = 20


def check_columns(config: DataConfig, frame: pd.DataFrame, key: str = "data.path") -> None:
    """Refuse a configuration that names columns which the table lacks; the message suggests others."""
    for role, name in _named(config):
        if name not in frame.columns:
            lower = {str(column).lower(): str(column) for column in frame.columns}
            close = difflib.get_close_matches(name.lower(), lower, n=1)
            hint = f"did you mean {lower[close[0]]!r}?" if close else _columns(frame)
            hint = _misread(frame, name) or hint
            raise DataError(f"data.{role}={name}: the table ({key}) has no column {name!r}; {hint}")


def _named(config: DataConfig) -> Iterator[tuple[str, str]]:
    """Yield (role, column) of each column that the configuration names."""
    yield from ((role, name) for role in ONE if (name := getattr(config, role)) is not None)
    yield from ((role, name) for role in (*LISTS, *MAPPINGS) for name in getattr(config, role))


def tidy_names(config: DataConfig) -> DataConfig:
    """Return the configuration with column names without surrounding blanks."""
    changes: dict[str, object] = {}
    for role in ONE:
        if (name := getattr(config, role)) is not None:
            changes[role] = tidy(name)
    for role in LISTS:
        changes[role] = [tidy(name) for name in getattr(config, role)]
    for role in MAPPINGS:
        changes[role] = {tidy(name): said for name, said in getattr(config, role).items()}
    return replace(config, **changes)  # type: ignore[arg-type]


def _columns(frame: pd.DataFrame) -> str:
    names = [str(column) for column in frame.columns]
    more = f", ... ({len(names)} in all)" if len(names) > MOST_SHOWN else ""
    return f"its columns are {', '.join(names[:MOST_SHOWN])}{more}"


def _misread(frame: pd.DataFrame, name: str) -> str:
    """Return a hint where the header seems to be below a title, missing, or split by another delimiter."""
    header = [str(column) for column in frame.columns]
    for place, row in enumerate(frame.head(MOST_SHOWN).itertuples(index=False), start=2):
        cells = [tidy(cell) for text in row for cell in re.split(r"[,;\t|]", str(text))]
        if len(cells) > 1 and name in cells:
            return f"{name!r} stands in line {place}: remove the lines above the header"
    if len(header) == 1 and name in header[0]:
        return f"its only one is {header[0]!r}; say how columns are separated (data.delimiter)"
    if not np.isnan(unchecked_numbers(pd.Series(header, dtype=object))).any():
        return f"its first line holds numbers ({', '.join(header[:3])}), no names: add a header"
    return ""


def jobs(config: DataConfig) -> dict[str, str]:
    """Return the columns that are no features, each with the reason."""
    return {name: REASONS[role] for role, name in _named(config) if role in REASONS}


def judge_features(
    config: DataConfig, frame: pd.DataFrame, seen: np.ndarray, target: np.ndarray
) -> list[Judged]:
    """Return the judgement of every column but the target, in the table's order.

    Args:
        seen: Numbers of the rows that may be used: those that are not test rows.
        target: Target of all rows: numbers, or codes of classes.

    Raises:
        DataError: A number column holds infinite values, in any row.
    """
    named = jobs(config)
    rows = frame.iloc[seen].infer_objects()
    judged = []
    for name in frame.columns:
        if name == config.target:
            continue
        if name == config.time:
            judged.append(_calendar(config, rows[name]))
        elif name in named:
            judged.append(Judged(Column(name, Kind.category, used=False), named[name]))
        else:
            said = declared(config, rows[name])
            keep = name in config.keep
            judged.append(
                said or judge(rows[name], keep=keep, target=target[seen], rows=len(frame))
            )
            _refuse_infinite(frame[name], judged[-1])
    return judged


def _refuse_infinite(series: pd.Series, judged: Judged) -> None:
    """Refuse a number column that cannot be scaled: a value is infinite or beyond LARGEST."""
    if not judged.column.used or judged.column.kind is not Kind.number:
        return
    name = judged.column.name
    values = unchecked_numbers(series, judged.column.format)
    with np.errstate(invalid="ignore"):
        bad = np.abs(values) > LARGEST
    if bad.any():
        what = "infinite" if np.isinf(values[bad]).any() else f"larger than {LARGEST:g}"
        count = int(bad.sum())
        raise DataError(
            f"column {name!r} has {f'{count} values that are' if count > 1 else 'a value that is'} {what}, "
            f"{rows_text(series, bad)}; "
            f"correct them or leave the column out with {setting('drop', name)}"
        )


def _calendar(config: DataConfig, series: pd.Series) -> Judged:
    """Return the judgement of the column that orders the rows: parts of the calendar, without trend."""
    judged = declared(config, series) or kind_of(series)
    column = judged.column
    parts: tuple[str, ...] = ()
    if column.kind is Kind.date:
        parts = parts_of(dates(series, column.format), trend=False)
    if parts:
        return replace(judged, column=replace(column, parts=parts), reason="")
    return Judged(replace(column, used=False, parts=()), REASONS["time"])


def keys(config: DataConfig, frame: pd.DataFrame, hashes: np.ndarray | None) -> Keys:
    """Return the keys that rows are assigned by."""
    by = config.group or config.id
    if config.split is not SplitKind.hash:
        hashes = None
    elif by is not None:
        hashes = row_hashes(frame[[by]])
    return Keys(groups(config, frame), times(config, frame), hashes)


def groups(config: DataConfig, frame: pd.DataFrame) -> np.ndarray | None:
    """Return the int64 code of each row's group, or None."""
    if config.group is None:
        return None
    column = frame[config.group]
    by = column if loses_digits(column) else row_hashes(column.to_frame())
    return pd.factorize(by)[0]


def times(config: DataConfig, frame: pd.DataFrame) -> np.ndarray | None:
    """Return the time of each row as float64, for sorting, or None.

    Raises:
        DataError: Neither dates nor numbers, or a missing value.
    """
    if config.time is None:
        return None
    series = frame[config.time]
    column = (declared(config, series) or kind_of(series)).column
    if column.kind not in {Kind.date, Kind.number}:
        raise DataError(
            f"data.time={series.name}: neither dates nor numbers, for example "
            f"{example_of(series, series.notna().to_numpy())}; say how dates are written: "
            f"{setting('dates', str(series.name), '%Y-%m-%d %H:%M')}"
        )
    values = column.measure(series)
    missing = np.isnan(values)
    if missing.any():
        raise DataError(f"data.time={series.name} has no time in {rows_text(series, missing)}")
    return values


def sample_weights(config: DataConfig, frame: pd.DataFrame) -> np.ndarray | None:
    """Return the column of sample weights as float64, or None.

    Raises:
        DataError: A weight that is missing, infinite, 0 or below.
    """
    if config.weight is None:
        return None
    series = frame[config.weight]
    column = (declared(config, series) or kind_of(series)).column
    values = numbers(series, column.format if column.kind is Kind.number else "")
    bad = ~(values > 0)
    if bad.any():
        raise DataError(
            f"data.weight={config.weight}: weights must be finite and above 0, but the column holds "
            f"{example_of(series, bad)}"
        )
    return values
