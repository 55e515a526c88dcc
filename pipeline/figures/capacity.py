"""Capacity against loss: the path of grow and shrink, what is within one error, the choice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core import language
from pipeline.figures import palette
from pipeline.figures.scale import is_outside, view
from pipeline.figures.tables import groups, lowest, rows
from pipeline.figures.trials import capacities, leader, objective, role

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    import plotly.graph_objects as go

    from pipeline.ledger.read import SweepRecord

ACCEPTED = frozenset({"start", "better", "smaller", "chosen"})
"""Verdicts after which the search stood at that capacity."""
MOST_LABELS = 24
"""Capacities named along the axis; of more, every second, third, ... is."""
NOTHING_USABLE = "No trial was usable: there is no loss to draw."


def capacity_against_loss(record: SweepRecord) -> go.Figure:
    """Draw the best loss of each capacity in order of size, the search's path and its choice."""
    title = "Capacity against loss"
    table = capacities(record)
    if table.empty:
        return palette.empty(title, NOTHING_USABLE)
    table = table.assign(place=range(len(table)))
    limits = view(table["score"], table["loss"])
    figure = palette.blank(title, 460)
    _best_line(figure, table)
    _path(figure, record, table)
    _points(figure, table, blocks="blocks" in record.fits)
    _champion(figure, record, table)
    _beyond(figure, table, limits)
    step = -(-len(table) // MOST_LABELS)
    figure.update_xaxes(
        title_text="capacity and its parameters, smallest first",
        tickvals=table["place"][::step],
        ticktext=[
            f"{palette.plain(row.capacity)}<br>{language.count(row.parameters)}"
            for row in rows(table[::step])
        ],
        range=[-0.6, len(table) - 0.4],
        showgrid=False,
    )
    return figure.update_yaxes(title_text=objective(record).metric, range=limits)


def path(record: SweepRecord) -> list[str]:
    """Return the capacities at which the search stood, in its order, without repeats in a row."""
    steps: list[str] = []
    for decision in record.decisions:
        name = str(decision["capacity"])
        if decision["verdict"] in ACCEPTED and steps[-1:] != [name]:
            steps.append(name)
    return steps


def _best_line(figure: go.Figure, table: pd.DataFrame) -> None:
    """Draw the best score across the picture: a bar that reaches it is within one standard error."""
    best = lowest(table, "loss")
    figure.add_hline(y=best.score, line={"color": palette.CHAMPION, "width": 1, "dash": "dash"})
    figure.add_annotation(
        text=f"best score: {palette.plain(best.capacity)}",
        x=0,
        xref="paper",
        xanchor="left",
        xshift=4,
        y=best.score,
        yanchor="bottom",
        showarrow=False,
        font={"size": 11, "color": palette.CHAMPION},
        name="roomy",  # left out on a phone, where it would lie on the points
    )


def _points(figure: go.Figure, table: pd.DataFrame, *, blocks: bool) -> None:
    """One marker a capacity, coloured by depth, with its error bar."""
    for layers, group in groups(table.sort_values("layers"), "layers"):
        colour = palette.depth_colour(layers)
        figure.add_scatter(
            x=group["place"],
            y=group["score"],
            mode="markers",
            name=palette.depth(layers, blocks=blocks),
            marker={"size": 12, "color": colour, "line": {"width": 1.5, "color": palette.PAPER}},
            error_y={
                "type": "data",
                "array": group["gap_se"].fillna(0),
                "color": palette.fade(colour, 0.7),
                "thickness": 1.5,
                "width": 0,
            },
            customdata=_details(group),
            hovertemplate=(
                "<b>%{customdata[0]}</b>, %{customdata[1]} parameters<br>"
                "%{customdata[2]} at learning rate %{customdata[3]}<br>"
                "%{customdata[4]}<br>%{customdata[5]}<extra></extra>"
            ),
        )


def _details(group: pd.DataFrame) -> list[list[str]]:
    return [
        [
            palette.plain(row.capacity),
            language.count(row.parameters),
            language.with_error(row.score, row.se),
            language.rate(row.learning_rate),
            language.plural(int(row.executions), "execution"),
            f"behind the best by {language.with_error(row.gap, row.gap_se)}"
            if row.gap
            else "the best",
        ]
        for row in rows(group)
    ]


def _path(figure: go.Figure, record: SweepRecord, table: pd.DataFrame) -> None:
    """Join the accepted capacities by arrows; dotted lines lead to what was tried in between."""
    where = table.set_index("capacity")[["place", "score"]]
    stood: str | None = None
    tried: list[tuple[float | None, float | None]] = []
    walked: list[tuple[float, float]] = []
    for decision in record.decisions:
        name, accepted = str(decision["capacity"]), decision["verdict"] in ACCEPTED
        if name not in where.index or name == stood:
            continue
        if accepted:
            walked.append(tuple(where.loc[name]))
            stood = name
        elif stood is not None:
            tried += [tuple(where.loc[stood]), tuple(where.loc[name]), (None, None)]
    if tried:
        line = {"color": palette.FAINT, "width": 1.2, "dash": "dot"}
        _lines(figure, tried, "tried, not taken", {"mode": "lines", "line": line})
    if len(walked) > 1:
        colour = palette.fade(palette.INK, 0.6)
        arrows = {"symbol": "arrow", "angleref": "previous", "size": 11, "standoff": 9}
        look = {
            "mode": "lines+markers",
            "line": {"color": colour, "width": 1.8},
            "marker": {**arrows, "color": colour},
        }
        _lines(figure, walked, "the search's path", look)


def _lines(
    figure: go.Figure,
    points: list[tuple[float | None, float | None]] | list[tuple[float, float]],
    name: str,
    look: Mapping[str, object],
) -> None:
    x, y = zip(*points, strict=True)
    figure.add_scatter(x=list(x), y=list(y), name=name, hoverinfo="skip", **look)


def _champion(figure: go.Figure, record: SweepRecord, table: pd.DataFrame) -> None:
    chosen = leader(record)
    own = table[table["capacity"] == (None if chosen is None else chosen["capacity"])]
    if chosen is None or own.empty:
        return
    figure.add_scatter(
        x=own["place"],
        y=[chosen["score"]],
        mode="markers",
        name=f"{role(record)} {palette.plain(chosen['capacity'])}",
        marker=ring(),
        hoverinfo="skip",
    )


def ring() -> dict[str, object]:
    """Return the look of the champion's mark: a ring around its point."""
    return {
        "size": 22,
        "color": palette.fade(palette.PAPER, 0),
        "line": {"width": 3, "color": palette.CHAMPION},
    }


def _beyond(figure: go.Figure, table: pd.DataFrame, limits: tuple[float, float] | None) -> None:
    """Name the capacities whose score lies beyond the picture, at the edge where they would be."""
    for row in rows(table):
        if limits is None or not is_outside(row.score, limits):
            continue
        above = row.score > limits[1]
        figure.add_annotation(
            x=row.place,
            xanchor="left" if row.place == 0 else "center",
            xshift=-10 if row.place == 0 else 0,
            y=1 if above else 0,
            yref="paper",
            yanchor="top" if above else "bottom",
            text=f"↑ {language.number(row.score)}" if above else f"↓ {language.number(row.score)}",
            showarrow=False,
            font={"size": 11, "color": palette.MUTED},
        )
