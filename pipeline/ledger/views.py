"""A prepared page in MLflow's own UI: the trials of a sweep as charts, or as a table.

The experiment page stores its saved views as experiment tags and opens one by its address. That is not a
documented interface (read from MLflow 3.16's public source, verified with 3.17.2), so a failure here only
costs the page: the link then opens the plain runs table, sorted by place.
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from typing import Any
from urllib.parse import urlencode

from pipeline.ledger.ledger import Ledger
from pipeline.ledger.store import Store
from pipeline.ledger.trialrows import KIND, PLACE, SIZE, SPREAD, leading_curve
from pipeline.ledger.viewer import runs_link

log = logging.getLogger(__name__)

TAG = "mlflow.sharedViewState."
CARD_HEIGHT = 235
"""Height of a chart in pixels; two fit on a screen of 1440 x 900."""
BY_PLACE = f"metrics.`{PLACE}`"
MENU = {"workflowType": "machine_learning"}
"""Query that opens MLflow's menu of model training, not of generative AI."""
NAME, CREATED = "attributes.`Run Name`", "runDateAndNestInfo"
"""Columns that MLflow always shows first."""


def prepare_view(ledger: Ledger, metric: str, tested: str) -> str:
    """Store the prepared page and return the link to its charts; `tested` is the metric of the test score."""
    store, sweep = ledger.store, ledger.run_id
    try:
        now = int(time.time() * 1000)
        state = json.dumps(_state(sweep, metric, tested))
        view = {"name": f"sweep {sweep[:8]}", "createdAt": now, "updatedAt": now, "state": state}
        store.client.set_experiment_tag(store.experiment_id, f"{TAG}{sweep}", json.dumps(view))
    except Exception as error:  # noqa: BLE001 - see above: the sweep must not fail for its page
        log.info("No comparison page was prepared in MLflow: %s", error)
        return plain_link(store, sweep)
    return _link(store, {"viewStateShareKey": sweep, "compareRunsMode": "CHART"})


def table_link(store: Store, sweep: str) -> str:
    """Return the link that opens the prepared page as a table, the champion first."""
    return _link(store, {"viewStateShareKey": sweep})


def plain_link(store: Store, sweep: str) -> str:
    """Return the link that opens the trials of a sweep in MLflow's plain table, the champion first."""
    query = {"searchFilter": _filter(sweep), "orderByKey": BY_PLACE, "orderByAsc": "true"}
    return _link(store, query | {"startTime": "ALL"})


def _link(store: Store, query: dict[str, str]) -> str:
    return f"{runs_link(store.location, store.experiment_id)}?{urlencode({**query, **MENU})}"


def _filter(sweep: str) -> str:
    """Return the search that finds the trials of a sweep."""
    return f"tags.sweep = '{sweep}' AND tags.kind = '{KIND}'"


def _state(sweep: str, metric: str, tested: str) -> dict[str, Any]:
    """Return the state of the page as MLflow's experiment page stores it."""
    section, columns = str(uuid.uuid4()), _columns(metric, tested)
    return {
        "searchFilter": _filter(sweep),
        "orderByKey": BY_PLACE,
        "orderByAsc": True,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "modelVersionFilter": "All Runs",
        "datasetsFilter": [],
        "selectedColumns": columns,
        "columnOrder": [NAME, CREATED, *columns],
        "columnWidths": {name: _width(name) for name in (NAME, CREATED, *columns)},
        "compareRunCharts": _cards(section, metric),
        "compareRunSections": [
            {
                "uuid": section,
                "name": "Capacity search",
                "display": True,
                "isReordered": False,
                "deleted": False,
                "isGenerated": False,
                "columns": 1,  # side by side their titles are cut off
                "cardHeight": CARD_HEIGHT,
            }
        ],
        "runsHiddenMode": "SHOW_ALL",
        "hideEmptyCharts": True,
        "viewMaximized": True,
        "runListHidden": False,
        "isAccordionReordered": False,
        "groupBy": None,
        "groupsExpanded": {},
        "chartsSearchFilter": "",
    }


def _columns(metric: str, tested: str) -> list[str]:
    """Return the columns of the table by MLflow's names, the most important first."""
    best = dict.fromkeys(("best_val_rmse", f"best_{metric}", "best_val_loss"))
    return [
        f"metrics.`{PLACE}`",
        "params.`capacity`",
        *(f"metrics.`{name}`" for name in ("score", "score_se", tested, "parameters")),
        "params.`learning_rate`",
        "tags.`why`",
        *(f"metrics.`{name}`" for name in ("executions", "best_epoch", *best)),
        "tags.`verdict`",
    ]


def _width(column: str) -> int:
    """Return the width of a column in pixels."""
    wide = {NAME: 175, CREATED: 80, BY_PLACE: 75, "tags.`why`": 300}
    return wide.get(column) or 35 + 7 * len(column.split("`")[1])


def _cards(section: str, metric: str) -> list[dict[str, Any]]:
    """Return the charts; MLflow derives their titles from their metrics."""
    curve, plain = leading_curve(metric), {"scaleType": "linear", "lineSmoothness": 0}

    def card(kind: str, **settings: Any) -> dict[str, Any]:
        return {
            "uuid": str(uuid.uuid4()),
            "type": kind,
            "metricSectionId": section,
            "deleted": False,
            "isGenerated": False,
            **settings,
        }

    return [
        card("LINE", metricKey=curve, xAxisKey="step", **plain),
        card(
            "LINE",
            metricKey=SPREAD,
            xAxisKey="metric",
            selectedXAxisMetricKey=SIZE,
            displayPoints=True,
            **plain,
        ),
    ]
