"""What a sweep found, in Markdown: the description of its parent run in MLflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.evaluation.stand import stated
from pipeline.search.sentences import size

if TYPE_CHECKING:
    from collections.abc import Mapping

NOTE_TAG = "mlflow.note.content"
"""Where MLflow keeps a run's description."""

MOST_DECISIONS = 30
LONGEST = 7900
"""Characters: MLflow cuts a tag at 8,000."""


def sweep_note(summary: Mapping[str, Any], table: str | None = None) -> str:
    """Return the description of a sweep that has a champion.

    Args:
        summary: `summary.json`.
        table: Link to the prepared table of all fits.
    """
    champion = summary["champion"]
    tested = champion.get("test_loss")
    metric = champion["objective"].replace("val_loss", "validation loss")
    scores = f"{metric} {champion['score']:.4g} (SE {champion['score_se']:.2g})"
    if tested is not None:
        scores += f", test loss {tested:.4g} on rows that nothing had seen"
    model = size(champion)
    columns = summary.get("data", {}).get("columns", [])
    severe = [str(column["note"]) for column in columns if column["attention"] == "severe"]
    lines = [
        *(f"**Careful:** {note}\n" for note in severe),
        f"**Champion: {champion['trial']}**, {model}; {scores}.",
        "",
        str(champion.get("reason") or ""),
        "",
        f"{summary['fits']} fits of {summary['trials']} trials in {summary['seconds']:.0f} s"
        + (f"; {summary['not_tried']}." if summary.get("not_tried") else "."),
        "",
        *_baselines(summary.get("baselines", {})),
        *([said, ""] if (said := stated(summary)) else []),
        "**How it was found**",
        "",
        *[f"1. {decision['reason']}" for decision in summary["decisions"][-MOST_DECISIONS:]],
    ]
    if summary.get("link"):
        lines += ["", f"[Curves and charts of all fits]({summary['link']})"]
    if table:
        lines += ["", f"[All fits as a table, the champion first]({table})"]
    return "\n".join(lines)[:LONGEST]


def _baselines(baselines: Mapping[str, Mapping[str, float]]) -> list[str]:
    rows = [
        f"| {name.replace('_', ' ')} | {scores['test_loss']:.4g} |"
        for name, scores in baselines.items()
        if scores.get("test_loss") is not None
    ]
    return ["| model | test loss |", "|---|---|", *rows, ""] if rows else []
