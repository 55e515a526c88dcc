"""The page that a sweep leaves in MLflow's UI, as far as a store can show it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from pipeline.ledger.views import TAG, plain_link, prepare_view, table_link

if TYPE_CHECKING:
    import pytest


def query(link: str) -> dict[str, list[str]]:
    """Return what a link asks of MLflow's page, which stands behind the #."""
    return parse_qs(urlsplit(urlsplit(link).fragment).query)


def test_the_links_open_a_view_that_is_there(sweeps: Any, client: Any) -> None:
    """Curves of the best trials and score against size; the columns that matter first."""
    ledger = sweeps.open()
    link = prepare_view(ledger, "val_loss", "test_rmse")
    (share,) = query(link)["viewStateShareKey"]
    assert query(table_link(ledger.store, ledger.run_id))["viewStateShareKey"] == [share]
    tags = client.get_experiment(ledger.store.experiment_id).tags
    state = json.loads(json.loads(tags[f"{TAG}{share}"])["state"])
    assert (state["groupBy"], state["orderByKey"]) == (None, "metrics.`place`")
    assert [card["type"] for card in state["compareRunCharts"]] == ["LINE", "LINE"]
    (section,) = state["compareRunSections"]
    assert {card["metricSectionId"] for card in state["compareRunCharts"]} == {section["uuid"]}
    names = [column.split("`")[1] for column in state["selectedColumns"]]
    assert names[:5] == ["place", "capacity", "score", "score_se", "test_rmse"]
    assert names[5:7] == ["parameters", "learning_rate"]


def test_its_search_finds_the_trials_alone(sweeps: Any, client: Any) -> None:
    """The same filter is given to MLflow's own search."""
    other = sweeps.open()
    (result, _) = sweeps.record(other, sweeps.round(0))
    other.rank(sweeps.ranked(other, result.fit.trial), result.fit)
    other.end("FINISHED")
    ledger = sweeps.open()
    trials = [sweeps.trial(layers) for layers in (2, 1)]
    results = sweeps.record(ledger, sweeps.round(0, *trials))
    ledger.rank(sweeps.ranked(ledger, *trials), results[1].fit)
    ledger.end("FINISHED")
    asked = query(plain_link(ledger.store, ledger.run_id))
    experiment = ledger.store.experiment_id
    runs = client.search_runs([experiment], asked["searchFilter"][0], order_by=asked["orderByKey"])
    assert [run.info.run_name for run in runs] == ["1. 2x4 lr 0.003", "2. 1x4 lr 0.003"]


def test_a_page_that_cannot_be_prepared_costs_only_the_page(
    sweeps: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link then opens the plain table, which always works."""
    ledger = sweeps.open()

    def refuse(*_: Any) -> None:
        raise RuntimeError("the page has changed")

    monkeypatch.setattr(type(ledger.store.client), "set_experiment_tag", refuse)
    link = prepare_view(ledger, "val_loss", "test_rmse")
    assert link == plain_link(ledger.store, ledger.run_id)
