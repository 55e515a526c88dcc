"""Markdown on a champion: the model card in the artefact, and the note of its sweep in MLflow."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.core import language
from pipeline.data.dataset import Dataset
from pipeline.evaluation.baselines import BASELINES
from pipeline.evaluation.stand import stated
from pipeline.search.sentences import size

if TYPE_CHECKING:
    from jinja2 import Environment

CARD = "model_card.md"
NOTE_TAG = "mlflow.note.content"
"""Where MLflow keeps a run's description."""

MOST_COLUMNS = 60
"""Columns listed one by one; a picture has hundreds."""
MOST_DECISIONS = 30
LONGEST = 7900
"""Characters of a note: MLflow cuts a tag at 8,000."""


def model_card(dataset: Dataset, summary: Mapping[str, Any]) -> str:
    """Return the model card: data, scores and limits of use."""
    champion = summary["champion"]
    scores = [("validation loss", champion["val_loss"]), ("test loss", champion.get("test_loss"))]
    if champion["objective"] != "val_loss":
        scores.insert(0, (champion["objective"], champion["score"]))
    scores += [(f"test {name}", value) for name, value in champion.get("test_metrics", {}).items()]
    scores += [
        (f"test loss of baseline {name}", values.get("test_loss"))
        for name, values in summary.get("baselines", {}).items()
        if name in BASELINES
    ]
    return (
        _templates()
        .get_template(CARD)
        .render(
            dataset=dataset,
            summary=summary,
            champion=champion,
            model=_model(champion),
            scores=[(name, value) for name, value in scores if value is not None],
            stated=stated(summary),
            columns=dataset.used,
            most=MOST_COLUMNS,
        )
    )


def _model(champion: Mapping[str, Any]) -> str:
    shape = champion.get("capacity") or f"{champion['layers']}x{champion['units']}"
    what = f"{size(champion)} (capacity {shape})"
    if champion["networks"] == 1:
        return f"A neural network with {what}"
    return what[0].upper() + what[1:]


def sweep_note(summary: Mapping[str, Any], table: str | None = None) -> str:
    """Return the description of a sweep that has a champion; `table` links the prepared table of all fits."""
    champion = summary["champion"]
    columns = summary.get("data", {}).get("columns", [])
    template = _templates().get_template("note.md")
    said = template.render(
        summary=summary,
        champion=champion,
        careful=[str(column["note"]) for column in columns if column["attention"] == "severe"],
        metric=champion["objective"].replace("val_loss", "validation loss"),
        model=size(champion),
        beside=[
            (name.replace("_", " "), scores["test_loss"])
            for name, scores in summary.get("baselines", {}).items()
            if scores.get("test_loss") is not None
        ],
        stated=stated(summary),
        decisions=summary["decisions"][-MOST_DECISIONS:],
        table=table,
    )
    return said.rstrip()[:LONGEST]


@functools.cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("pipeline.models", "templates"),
        autoescape=False,  # noqa: S701 - Markdown; `cell` keeps names from the data in their cells
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"cell": _cell, "trial": language.trial}
    return environment


def _cell(text: str) -> str:
    """Return text that cannot end a table cell or a line."""
    return " ".join(text.split()).replace("|", "\\|").replace("`", "'")
