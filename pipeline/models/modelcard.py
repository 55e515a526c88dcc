"""The model card: what the champion is, on what it was tried, and what it must not be used for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.evaluation.baselines import BASELINES
from pipeline.evaluation.stand import stated
from pipeline.search.sentences import size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.data.dataset import Dataset

CARD = "model_card.md"

MOST_COLUMNS = 60
"""Columns listed one by one; a picture has hundreds."""


def model_card(dataset: Dataset, summary: Mapping[str, Any]) -> str:
    """Return the card as Markdown.

    Args:
        dataset: The prepared table.
        summary: `summary.json` so far.
    """
    champion = summary["champion"]
    task = (
        "a regression" if dataset.regression else f"a classification of {dataset.outputs} classes"
    )
    lines = [
        f"# {dataset.target} from {dataset.name}",
        "",
        (
            f"{_model(champion)} for `{dataset.target}`, {task}. "
            f"Found by sweep `{summary['sweep_run_id']}`."
        ),
        "",
        f"**Why this one.** {champion.get('reason') or 'It was chosen by the search.'}",
        "",
        "## How good it is",
        "",
        *_scores(champion, summary),
        "",
        "## What goes in and what comes out",
        "",
        (
            "One table with these columns, in any order, as they stood in the training data; other "
            "columns are ignored. Missing numbers are replaced by the median of the training rows, "
            "unknown categories are treated as rare ones. Rows are refused where more than 1 % of the "
            "values given in a column cannot be read."
        ),
        "",
        *_columns(dataset),
        "",
        *_outputs(dataset),
        "",
        "## What it was trained on",
        "",
        (
            f"{len(dataset.part('train')):,} rows, with {len(dataset.part('validation')):,} more to "
            f"choose between networks and {len(dataset.part('test')):,} that were used once, at the "
            f"end. Digest of the data and its split: `{dataset.digest}`."
        ),
        *_dropped(dataset),
        "",
        "## Limits",
        "",
        (
            "It knows the rows that it has seen: where new rows come from elsewhere, or later, its "
            "scores do not hold. Nothing was tested for fairness between groups of people."
        ),
    ]
    return "\n".join(lines) + "\n"


def _model(champion: Mapping[str, Any]) -> str:
    shape = champion.get("capacity") or f"{champion['layers']}x{champion['units']}"
    networks = champion["networks"]
    found = f"{size(champion)} (capacity {shape})"
    return f"A neural network with {found}" if networks == 1 else found[0].upper() + found[1:]


def _scores(champion: Mapping[str, Any], summary: Mapping[str, Any]) -> list[str]:
    """Return the table of scores, baselines beside the champion."""
    rows = [("validation loss", champion["val_loss"]), ("test loss", champion.get("test_loss"))]
    if champion["objective"] != "val_loss":
        rows.insert(0, (champion["objective"], champion["score"]))
    rows += [(f"test {name}", value) for name, value in champion.get("test_metrics", {}).items()]
    lines = ["| score | value |", "|---|---|"]
    lines += [f"| {name} | {value:.6g} |" for name, value in rows if value is not None]
    for name, scores in summary.get("baselines", {}).items():
        if name in BASELINES and scores.get("test_loss") is not None:
            lines.append(f"| test loss of baseline {name} | {scores['test_loss']:.6g} |")
    return [*lines, "", stated(summary)]


def _columns(dataset: Dataset) -> list[str]:
    used = [column for column in dataset.columns if column.used]
    lines = ["| column | read as |", "|---|---|"]
    lines += [f"| {_cell(column.name)} | {column.kind} |" for column in used[:MOST_COLUMNS]]
    if len(used) > MOST_COLUMNS:
        lines.append(f"| ... and {len(used) - MOST_COLUMNS} more | |")
    return lines


def _outputs(dataset: Dataset) -> list[str]:
    if dataset.classes is None:
        return ["`prediction`: the target in its own unit."]
    shown = ", ".join(f"`{_cell(str(label))}`" for label in dataset.classes[:20])
    return [
        (
            f"`prediction`: one of {shown}{', ...' if dataset.outputs > 20 else ''}; and "  # noqa: PLR2004
            "`probability_<class>` for each class."
        )
    ]


def _dropped(dataset: Dataset) -> list[str]:
    if not dataset.dropped:
        return []
    shown = "; ".join(f"`{_cell(name)}` ({reason})" for name, reason in dataset.dropped[:20])
    return ["", f"Left out: {shown}."]


def _cell(text: str) -> str:
    """Return text that cannot end a table cell or a line."""
    return " ".join(text.split()).replace("|", "\\|").replace("`", "'")
