"""Small tables as people have them: what the file says, and what it has to mean."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline.config.choices import Task

if TYPE_CHECKING:
    from collections.abc import Sequence

ROWS = 120
RANDOM = np.random.default_rng(18)
NUMBER = [f"{value:.2f}" for value in RANDOM.gamma(3.0, 20.0, ROWS)]


@dataclass(frozen=True)
class Recipe:
    """One table and what has to become of it."""

    name: str
    cells: tuple[str | None, ...]
    """Texts of the column of interest, as the file has them; None is an empty cell."""
    kind: str
    """What the column has to be: a kind, or `dropped`."""
    target: tuple[str, ...] = tuple(NUMBER)
    labels: tuple[str, ...] = ()
    """All labels as they have to come back; empty for a regression."""
    header: str = "c"
    """Of the column, as the file has it."""
    delimiter: str = ","
    encoding: str = "utf-8"
    options: dict[str, Any] = field(default_factory=dict)

    def make(self) -> pd.DataFrame:
        """Return the texts of the file."""
        return pd.DataFrame(
            {
                "x": [f"{value % 13 / 7:.3f}".replace(".", self._mark) for value in range(ROWS)],
                self.header: _cycled(self.cells),
                "y": _cycled(self.target),
            }
        )

    @property
    def _mark(self) -> str:
        return "," if self.delimiter == ";" else "."


def _cycled(cells: Sequence[str | None]) -> list[str | None]:
    return [cells[place % len(cells)] for place in range(ROWS)]


def _days(form: str, step: str = "29h") -> tuple[str, ...]:
    start = pd.Timestamp("2015-01-03 07:10")
    return tuple(when.strftime(form) for when in pd.date_range(start, periods=ROWS, freq=step))


def _amounts(form: str, low: float = 300, high: float = 90_000) -> tuple[str, ...]:
    values = np.random.default_rng(5).uniform(low, high, ROWS)
    return tuple(form.format(value) for value in values)


def _german(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(text.translate(str.maketrans(",.", ".,")) for text in texts)


WHOLE = tuple(str(value) for value in np.random.default_rng(6).permutation(10**6)[:ROWS])
PLAIN = ("1.5", "2.25", "7.125", "9", "4.5", "0.5", "3.75")
TABLES = (
    # Codes and categories
    Recipe("departments, some digits only", ("01", "02", "03", "10", "20", "A1", "B2"), "category"),
    Recipe("post codes with leading zeros", ("01234", "12345", "00501", "99950"), "category"),
    Recipe("a category named NA", ("NA", "EU", "AS", "SA", "AF"), "category"),
    Recipe("levels with blanks and quotes", (' a "b" ', "x,y", "line\nbreak", "c"), "category"),
    Recipe("levels that differ in case", ("red", "Red", "RED"), "category"),
    Recipe("levels a spreadsheet would run", ("=1+1", "@sum", "-a", "+b"), "category"),
    Recipe("levels outside Latin letters", ("München", "東京", "Łódź", "🙂"), "category"),
    Recipe("codes of letters and digits", ("PAL0708", "PAL0809", "PAL0910"), "category"),
    Recipe("codes that count", ("RTE 1", "RTE 2", "RTE 12"), "category"),
    Recipe("ranges", ("0-10", "11-20", "21-30", "31+"), "category"),
    Recipe("versions", ("1.0.1", "1.0.2", "1.10.0"), "category"),
    Recipe("sizes in their order", ("S", "M", "L", None), "ordered",
           options={"ordered": {"c": ["S", "M", "L"]}}),
    Recipe("digits that are declared a category", ("1", "2", "3", "10"), "category",
           options={"categories": ["c"]}),
    Recipe("codes that are declared numbers", ("01", "02", "10"), "number",
           options={"numbers": ["c"]}),
    Recipe("a level that is rare", ("a", "b") * 40 + ("z",), "category"),
    # Truths
    Recipe("truths in capitals", ("TRUE", "FALSE", "TRUE"), "boolean"),
    Recipe("truths with gaps", ("True", "False", None, "True"), "boolean"),
    Recipe("yes and no", ("yes", "no", "no"), "category"),
    # Numbers
    Recipe("numbers with gaps", (*PLAIN, None), "number"),
    Recipe("numbers with question marks", (*PLAIN, "?"), "number"),
    Recipe("numbers with N/A and dashes", (*PLAIN, "N/A", "-"), "number"),
    Recipe("numbers with blanks around them", tuple(f" {text} " for text in PLAIN), "number"),
    Recipe("a minus that is typeset", ("\u22121.5", "2.5", "\u22123", "7"), "number"),
    Recipe("numbers with exponents", ("1e-3", "2.5E+4", "7"), "number"),
    Recipe("whole numbers that all differ", WHOLE, "number", header="income"),
    Recipe("whole numbers, 1.0 beside 1", ("1", "1.0", "2", "3.0"), "number"),
    Recipe("dollars", _amounts("${:,.2f}"), "number"),
    Recipe("negative dollars in parentheses", ("$1,200.50", "($310.00)", "$95.10"), "number"),
    Recipe("euros behind a number", _german(_amounts("{:,.2f} €")), "number", delimiter=";"),
    Recipe("percent", _amounts("{:.1f}%", 0, 100), "number"),
    Recipe("kilometres", _amounts("{:.1f} km"), "number"),
    Recipe("thousands with commas", _amounts("{:,.0f}"), "number"),
    Recipe("thousands with apostrophes", ("1'200", "950", "12'400", "1'000'000"), "number"),
    Recipe("thousands with blanks", ("1 200", "950", "12 400"), "number"),
    Recipe("thousands with points", _german(_amounts("{:,.0f}", 200)), "number", delimiter=";"),
    Recipe("decimal commas", _german(_amounts("{:.2f}")), "number", delimiter=";"),
    Recipe("thousands with k", ("10k", "1.5k", "950", "12k", "2.25k"), "number"),
    Recipe("dollars with k, M and B", ("$10k", "$1.2M", "$950", "$3B", "$2.25k"), "number"),
    # Dates
    Recipe("days, month first", _days("%m/%d/%Y"), "date"),
    Recipe("days, two digits of a year", _days("%m/%d/%y"), "date"),
    Recipe("days with points", _days("%d.%m.%Y"), "date"),
    Recipe("American times", _days("%m/%d/%Y %H:%M"), "date"),
    Recipe("times of twelve hours", _days("%m/%d/%Y %I:%M %p"), "date"),
    Recipe("names of months", _days("%b %d, %Y"), "date"),
    Recipe("short months with four letters", tuple(
        day.replace("Sep", "Sept").replace("Feb", "Feb.") for day in _days("%b %d, %Y", "51h")
    ), "date"),
    Recipe("months alone", _days("%Y-%m", "29D"), "date"),
    Recipe("times with a zone", _days("%Y-%m-%dT%H:%M:%S+02:00"), "date"),
    Recipe("days with gaps", (*_days("%Y-%m-%d")[:9], None), "date"),
    Recipe("a declared format", ("03*02*15", "04*07*16", "21*11*17"), "date",
           options={"dates": {"c": "%d*%m*%y"}}),
    # What cannot help
    Recipe("counted rows", tuple(map(str, range(ROWS))), "dropped", header="id"),
    Recipe("a saved index with gaps", WHOLE, "dropped", header="Unnamed: 0"),
    Recipe("free text", tuple(f"note {n} of {n * 7}" for n in range(ROWS)), "dropped"),
    Recipe("one value", ("same",), "dropped"),
    # Headers and files
    Recipe("a header with blanks", PLAIN, "number", header=" rent "),
    Recipe("a wrapped header", PLAIN, "number", header="rent\n(month)", delimiter=";"),
    Recipe("cp1252", PLAIN, "number", header="Miete (€)", encoding="cp1252"),
    Recipe("UTF-16 with tabs", PLAIN, "number", delimiter="\t", encoding="utf-16"),
    Recipe("UTF-16 without a mark", PLAIN, "number", encoding="utf-16-le"),
    Recipe("pipes", ("a, b", "c", "d"), "category", delimiter="|"),
    # Labels
    Recipe("labels with leading zeros", PLAIN, "number", ("01", "02", "10"), ("01", "02", "10")),
    Recipe("labels 1.1 and 1.10", PLAIN, "number", ("1.1", "1.10", "a"), ("1.1", "1.10", "a"),
           options={"task": Task.classification}),
    Recipe("labels with blanks", PLAIN, "number", ("yes", "yes ", "no"), ("no", "yes")),
    Recipe("a label NA", PLAIN, "number", ("NA", "EU", "AS"), ("AS", "EU", "NA"),
           options={"na_is_class": True}),
    Recipe("a label None", PLAIN, "number", ("None", "some", "all"), ("None", "all", "some")),
    Recipe("labels 1.0 and 0.0", PLAIN, "number", ("1.0", "0.0", "0.0"), ("0.0", "1.0")),
    Recipe("labels of truths in capitals", PLAIN, "number", ("TRUE", "FALSE"), ("FALSE", "TRUE")),
    Recipe("labels a spreadsheet would run", PLAIN, "number", ("=1+1", "-a", "b"),
           ("-a", "=1+1", "b")),
    Recipe("negative labels", PLAIN, "number", ("-1", "1", "1"), ("-1", "1")),
)  # fmt: skip


def combined(target: tuple[str, ...]) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return one table with the column of every recipe that a plain CSV file can hold, and its options."""
    columns: dict[str, list[str | None]] = {}
    options: dict[str, Any] = {}
    for recipe in TABLES:
        if recipe.labels or (recipe.delimiter, recipe.encoding) != (",", "utf-8"):
            continue
        columns[recipe.name] = _cycled(recipe.cells)
        for key, said in recipe.options.items():
            mine = {recipe.name: said["c"]} if isinstance(said, dict) else [recipe.name]
            known = options.setdefault(f"data.{key}", type(mine)())
            known.update(mine) if isinstance(mine, dict) else known.extend(mine)
    return pd.DataFrame({**columns, "y": _cycled(target)}), options
