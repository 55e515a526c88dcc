"""The champion beside models that need no search: constant, linear, gradient boosting."""

from __future__ import annotations

import pandas as pd

from pipeline.core import language
from pipeline.evaluation.stand import out_of_time
from pipeline.figures import palette
from pipeline.figures.tables import rows
from pipeline.figures.trials import champion_entry
from pipeline.ledger.read import SweepRecord

CHAMPION = "champion"
NAMES = {
    "single": "its median execution",
    "ensemble": "average of its executions",
    "greedy": "average of selected fits",
    "gradient_boosting": "gradient boosting",
}
"""Names in the figure of models whose key in the summary is not shown as it is."""
OWN = frozenset({CHAMPION, NAMES["single"], NAMES["ensemble"], NAMES["greedy"]})
"""Networks of the chosen trial."""


def baseline_scores(record: SweepRecord) -> pd.DataFrame:
    """Return loss and its standard error of the champion and everything beside it, best first.

    Columns: model, part (`test`, or `validation` where nothing was tested), loss, se.
    """
    entry = champion_entry(record)
    tested = language.finite(entry.get("test_loss")) is not None
    part, prefix = ("test", "test") if tested else ("validation", "val")
    scored = [(CHAMPION, entry)] if entry else []
    for name, scores in dict(record.summary.get("baselines") or {}).items():
        if name != entry.get("kind", "single"):
            scored.append((NAMES.get(name, str(name)), scores))
    table = pd.DataFrame(
        [
            (name, part, loss, language.finite(scores.get(f"{prefix}_loss_se")))
            for name, scores in scored
            if (loss := language.finite(scores.get(f"{prefix}_loss"))) is not None
        ],
        columns=["model", "part", "loss", "se"],
    )
    return table.astype({"loss": float, "se": float}).sort_values("loss", ignore_index=True)


def draw(record: SweepRecord) -> palette.Drawing:
    """Draw the loss of champion and baselines, one line each, best on top; the caption names the lowest."""
    table = baseline_scores(record)
    title = "Beside simpler models"
    if table.empty:
        return palette.empty(title, "This sweep ended before anything was tested.")
    first, part, late = table["model"].iloc[0], table["part"].iloc[0], out_of_time(record.summary)
    table = table[::-1]
    figure = palette.blank(title, 120 + 40 * len(table))
    highest = table["loss"].max()
    palette.dots(
        figure,
        table["loss"],
        [palette.plain(name) for name in table["model"]],
        [palette.CHAMPION if name in OWN else palette.DEPTHS[2] for name in table["model"]],
        13,
        mode="markers+text",
        error_x=table["se"].fillna(0),
        text=[language.with_error(row.loss, row.se) for row in rows(table)],
        textposition=["top left" if loss == highest else "top center" for loss in table["loss"]],
        textfont={"size": 11, "color": palette.MUTED},
        cliponaxis=False,
    )
    errors = table["se"].fillna(0)
    low, high = float((table["loss"] - errors).min()), float((table["loss"] + errors).max())
    margin = 0.14 * ((high - low) or 1.0)  # holds the figures over the outermost points
    figure.update_xaxes(
        title_text=f"{part} loss, lower is better", range=[low - margin, high + margin]
    )
    figure.update_yaxes(tickfont={"color": palette.INK, "size": 13}, range=[-0.5, len(table) - 0.3])
    won = "The champion" if first == CHAMPION else f"{first[:1].upper()}{first[1:]}"
    late = "" if first in late else late  # it won all the same
    return figure, (
        f"{won} has the lowest loss on the {part} rows{late}. Bars are one standard error of each by itself; "
        "whether two differ is said above, from the rows they share."
    )
