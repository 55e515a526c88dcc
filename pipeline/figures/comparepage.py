"""The page that lays several sweeps side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.figures import compare
from pipeline.figures.html import Html, element
from pipeline.figures.page import document
from pipeline.figures.plots import Drawn
from pipeline.figures.sections import plot_box

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.ledger.read import SweepRecord


def compare_page(records: Sequence[SweepRecord]) -> str:
    """Return the page that compares sweeps, in the order given.

    Args:
        records: Two or more sweeps, usually of the same data.
    """
    labels = compare.names(records)
    title = f"{len(records)} sweeps compared"
    answer = [element("span", f"{sentence} ") for sentence in compare.sentences(records)]
    header = element(
        "header",
        element("p", "Capacity sweep", class_="eyebrow"),
        element("h1", title),
        element("p", *answer, class_="answer"),
        id="answer",
    )
    parts = [header, _results(labels, records), _figures(records), _settings(labels, records)]
    return document(title, parts)


def _results(labels: Sequence[str], records: Sequence[SweepRecord]) -> Html:
    return element(
        "section",
        element("h2", "Results"),
        _table(["", *labels], compare.results(records)),
        id="results",
    )


def _figures(records: Sequence[SweepRecord]) -> Html:
    champions, together = compare.champions(records), compare.capacities_together(records)
    ring = "A ring marks what each sweep chose."
    boxes = [
        plot_box(
            Drawn("champions", "Champions", champions, "Bars: one standard error."), wide=True
        ),
        plot_box(Drawn("together", "Capacity against loss", together, ring), wide=True),
    ]
    return element("section", element("div", *boxes, class_="plots"), id="figures")


def _settings(labels: Sequence[str], records: Sequence[SweepRecord]) -> Html:
    changed = compare.settings_that_differ(records)
    heading = element("h2", "Settings that differ")
    if not changed:
        nothing = element("p", "None that matters for a fit.", class_="lead")
        return element("section", heading, nothing, id="settings")
    return element("section", heading, _table(["setting", *labels], changed), id="settings")


def _table(heads: Sequence[str], rows: Sequence[tuple[str, list[str]]]) -> Html:
    """Return a table; a row whose cells are not all equal is marked as changed."""
    lines = [
        element(
            "tr",
            element("th", label, scope="row"),
            *(element("td", cell) for cell in cells),
            class_="changed" if len(set(cells)) > 1 else None,
        )
        for label, cells in rows
    ]
    head = element("thead", element("tr", *(element("th", one) for one in heads)))
    return element("div", element("table", head, element("tbody", *lines)), class_="scroll")
