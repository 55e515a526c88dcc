"""The final table of a sweep, for a terminal or a log."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from pipeline.core.language import exact

SENTENCES = frozenset({"answer", "why"})
"""Labels of the last lines that a person reads; the others are copied."""


def counts(summary: Mapping[str, object]) -> str:
    """Say how a sweep ended and how much it did: `finished: trials 35, fits 225, 41.2 s`."""
    status = summary.get("status", "done")
    ended = "ended by its budget" if status == "budget" else status
    said = ", ".join(f"{k} {cell(summary[k])}" for k in ("trials", "fits") if k in summary)
    said += f", cut {summary['cut']}" if summary.get("cut") else ""
    took = f", {cell(summary['seconds'])} s" if "seconds" in summary else ""
    return f"{ended}: {said}{took}"


def fits_done(count: int) -> str:
    """Say how many fits are done: `1 fit done`."""
    return f"{count} fit{'' if count == 1 else 's'} done"


def ranking(rows: Sequence[Mapping[str, object]]) -> Table:
    """Lay out ranking rows; the first row is the champion."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    columns = list(rows[0])
    for name in columns:
        numeric = isinstance(rows[0][name], int | float)
        table.add_column(Text(name), justify="right" if numeric else "left", overflow="fold")
    for position, row in enumerate(rows):
        cells = (Text(cell(row.get(name))) for name in columns)
        table.add_row(*cells, style="bold" if position == 0 else None)
    return table


def labelled(label: str, text: str, indent: int, columns: int) -> Text:
    """Lay out one of the last lines: a sentence breaks between words, a command or link is left to copy.

    Args:
        indent: Columns of the labels.
        columns: Of the terminal.
    """
    if label in SENTENCES:
        room = max(columns - indent - 1, 20)
        text = textwrap.fill(text, room, break_on_hyphens=False).replace("\n", "\n" + " " * indent)
    return Text.assemble((f"{label:<{indent}}", "bold"), text)


def cell(value: object) -> str:
    """Format one value: four significant digits, thousands separated, a dash for nothing."""
    if value is None:
        return "-"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else exact(value)
