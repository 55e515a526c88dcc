"""The comparison page that a sweep leaves in MLflow's UI, as far as a store can show it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from pipeline.core import language
from pipeline.core.records import Objective
from pipeline.ledger.views import TAG, prepare_view, runs_link, table_link

if TYPE_CHECKING:
    import pytest


def query(link: str) -> dict[str, list[str]]:
    """Return what a link asks of MLflow's page, which stands behind the #."""
    return parse_qs(urlsplit(urlsplit(link).fragment).query)


def test_the_link_opens_a_view_that_is_there(sweeps: Any, client: Any) -> None:
    """Curves grouped by trial, loss against size and rate; only fits of this sweep, best first."""
    ledger = sweeps.open()
    link = prepare_view(ledger, Objective(), ("layers", "units"))
    (share,) = query(link)["viewStateShareKey"]
    tags = client.get_experiment(ledger.store.experiment_id).tags
    state = json.loads(json.loads(tags[f"{TAG}{share}"])["state"])
    assert state["orderByKey"] == "metrics.`rank`"
    assert state["groupBy"]["groupByKeys"] == [{"mode": "tag", "groupByData": "trial"}]
    kinds = [card["type"] for card in state["compareRunCharts"]]
    assert kinds == ["LINE", "SCATTER", "SCATTER", "PARALLEL", "BAR"]
    (section,) = state["compareRunSections"]
    assert {card["metricSectionId"] for card in state["compareRunCharts"]} == {section["uuid"]}


def test_a_second_view_is_the_runs_table_by_rank(sweeps: Any, client: Any) -> None:
    """Every fit in a row of its own, with the columns that mean something."""
    ledger = sweeps.open()
    prepare_view(ledger, Objective(), ("layers", "units"))
    (share,) = query(runs_link(ledger.store, ledger.run_id))["viewStateShareKey"]
    tags = client.get_experiment(ledger.store.experiment_id).tags
    state = json.loads(json.loads(tags[f"{TAG}{share}"])["state"])
    assert (state["groupBy"], state["orderByKey"]) == (None, "metrics.`rank`")
    assert {"metrics.`rank`", "params.`capacity`"} < set(state["selectedColumns"])


def test_its_search_finds_the_fits_and_not_the_parent(sweeps: Any, client: Any) -> None:
    """The same words are given to MLflow's own search."""
    other = sweeps.open()
    sweeps.record(other, sweeps.round(0))
    ledger = sweeps.open()
    results = sweeps.record(ledger, sweeps.round(0))
    ledger.rank([results[0].fit.trial], results[1].fit)
    ledger.end("FINISHED")
    asked = query(table_link(ledger.store, ledger.run_id))
    experiment = ledger.store.experiment_id
    runs = client.search_runs([experiment], asked["searchFilter"][0], order_by=asked["orderByKey"])
    assert [run.info.run_name for run in runs] == [
        language.trial(result.fit.name) for result in (results[1], results[0])
    ]


def test_a_page_that_cannot_be_prepared_costs_only_the_page(
    sweeps: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link then opens the plain table, which always works."""
    ledger = sweeps.open()

    def refuse(*_: Any) -> None:
        raise RuntimeError("the page has changed")

    monkeypatch.setattr(type(ledger.store.client), "set_experiment_tag", refuse)
    link = prepare_view(ledger, Objective(), ("layers", "units"))
    assert link == table_link(ledger.store, ledger.run_id)
