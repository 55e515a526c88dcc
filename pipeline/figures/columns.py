"""What became of the table's columns, and what makes every score of a sweep doubtful."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.core import language
from pipeline.figures.findings import by_code
from pipeline.figures.html import Html, element
from pipeline.figures.tables import rows

if TYPE_CHECKING:
    from pipeline.ledger.read import SweepRecord

OPEN_ROWS = 20
"""Columns that are shown without a click."""
LEAK = "leaked-target"
AWAY = "give the target away"
"""What the sentence about such a column says (data/columns.py)."""
OF_DATA = frozenset({LEAK, "absent-class", "unscaled-inputs"})
"""Findings that are about the table and not about one fit."""


def facts(record: SweepRecord) -> list[dict[str, Any]]:
    """Return what became of each column, as `data.columns.ColumnFact`; of an older sweep nothing."""
    return dict(record.summary.get("data") or {}).get("columns") or record.table


def severe(record: SweepRecord) -> list[str]:
    """Return what makes every score of a sweep doubtful: it is said before any of them.

    Of the table's columns, and of what diagnosis saw of the table in the fits.
    """
    told = [str(fact["note"]) for fact in facts(record) if fact["attention"] == "severe"]
    codes = by_code(record)
    seen = codes[(codes["severity"] == "severe") & codes["code"].isin(OF_DATA)]
    return told + [
        f"{language.plural(row.fits, 'fit')}: {row.sentence}."
        for row in rows(seen)
        if not (row.code == LEAK and any(AWAY in text for text in told))
    ]


def columns(record: SweepRecord) -> Html | None:
    """Return the section of the report; None where nothing is known."""
    found = facts(record)
    if not found:
        return None
    heads = [
        element("th", name) for name in ("Column", "Read as", "Became", "Note", "Change it by")
    ]
    lines = [
        element(
            "tr",
            element("td", fact["name"]),
            element("td", fact["kind"]),
            element("td", fact["what"], class_="wrap"),
            element("td", fact["note"], class_="wrap"),
            element("td", element("code", fact["hint"]) if fact["hint"] else None),
        )
        for fact in found
    ]
    table = element("table", element("thead", element("tr", *heads)), element("tbody", *lines))
    used = sum(bool(fact["used"]) for fact in found)
    return element(
        "section",
        element("h2", "What became of each column"),
        element(
            "details",
            element(
                "summary", f"{language.plural(len(found), 'column')}, {used} seen by the networks"
            ),
            element("div", table, class_="scroll"),
            open=len(found) <= OPEN_ROWS,
        ),
        id="columns",
    )
