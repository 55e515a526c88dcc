"""Find the form of the numbers in a column of texts: marks, currency, percent, unit.

The whole column is evidence. A mark is the decimal mark where it can be nothing else (81,3; 0.5; 1.234,5),
and separates thousands where it occurs twice or before the other mark. Where every number with a mark might
be either (1.234), the other numbers decide, then the file, then the convention of its delimiter; the last
case is reported as doubtful.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from unicodedata import category

import numpy as np
import pandas as pd

from pipeline.data.typed import MAGNITUDES, usual, written

ENOUGH = 10
"""Least distinct numbers with a mark for their form alone to prove that it separates thousands."""
LONGEST_UNIT = 12
STRAY = 0.05
"""Share of rows with k, M or B after the number up to which these count as strays."""
THOUSAND = "k"
"""Suffix of a form whose numbers may end in one of `typed.MAGNITUDES`."""
CODES = (
    "AED ARS AUD BGN BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR ISK JPY KES KRW MAD "
    "MXN MYR NGN NOK NZD PEN PHP PKR PLN QAR RON RSD RUB SAR SEK SGD THB TRY TWD UAH USD UYU VND ZAR"
)
"""Currencies by ISO 4217. Other capitals before digits are a code: PAL0708, JFK1."""
CURRENCY = re.compile(
    rf"[^\w\s.,()%°'\u2019+-]|{CODES.replace(' ', '|')}|Rs\.?|kr\.?|Fr\.?|[A-Z]{{1,3}}\$"
)
"""Allowed prefixes of a number: a symbol, or the letters of a currency, but not of a code."""
SUFFIX = re.compile(r"[^\w\s.,()'\u2019+-]{1,2}|\s+\D+|\D{2,}")
_NUMBER = re.compile(
    r"\(?[-+\u2013]?\s*(?P<prefix>[^\d\s.,()+-]*?\.?)\s*\(?[-+]?(?P<core>\d(?:[\d.,]|['\u2019\s\u00a0\u202f](?=\d))*|[.,]\d+)"
    r"(?:[eE][-+]?\d+)?(?P<suffix>\s*[^\d()]*?)\)?"
)
_GROUPED = re.compile(r"[1-9]\d{0,2}(?:,\d\d)*(?:([.,])\d{3})(?:\1\d{3})*")
"""A number whose mark may separate thousands."""
_SPACES = "'\u2019 \u00a0\u202f"


@dataclass(frozen=True)
class NumberForm:
    """The form of a column's numbers."""

    form: str
    """1234.5 written in the form; empty where that is 1234.5."""
    unit: str
    share: float
    """Share of rows that it parses."""
    doubt: str = ""
    """The ambiguous mark (decimal or thousands); empty where the form is certain."""


def find_form(
    texts: pd.Series, times: np.ndarray, attrs: dict[object, object] | None = None
) -> NumberForm | None:
    """Return the form of a column's numbers; None where it has none.

    Args:
        texts: The distinct texts, stripped, none of them missing.
        times: Number of rows of each.
        attrs: Layout of the file (`load.read_table`).
    """
    attrs = attrs or {}
    parsed = [_NUMBER.fullmatch(usual(text)) for text in texts]
    units: Counter[tuple[str, str]] = Counter()
    matched = [
        (match, int(rows)) for match, rows in zip(parsed, times, strict=True) if match is not None
    ]
    if not matched:
        return None
    for match, rows in matched:
        units[_unit(match)] += rows
    (prefix, suffix), same = _one_unit(units)
    if (prefix and not CURRENCY.fullmatch(prefix)) or len(prefix + suffix) > LONGEST_UNIT:
        return None
    of_unit = [(match, rows) for match, rows in matched if _unit(match) in same]
    spaced = "" if suffix == THOUSAND else of_unit[0][0]["suffix"]
    if spaced and not SUFFIX.fullmatch(spaced):
        return None
    cores = [(match["core"], rows) for match, rows in of_unit]
    marks = _marks(cores, attrs)
    if marks is None:
        return None
    thousands, decimal, doubt = marks
    form = f"{prefix}1{thousands}234{decimal}5{' ' if spaced[:1].isspace() else ''}{suffix.strip()}"
    read = ~np.isnan(written(texts, form))
    share = float(times[read].sum() / times.sum())
    # Beside decimal commas points must be recorded: `typed` would read an unmarked 1.234 as 1234 there.
    beside = attrs.get("decimal") == "," and any("." in core for core, _ in cores)
    odd = any("(" in text or usual(text) != text or not text.isascii() for text in texts)
    is_plain = form == "1234.5" and not beside and not odd
    return NumberForm("" if is_plain else form, prefix + suffix.strip(), share, doubt)


