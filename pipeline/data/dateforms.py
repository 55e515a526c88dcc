"""Find the format of dates in a column of texts, and the parts of dates that become inputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from pipeline.data.typed import CYCLES, CYCLIC_PARTS, DATE_PARTS, ISO, WEEK, date_part, dates

MOSTLY = 0.95
"""Share of rows from which a column counts as dates."""
HEAD = 200
EARLIEST, LATEST = 19000101, 21001231
FEW = 0.5
DAYS = (
    "%m/%d/%Y|%d/%m/%Y|%d.%m.%Y|%m.%d.%Y|%m-%d-%Y|%d-%m-%Y|%Y/%m/%d|%Y.%m.%d|%Y%m%d|%Y年%m月%d日"
    "|%m/%d/%y|%d/%m/%y|%d.%m.%y|%d-%m-%y|%m-%d-%y"
    "|%b %d, %Y|%B %d, %Y|%d %b %Y|%d %B %Y|%b %d %Y|%B %d %Y|%d. %b %Y|%d. %B %Y|%d-%b-%Y|%d-%b-%y"
    "|%d%b%Y|%d%b%y|%d/%b/%Y|%d %b %y|%Y-%b-%d"
    "|%a %b %d %Y|%A, %d %B %Y|%a, %d %b %Y|%A, %B %d, %Y|%a, %b %d, %Y|%A %d %B %Y"
)
TIMES = "| %H:%M| %H:%M:%S| %H:%M:%S.%f| %I:%M %p| %I:%M:%S %p|, %H:%M|T%H:%M:%S|:%H:%M:%S|:%H:%M"
OTHERS = f"{WEEK}|%m/%Y|%m.%Y|%m-%Y|%Y/%m|%b %Y|%B %Y|%b-%Y|%b-%y|%b, %Y|%H:%M|%H:%M:%S|%H:%M:%S.%f|%I:%M %p"
"""Of formats that parse equally many rows the first wins: month before day, four-digit years before two."""
_TIME = r"(?:[ ,T]+|(?<=\d{4}):(?=\d\d:))\d{1,2}:.*"
_LIKELY = (
    r"\d{4}-?W\d\d$|\d{8}T\d{4}|\d{1,4}[-./]\d{1,2}[-./]\d{1,4}|\d{4}[-/]\d{1,2}$|\d{1,2}[-/.]\d{4}$"
    r"|\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[AaPp][Mm])?$"
    r"|\d{8} \d{1,2}:\d{2}|\d{4}年|\d{1,2}/[A-Za-z]{3}/\d{4}"
    r"|\d{1,2}(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\d{2,4}"
    r"|(?:\d{1,2}(?:st|nd|rd|th)?[-. ]{1,2}|[A-Za-z]{3,9},? )*[A-Za-z]{3,9}\.?[-, ]+"
    r"(?:\d{1,2}(?:st|nd|rd|th)?,? )?'?\d{2,4}"
)


@dataclass(frozen=True)
class DateFormat:
    """The format of a column's dates."""

    format: str
    share: float
    """Share of rows that it parses."""
    swapped: str = ""
    """The format with day and month exchanged, where it parses as many rows; else empty."""


def find_format(texts: pd.Series, times: np.ndarray) -> DateFormat | None:
    """Return the format of a column's dates; None where it does not look like dates.

    The format is empty where texts look like dates but no known format fits.

    Args:
        texts: The distinct texts, stripped, none of them missing.
        times: Number of rows of each.
    """
    head = texts.iloc[:HEAD]
    looks = head.str.match(_LIKELY).mean()
    if looks < FEW:
        return None
    weights = times[: len(head)]
    if _share(texts, times, ISO) == 1.0:  # none reads more, and every other one reads these as well
        return DateFormat(ISO, 1.0)
    bare = head.str.replace(_TIME, "", regex=True)
    days = [day for day in DAYS.split("|") if _share(bare, weights, day) > FEW]
    ends = TIMES.split("|") if texts.str.contains(_TIME).any() else [""]
    forms = [ISO, *map("".join, product(days, ends)), *OTHERS.split("|")]
    likely = [form for form in forms if _share(head, weights, form) > FEW]
    shares = {form: _share(texts, times, form) for form in likely}
    if not shares:
        return DateFormat("", 0.0) if looks >= MOSTLY else None
    best = max(likely, key=lambda form: shares[form])
    rivals = [form for form in likely if shares[form] == shares[best] and _is_swap(form, best)]
    return DateFormat(best, shares[best], rivals[0] if rivals else "")


def are_compact(values: np.ndarray) -> bool:
    """Return whether numbers could all be dates written YYYYMMDD, of this century or the last."""
    here = values[~np.isnan(values)]
    if not len(here) or here.min() < EARLIEST or here.max() > LATEST or (here % 1).any():
        return False
    month, day = here // 100 % 100, here % 100
    return bool(((month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)).all())  # noqa: PLR2004


def _is_swap(candidate: str, reference: str) -> bool:
    """Return whether two formats differ in the order of day and month alone."""
    swapped = candidate.replace("%m", "%_").replace("%d", "%m").replace("%_", "%d")
    return (
        swapped == reference != candidate and "." not in candidate
    )  # with points the day is first


def _share(texts: pd.Series, times: np.ndarray, form: str) -> float:
    """Return the share of rows that are dates in one format."""
    parsed = dates(texts, form).notna().to_numpy()
    return float(times[parsed].sum() / times.sum())


def parts_of(when: pd.Series, *, trend: bool = True) -> tuple[str, ...]:
    """Return the parts of dates that vary.

    Args:
        when: The datetimes of known rows.
        trend: Whether year and elapsed days may be among them. In later rows they always lie outside the
            training range.
    """
    parts = [*DATE_PARTS[:3], "hour", "minute", DATE_PARTS[3]]
    wanted = [part for part in parts if trend or part not in {"year", "elapsed days"}]
    return tuple(_varying(when.dropna(), wanted))


def _varying(when: pd.Series, parts: list[str]) -> Iterator[str]:
    """Yield parts with more than one value, and waves of cycles with more than two places."""
    for part in parts:
        if len(np.unique(date_part(when, part))) > 1:
            yield part
    for cycle in CYCLES:
        waves = [wave for wave in CYCLIC_PARTS if wave.rpartition(" ")[0] == cycle]
        places = np.unique(np.column_stack([date_part(when, wave) for wave in waves]), axis=0)
        # Two places are told apart by the plain part; a day of the year says more than its month
        # only where there are more days than months.
        if len(places) > (24 if cycle == "day of year" else 2):
            yield from waves
