"""Prepared pages in MLflow's own UI: curves by trial, loss against size and rate; fits by rank.

The experiment page stores its saved views as experiment tags and opens one by its address. That is
not a documented interface (read from MLflow 3.16's public source, seen working on 3.17.2), so a
failure here costs nothing but the page: the link then opens the plain runs table, sorted by rank.
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from pipeline.ledger.viewer import ui_address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.core.records import Objective
    from pipeline.ledger.ledger import Ledger
    from pipeline.ledger.store import Store

log = logging.getLogger(__name__)

TAG = "mlflow.sharedViewState."
RUNS = "-runs"
"""Ends the key of the second view of a sweep, its runs table."""
MOST_RUNS = 100
"""Runs that a chart compares; MLflow's own page loads as many at a time."""


def prepare_view(ledger: Ledger, objective: Objective, axes: Sequence[str]) -> str:
    """Leave the comparison page and the runs table behind and return the link of the first.

    Args:
        ledger: Of the sweep.
        objective: What the fits are compared by.
        axes: Names of the capacity's axes, which are parameters of the runs: layers, units.
    """
    store, sweep = ledger.store, ledger.run_id
    try:
        charts = _state(sweep, objective.metric, axes)
        _save(store, sweep, f"sweep {sweep[:8]}", charts)
        table = charts | {"groupBy": None, "useGroupedValuesInCharts": False}
        _save(store, f"{sweep}{RUNS}", f"sweep {sweep[:8]}: fits by rank", table)
    except Exception as error:  # noqa: BLE001 - see above: the sweep must not fail for its page
        log.info("No comparison page was prepared in MLflow: %s", error)
        return table_link(store, sweep)
    return view_link(store, sweep)


def view_link(store: Store, sweep: str) -> str:
    """Return the link that opens the prepared page of a sweep."""
    return _link(store, {"viewStateShareKey": sweep, "compareRunsMode": "CHART"})


def runs_link(store: Store, sweep: str) -> str:
    """Return the link that opens the prepared runs table: the champion first, columns chosen."""
    return _link(store, {"viewStateShareKey": f"{sweep}{RUNS}"})


def table_link(store: Store, sweep: str) -> str:
    """Return the link that opens the fits of a sweep in a plain runs table, the champion first."""
    return _link(
        store,
        {
            "searchFilter": _filter(sweep),
            "orderByKey": "metrics.`rank`",
            "orderByAsc": "true",
            "startTime": "ALL",
        },
    )


def _save(store: Store, key: str, name: str, state: dict[str, Any]) -> None:
    now = int(time.time() * 1000)
    view = {"name": name, "createdAt": now, "updatedAt": now, "state": json.dumps(state)}
    store.client.set_experiment_tag(store.experiment_id, f"{TAG}{key}", json.dumps(view))


def _link(store: Store, query: dict[str, str]) -> str:
    address = f"{ui_address(store.location)}/#/experiments/{store.experiment_id}/runs"
    return f"{address}?{urlencode(query)}"


def _filter(sweep: str) -> str:
    """Return the search that finds the fits of a sweep, and not its parent."""
    return f"tags.sweep = '{sweep}' AND params.capacity != ''"


def _state(sweep: str, metric: str, axes: Sequence[str]) -> dict[str, Any]:
    """Return the state of the page as MLflow's experiment page stores it."""
    section = str(uuid.uuid4())
    grouped = {"mode": "tag", "groupByData": "trial"}
    return {
        "searchFilter": _filter(sweep),
        "orderByKey": "metrics.`rank`",
        "orderByAsc": True,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "modelVersionFilter": "All Runs",
        "datasetsFilter": [],
        "selectedColumns": _columns(metric),
        "compareRunCharts": _cards(section, metric, axes),
        "compareRunSections": [
            {
                "uuid": section,
                "name": "Capacity search",
                "display": True,
                "isReordered": False,
                "deleted": False,
                "isGenerated": False,
            }
        ],
        "runsHiddenMode": "SHOW_ALL",
        "hideEmptyCharts": True,
        "viewMaximized": False,
        "runListHidden": False,
        "isAccordionReordered": False,
        "useGroupedValuesInCharts": True,
        # The executions of a trial are drawn as their average.
        "groupBy": {"aggregateFunction": "average", "groupByKeys": [grouped]},
        "groupsExpanded": {},
        "chartsSearchFilter": "",
    }


def _columns(metric: str) -> list[str]:
    """Return the columns of the runs table, as MLflow names them."""
    best = dict.fromkeys((f"best_{metric}", "best_val_loss", "best_val_rmse"))
    return [
        "metrics.`rank`",
        *(f"params.`{name}`" for name in ("capacity", "parameters", "learning_rate", "execution")),
        *(f"metrics.`{name}`" for name in (*best, "best_epoch", "epochs", "seconds")),
        *(f"params.`{name}`" for name in ("phase", "round")),
        *(f"tags.`{name}`" for name in ("verdict", "diagnosis")),
    ]


def _cards(section: str, metric: str, axes: Sequence[str]) -> list[dict[str, Any]]:
    """Return the charts, the two that matter first: narrow windows show only those."""
    best = f"best_{metric}"

    def card(kind: str, title: str, **settings: Any) -> dict[str, Any]:
        return {
            "uuid": str(uuid.uuid4()),
            "type": kind,
            "metricSectionId": section,
            "deleted": False,
            "isGenerated": False,
            "displayName": title,
            "runsCountToCompare": MOST_RUNS,
            **settings,
        }

    def scatter(title: str, key: str, kind: str) -> dict[str, Any]:
        across, up = {"key": key, "type": kind}, {"key": best, "type": "METRIC"}
        return card("SCATTER", title, xaxis=across, yaxis=up)

    curve = {
        "metricKey": metric,
        "selectedMetricKeys": [metric],
        "xAxisKey": "step",
        "scaleType": "linear",
        "xAxisScaleType": "linear",
        "lineSmoothness": 0,
        "useGlobalXaxisKey": True,
        "useGlobalLineSmoothing": True,
    }
    parallel = {
        "selectedParams": [*axes, "learning_rate"],
        "selectedMetrics": [best],
        "showAllRuns": False,
    }
    return [
        card("LINE", f"{metric} by epoch", **curve),
        scatter("loss against size", "parameters", "METRIC"),
        scatter("loss against learning rate", "learning_rate", "PARAM"),
        card("PARALLEL", "hyperparameters", **parallel),
        card("BAR", f"best {metric}", metricKey=best),
    ]
