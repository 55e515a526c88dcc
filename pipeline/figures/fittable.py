"""The table of all fits, and their curves, as data that the page's script sorts and draws."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline.figures.html import Html, element, join, json_block, packed_block
from pipeline.figures.trials import NUISANCE, champion_entry, is_varied, objective

if TYPE_CHECKING:
    from pipeline.ledger.read import SweepRecord

MOST_POINTS = 150
"""Points a curve has in the page: longer ones are thinned, as a screen has no more to show."""
DIGITS = 4


@dataclass(frozen=True)
class Column:
    """One column of the table."""

    key: str
    heading: str
    kind: str = "text"
    """`text` (searched), `count`, `measure` (rounded to DIGITS) or `hidden` (searched, not shown)."""


COLUMNS = (
    Column("rank", "Rank", "count"),
    Column("trial", "Fit"),
    Column("execution", "Execution", "count"),
    Column("best_val_loss", "val_loss", "measure"),
    Column("best_val_rmse", "RMSE", "measure"),
    Column("best_val_accuracy", "Accuracy", "measure"),
    Column("outcome", "Outcome"),
    Column("codes", "Diagnosis"),
    Column("parameters", "Parameters", "count"),
    Column("learning_rate", "Rate", "measure"),
    Column("best_epoch", "Best epoch", "count"),
    Column("epochs", "Epochs", "count"),
    Column("seconds", "Seconds", "measure"),
    Column("phase", "Phase"),
    Column("round", "Round", "count"),
    Column("capacity", "Capacity", "hidden"),
    Column("run_id", "Run", "hidden"),
)


def fit_section(record: SweepRecord) -> Html | None:
    """Return the section of all fits: the table, the curves that are ticked, the way to MLflow."""
    if not len(record.fits):
        return None
    overlay = element(
        "figure",
        element("div", class_="plot", style="height:380px"),
        class_="overlay",
        id="overlay",
        hidden=True,
    )
    return element(
        "section",
        element("h2", "All fits"),
        _lead(record),
        overlay,
        fit_table(record, record.run_link if is_web(record.run_link) else ""),
        id="fits",
    )


def is_web(address: str) -> bool:
    """Return whether an address may stand behind a link: nothing but the web may."""
    return address.startswith(("http://", "https://"))


def _lead(record: SweepRecord) -> Html:
    """Say what the table can do, and how to see the same in MLflow."""
    link = str(record.summary.get("link") or "")
    charts = element("a", "charts in MLflow", href=link, target="_blank", rel="noreferrer")
    return element(
        "p",
        "Tick fits to lay their curves over each other; dotted is training loss. Names lead to the "
        "run in MLflow",
        *([", which also has these ", charts] if is_web(link) else []),
        *([". Open it with ", element("code", record.ui_command)] if record.ui_command else []),
        ".",
        class_="lead",
    )


def fit_table(record: SweepRecord, link: str) -> Html:
    """Return the table's frame and its data.

    Args:
        record: The sweep.
        link: Address of a run in the MLflow UI, without the run's id; empty for none.
    """
    fits = _prepared(record)
    columns = _columns(fits, record)
    block = {
        "columns": [
            {
                "key": column.key,
                "text": column.kind in {"text", "hidden"},
                "number": column.kind in {"count", "measure"},
                "digits": DIGITS if column.kind == "measure" else 0,
                "hidden": column.kind == "hidden",
            }
            for column in columns
        ],
        "rows": [list(row) for row in zip(*(_values(fits, one) for one in columns), strict=True)],
        "link": link,
        "metric": objective(record).metric,
        "champion": champion_entry(record).get("run_id"),
    }
    return join(
        [
            _tools(sorted(fits["outcome"].unique())),
            element("div", _table(columns), class_="scroll fits", tabindex="0"),
            element("button", "Show all", class_="more", id="fits-more", type="button"),
            json_block("fits-data", block),
            packed_block("curves", json.dumps(_curves(record), separators=(",", ":"))),
        ]
    )


def _prepared(record: SweepRecord) -> pd.DataFrame:
    fits = record.fits.copy()
    if "findings" in fits:
        fits["codes"] = [", ".join(found["code"] for found in one) for one in fits["findings"]]
    if "best_epoch" in fits:  # people count epochs from one; -1 means that there is none
        fits["best_epoch"] = (fits["best_epoch"] + 1).where(fits["best_epoch"] >= 0)
    return fits


def _columns(fits: pd.DataFrame, record: SweepRecord) -> list[Column]:
    columns = [column for column in COLUMNS if column.key in fits]
    metric = objective(record).metric
    if metric != "val_loss" and f"best_{metric}" in fits:
        columns.insert(3, Column(f"best_{metric}", metric, "measure"))
    varied = [name for name in NUISANCE if name in fits and is_varied(fits[name])]
    return columns + [Column(name, name.replace("_", " ").capitalize()) for name in varied]


def _values(fits: pd.DataFrame, column: Column) -> list[object]:
    """Return a column as JSON values; what is not finite becomes null."""
    if column.kind in {"text", "hidden"}:
        return ["" if pd.isna(value) else str(value) for value in fits[column.key]]
    numbers = pd.to_numeric(fits[column.key], errors="coerce")
    if column.kind == "count":
        return [int(value) if math.isfinite(value) else None for value in numbers]
    return [float(f"{value:.7g}") if math.isfinite(value) else None for value in numbers]


def _tools(outcomes: list[str]) -> Html:
    options = [element("option", "any outcome", value="")]
    options += [element("option", name, value=name) for name in outcomes]
    hint = "Filter: 2x64, grow, dead-units ..."
    return element(
        "div",
        element("input", type="search", id="fits-search", placeholder=hint, aria_label="filter"),
        element("select", *options, id="fits-outcome", aria_label="outcome"),
        element("output", id="fits-count"),
        class_="tools",
    )


def _table(columns: list[Column]) -> Html:
    heads = [element("th", element("span", "Curve"), class_="pick")]
    for column in columns:
        if column.kind != "hidden":
            number = "number" if column.kind in {"count", "measure"} else None
            button = element("button", column.heading, type="button")
            heads.append(element("th", button, data_key=column.key, class_=number))
    return element("table", element("thead", element("tr", *heads)), element("tbody"))


def _curves(record: SweepRecord) -> dict[str, dict[str, list[Any]]]:
    """Return the objective's and the training curve of every fit, thinned and rounded."""
    metric = objective(record).metric
    found: dict[str, dict[str, list[Any]]] = {}
    for run, curve in record.curves.items():
        if metric not in curve:
            continue
        step = max(1, -(-len(curve) // MOST_POINTS))
        thin = curve.iloc[::step]
        entry: dict[str, list[Any]] = {"epoch": [int(epoch) + 1 for epoch in thin["epoch"]]}
        entry["score"] = [_short(value) for value in thin[metric]]
        if "loss" in thin and metric == "val_loss":
            entry["loss"] = [_short(value) for value in thin["loss"]]
        found[run] = entry
    return found


def _short(value: float) -> float | None:
    return float(f"{value:.4g}") if math.isfinite(value) else None