def _unit(match: re.Match[str]) -> tuple[str, str]:
    """Return prefix and suffix; 300 K, behind a blank, is no 300K."""
    suffix = match["suffix"]
    return match["prefix"], suffix if suffix.strip().upper() in MAGNITUDES else suffix.strip()


def _one_unit(units: Counter[tuple[str, str]]) -> tuple[tuple[str, str], set[tuple[str, str]]]:
    """Return the unit (prefix, suffix) of most rows, and all like it: 10k beside 1.2M and 950 is one."""
    (prefix, suffix), _ = units.most_common(1)[0]
    letters = "kKMB" if prefix or units[prefix, "k"] or units[prefix, "K"] else "kK"
    scaled = {(prefix, letter) for letter in letters if units[prefix, letter]}
    is_scaled = sum(units[unit] for unit in scaled) > STRAY * units.total()
    if is_scaled and suffix in {"", *letters}:
        return (prefix, THOUSAND), {(prefix, ""), *scaled}
    return (prefix, suffix), {(prefix, suffix)}


def currencies(texts: pd.Series) -> list[str]:
    """Return the distinct currencies of numbers among texts."""
    matches = [_NUMBER.fullmatch(text) for text in texts]
    marks = {match["prefix"] or match["suffix"].strip() for match in matches if match is not None}
    money = (mark for mark in marks if CURRENCY.fullmatch(mark))
    return sorted(mark for mark in money if mark[0].isalpha() or category(mark[-1]) == "Sc")


def _marks(
    cores: Sequence[tuple[str, int]], attrs: dict[object, object]
) -> tuple[str, str, str] | None:
    """Return the thousands mark, the decimal mark, and an ambiguous mark; None where they contradict."""
    space = next((mark for core, _ in cores for mark in core if mark in _SPACES), "")
    decimals: Counter[str] = Counter()
    thousands: Counter[str] = Counter()
    open_: Counter[str] = Counter()
    for core, rows in cores:
        marks = sorted(set(core) & set(",."), key=core.rfind)
        if len(marks) > 1:
            thousands[marks[0]] += rows
        if marks:
            is_grouped = _GROUPED.fullmatch(core) and not space
            role = open_ if core.count(marks[-1]) == 1 else thousands
            (role if is_grouped and len(marks) == 1 else decimals)[marks[-1]] += rows
    known = str(attrs.get("decimal", "")) if attrs.get("sure") else ""
    said = bool(attrs.get("said"))
    if not decimals and not thousands and open_:
        mark = open_.most_common(1)[0][0]
        delimiter = str(attrs.get("delimiter", ","))
        return None if len(open_) > 1 else _undecided(cores, mark, known, delimiter, said=said)
    if decimals:
        decimal = decimals.most_common(1)[0][0]
    else:
        decimal = "." if thousands[","] else "," if thousands["."] else known or "."
    other_mark = "." if decimal == "," else ","
    return other_mark if thousands[other_mark] or open_[other_mark] else space, decimal, ""


def _undecided(
    cores: Sequence[tuple[str, int]], mark: str, known: str, delimiter: str, *, said: bool
) -> tuple[str, str, str]:
    """Return the marks as `_marks` does, where every number with a mark looks like 1.234."""
    other_mark = "." if mark == "," else ","
    bare = [core for core, _ in cores if mark not in core]
    small = all(len(core) <= 3 for core in bare)  # noqa: PLR2004
    as_thousands, as_decimal = (mark, other_mark), ("", mark)
    if said or not small:
        return (*(as_decimal if known == mark or not small else as_thousands), "")
    # All numbers from 1000 have the mark, and none below has one: 950 beside 1.234.
    if bare and len(cores) - len(bare) >= ENOUGH:
        return *as_thousands, "" if known == other_mark else mark
    if known:
        return (*(as_decimal if known == mark else as_thousands), "")
    if mark == "," and delimiter == ",":
        return *as_thousands, "" if bare else mark
    return *as_decimal, mark if bare or mark == "," else ""
