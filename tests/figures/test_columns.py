"""The report and the notebook show what became of each column; what is severe comes first."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.data.columns import Attention, ColumnFact, recorded
from pipeline.figures.page import page
from pipeline.session import results

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.ledger.read import SweepRecord

LEAK = "Column 'deposit' may give the target away: alone it tells 100.00% of the target's variance."


def with_columns(record: SweepRecord, facts: list[ColumnFact]) -> SweepRecord:
    """Return a record whose summary tells of these columns."""
    data: dict[str, Any] = {"target": "rent", "columns": recorded(facts)}
    return replace(record, summary=record.summary | {"data": data})


@pytest.fixture
def facts() -> list[ColumnFact]:
    """Return the columns of a table that gives its target away."""
    return [
        ColumnFact("rent", "target", used=False, reason="is predicted (regression)"),
        ColumnFact(
            "id", "number", False, (), Attention.dropped, "identifier", "", "data.keep=[id]"
        ),
        ColumnFact("deposit", "number", True, ("deposit",), Attention.severe, note=LEAK),
    ]


def test_a_severe_finding_stands_before_every_score(
    record: SweepRecord, facts: list[ColumnFact]
) -> None:
    """Above the answer, not at the end of the page."""
    html = page(with_columns(record, facts))
    assert 'class="alert"' not in page(record)
    alert = html.index('class="alert"')
    assert html.index("<h1>") < alert < html.index('class="answer"')
    assert "deposit&#39; may give the target away" in html[alert:]


def test_the_report_has_a_table_of_the_columns(
    record: SweepRecord, facts: list[ColumnFact]
) -> None:
    """Open where one is doubted, else a click away; an older sweep has none."""
    html = page(with_columns(record, facts))
    assert "<h2>Columns</h2>" in html
    assert "<code>data.keep=[id]</code>" in html
    assert "3 columns, 1 used by the networks" in html
    assert 'href="#columns"' in html
    assert "<h2>Columns</h2>" not in page(record)
    many = [ColumnFact(f"c{number}", "number", used=True) for number in range(30)]
    start = page(with_columns(record, many)).split('id="columns"')[1]
    assert "<details><summary>30 columns" in start


def test_a_notebook_has_them_as_a_table(record: SweepRecord, facts: list[ColumnFact]) -> None:
    """With the words that change a judgement; empty for an older sweep."""
    table = results.columns(with_columns(record, facts)).set_index("name")
    assert table.loc["id", "hint"] == "data.keep=[id]"
    assert table.loc["deposit", "attention"] == "severe"
    assert list(results.columns(record).columns)[:3] == ["name", "kind", "used"]
    assert results.columns(record).empty


def test_a_sweep_without_an_end_shows_its_columns(
    kind: Callable[[str], SweepRecord], facts: list[ColumnFact]
) -> None:
    """They are recorded when it begins."""
    cut = replace(kind("unbegun"), table=recorded(facts))
    assert cut.summary == {}
    assert "give the target away" in page(cut)
    assert list(results.columns(cut)["name"]) == ["rent", "id", "deposit"]
