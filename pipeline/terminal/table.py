"""The final table of a sweep, for a terminal or a log."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import JustifyMethod
from rich.table import Table
from rich.text import Text

from pipeline.core.language import duration, plural

SENTENCES = frozenset({"answer", "why"})
"""Labels of the last lines that hold sentences; the others hold commands and links."""
WHY = "why"
TEXTS = frozenset({"trial", WHY})
"""Columns of the ranking that hold text, not numbers."""
LEAST_FIRST = ("behind", "fits", "#", "SE")
"""Columns of the ranking that are left out on a narrow terminal, in this order."""
GAP = 2
"""Spaces between two columns."""
FEWEST = 16
"""Least width of the reasons, in characters; with less room that column is left out."""


def counts(summary: Mapping[str, Any]) -> str:
    """Return how a sweep ended and its counts: `finished: 35 trials, 225 fits, 41 s`.

    Fits that a budget cut are counted apart; they are in the ranking with their score so far.
    """
    status = summary.get("status", "done")
    by_budget = status == "budget"
    ended = "ended by its budget" if by_budget else status
    said = [plural(summary[name], name[:-1]) for name in ("trials", "fits") if name in summary]
    if summary.get("cut"):
        whole, came = (
            (" to their end", " and ranked as far as they came") if by_budget else ("", "")
        )
        said = [*said[:-1], f"{said[-1]}{whole}", f"{summary['cut']:,} more cut{came}"]
    said += [duration(summary["seconds"])] if "seconds" in summary else []
    return f"{ended}: {', '.join(said)}"


def fits_done(count: int) -> str:
    """Return the number of finished fits as text: `1 fit done`."""
    return f"{plural(count, 'fit')} done"


def ranking(rows: Sequence[Mapping[str, str]], columns: int) -> Table:
    """Lay out ranking rows, a line each; the first row is the champion.

    Where they are too wide the last clauses of the reasons go, then the columns that matter least.
    Figures are whole at any width.

    Args:
        columns: Of the terminal.
    """
    names, least = list(rows[0]), iter(LEAST_FIRST)
    while True:
        room = columns - sum(_width(rows, name) + GAP for name in names if name != WHY)
        whys = [_shortened(row.get(WHY, ""), room) for row in rows]
        dropped = next(least, None) if max(map(len, whys)) > room else None
        if dropped is None:
            break
        names = [name for name in names if name != dropped]
    if room < FEWEST:
        names = [name for name in names if name != WHY]
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="dim")
    for name in names:
        side: JustifyMethod = "left" if name in TEXTS else "right"
        table.add_column(Text(name), justify=side, overflow="fold", no_wrap=name != WHY)
    for row, why in zip(rows, whys, strict=True):
        cells = (Text(why if name == WHY else row[name]) for name in names)
        table.add_row(*cells, style="bold" if row is rows[0] else None)
    return table


def _width(rows: Sequence[Mapping[str, str]], name: str) -> int:
    return max(len(name), *(len(row[name]) for row in rows))


def _shortened(text: str, room: int) -> str:
    """Remove last clauses of a reason, never the first, until it has at most `room` characters."""
    while len(text) > room and ", " in text:
        text = text.rpartition(", ")[0]
    return text


def labelled(label: str, text: str, indent: int, columns: int) -> Text:
    """Lay out one of the last lines: sentences are wrapped, commands and links are not.

    Args:
        indent: Width of the labels.
        columns: Width of the terminal.
    """
    if label in SENTENCES:
        room = max(columns - indent - 1, 20)
        text = textwrap.fill(text, room, break_on_hyphens=False).replace("\n", "\n" + " " * indent)
    return Text.assemble((f"{label:<{indent}}", "bold"), text)
