"""The champion beside models that need no search: constant, linear, gradient boosting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from pipeline.core import language
from pipeline.figures import palette
from pipeline.figures.tables import rows
from pipeline.figures.trials import champion_entry

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from pipeline.ledger.read import SweepRecord

CHAMPION = "champion"
NAMES = {
    "single": "its median execution",
    "ensemble": "average of its executions",
    "greedy": "average of selected fits",
    "gradient_boosting": "gradient boosting",
}
"""How models that are no baselines, or have two words, are called in the figure."""
OWN = frozenset({CHAMPION, NAMES["single"], NAMES["ensemble"], NAMES["greedy"]})
"""Networks of the chosen trial."""


def baseline_scores(record: SweepRecord) -> pd.DataFrame:
    """Return loss and its standard error of the champion and everything beside it, best first.

    Columns: model, part (`test`, or `validation` where nothing was tested), loss, se.
    """
    entry = champion_entry(record)
    tested = language.finite(entry.get("test_loss")) is not None
    part, prefix = ("test", "test") if tested else ("validation", "val")
    found = []
    if entry:
        found.append((CHAMPION, entry.get(f"{prefix}_loss"), entry.get(f"{prefix}_loss_se")))
    for name, scores in dict(record.summary.get("baselines") or {}).items():
        if name != entry.get("kind", "single"):
            loss, error = scores.get(f"{prefix}_loss"), scores.get(f"{prefix}_loss_se")
            share = language.finite(scores.get("iterations_share"))
            part_of = f" ({language.percent(share)} of its iterations)" if share else ""
            found.append((f"{NAMES.get(name, str(name))}{part_of}", loss, error))
    table = pd.DataFrame(
        [
            {
                "model": name,
                "part": part,
                "loss": language.finite(loss),
                "se": language.finite(error),
            }
            for name, loss, error in found
            if language.finite(loss) is not None
        ],
        columns=["model", "part", "loss", "se"],
    )
    return table.astype({"loss": float, "se": float}).sort_values("loss", ignore_index=True)


def baselines(record: SweepRecord) -> go.Figure:
    """Draw the loss of champion and baselines, one line each, best on top."""
    table = baseline_scores(record)
    title = "Beside simpler models"
    if table.empty:
        return palette.empty(title, "This sweep ended before anything was tested.")
    table = table[::-1]
    figure = palette.blank(title, 400)
    colours = [palette.CHAMPION if name in OWN else palette.DEPTHS[2] for name in table["model"]]
    figure.add_scatter(
        x=table["loss"],
        y=[palette.plain(name) for name in table["model"]],
        mode="markers+text",
        marker={"size": 13, "color": colours},
        error_x={
            "type": "data",
            "array": table["se"].fillna(0),
            "color": palette.FAINT,
            "thickness": 2,
            "width": 0,
        },
        text=[language.with_error(row.loss, row.se) for row in rows(table)],
        textposition=_positions(table["loss"]),
        textfont={"size": 11, "color": palette.MUTED},
        hoverinfo="skip",
        cliponaxis=False,
        showlegend=False,
    )
    figure.update_xaxes(
        title_text=f"{table['part'].iloc[0]} loss, lower is better",
        range=_range(table),
    )
    return figure.update_yaxes(
        showgrid=True, tickfont={"color": palette.INK, "size": 13}, range=[-0.5, len(table) - 0.3]
    )


def _positions(losses: pd.Series) -> list[str]:
    """Return where each figure is written: that of the highest ends at its point, inside the plot."""
    highest = losses.max()
    return ["top left" if loss == highest else "top center" for loss in losses]


def _range(table: pd.DataFrame) -> tuple[float, float]:
    """Return a range that holds every bar, and the figures written over the outermost points."""
    errors = table["se"].fillna(0)
    low, high = float((table["loss"] - errors).min()), float((table["loss"] + errors).max())
    margin = 0.14 * ((high - low) or 1.0)
    return low - margin, high + margin
