"""Capacity against loss: the path of grow and shrink, what is within one standard error, the choice."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from pipeline.config.choices import Prefer
from pipeline.core import language
from pipeline.figures import palette
from pipeline.figures.tables import is_outside, lowest, rows, view
from pipeline.figures.trials import capacities, leader, objective, role, rule
from pipeline.ledger.read import SweepRecord
from pipeline.search.sentences import within

ACCEPTED = frozenset({"start", "better", "smaller", "chosen"})
"""Verdicts of a step that paid, of the start and of the choice."""
MOST_LABELS = 24
"""Capacities named along an axis; of more, every second, third, ... is."""
MOST_TICKS = 7
THOUSAND = 1000
NOTHING_USABLE = "No trial was usable: there is no loss to draw."


def draw(record: SweepRecord) -> palette.Drawing:
    """Draw the best loss of each capacity in order of size, the search's path and its choice.

    The caption explains the band and the rule of choice.
    """
    title = "Capacity against loss"
    table = capacities(record)
    if table.empty:
        return palette.empty(title, NOTHING_USABLE)
    figure = palette.blank(title, 400)
    best, chosen = lowest(table, "loss"), leader(record)
    # A mean over fewer executions is not compared with a mean over others: what both have is.
    heights = best.score + objective(record).sign * table["gap"].fillna(0)
    table = table.assign(place=range(len(table)), height=heights)
    _band(figure, record, table, best)
    limits = view(table["height"], table["loss"])
    walked = path(record)
    where = table.set_index("capacity")[["place", "height"]]
    _walk(figure, where.loc[[name for name in walked if name in where.index]])
    stood = table["capacity"].isin([*walked, chosen["capacity"]])
    for filled, group in ((True, table[stood]), (False, table[~stood])):
        _points(figure, group, filled=filled)
    own = table[table["capacity"] == chosen["capacity"]]
    palette.dots(figure, own["place"], own["height"], "", 22, marker=palette.ring())
    step = -(-len(table) // MOST_LABELS)
    called = {best.capacity: "best score", chosen["capacity"]: role(record)}
    for row in rows(table):
        below = row.capacity == best.capacity and objective(record).sign > 0
        if row.capacity in called or row.place % step == 0 or is_outside(row.height, limits):
            _label(figure, row, called.get(row.capacity, ""), limits, below=below)
    figure.update_xaxes(
        title_text="trainable parameters, smallest network first",
        tickvals=table["place"][::step].tolist(),
        ticktext=[short(size) for size in table["parameters"][::step]],
        range=[-0.6, len(table) - 0.4],
        showgrid=False,
    )
    figure.update_layout(showlegend=False)
    low, high = limits or _room(figure)
    figure.update_yaxes(title_text=objective(record).metric, range=(low, high), **ticks(high - low))
    choice = rule(record)
    allowed = within(choice.one_se)
    chooses = ": the smallest such network is chosen" if choice.prefer is Prefer.smallest else ""
    return figure, (
        "Each network stands as far from the best (dashed) as it does on the seeds and rows that both have; "
        f"inside its shaded bar it is {allowed} of it{chooses}. Filled: a step that paid, or the choice; "
        "hollow: tried."
    )


def path(record: SweepRecord) -> list[str]:
    """Return the start, the steps that paid and the choice, in their order, without repeats in a row."""
    steps: list[str] = []
    for decision in record.decisions:
        name = str(decision["capacity"])
        if decision["verdict"] in ACCEPTED and steps[-1:] != [name]:
            steps.append(name)
    return steps


def ticks(span: float) -> dict[str, Any]:
    """Return at most MOST_TICKS ticks for such a span, all with as many decimals as they need."""
    power = math.floor(math.log10(span / MOST_TICKS))
    step = next(m * 10.0**power for m in (1, 2, 5, 10) if span <= MOST_TICKS * m * 10.0**power)
    return {"dtick": step, "tickformat": f",.{max(0, -math.floor(math.log10(step)))}f"}


def short(size: float) -> str:
    """Write a number of parameters for an axis: 705, 18k, 1.2M."""
    for unit, value in (("M", THOUSAND**2), ("k", THOUSAND)):
        if size >= value:
            return f"{size / value:.3g}{unit}" if size < 10 * value else f"{size / value:.0f}{unit}"
    return f"{size:.0f}"


def _band(figure: go.Figure, record: SweepRecord, table: pd.DataFrame, best: Any) -> None:
    """Shade, at each capacity, what is within the allowed standard errors of the best."""
    allowed = rule(record).one_se
    reach = objective(record).sign * allowed * table["gap_se"].fillna(0)
    figure.add_bar(
        x=table["place"],
        y=reach,
        base=best.score,
        width=0.86,
        name=within(allowed),
        marker={"color": palette.fade(palette.CHAMPION, 0.13), "line": {"width": 0}},
        hoverinfo="skip",
    )
    figure.add_hline(y=best.score, line={"color": palette.CHAMPION, "width": 1, "dash": "dash"})


def _room(figure: go.Figure) -> tuple[float, float]:
    """Return a range that holds band, points and the names above and below them."""
    (band, *points) = figure.data
    ends = [*(band.base + band.y), *(height for trace in points for height in trace.y)]
    room = 0.12 * ((max(ends) - min(ends)) or 1.0)
    return min(ends) - room, max(ends) + room


def _walk(figure: go.Figure, walked: pd.DataFrame) -> None:
    """Join the accepted capacities by arrows."""
    colour = palette.fade(palette.INK, 0.3)  # names stand on it
    arrows = {"symbol": "arrow", "angleref": "previous", "standoff": 9}
    look = {"line": {"color": colour, "width": 1.6}, "mode": "lines+markers", "marker": arrows}
    if len(walked) > 1:
        name = "the search's path"
        palette.dots(figure, walked["place"], walked["height"], colour, 11, name=name, **look)


def _points(figure: go.Figure, group: pd.DataFrame, *, filled: bool) -> None:
    """Mark each capacity by its depth's colour: filled where the search went on from it."""
    colours = [palette.depth_colour(layers) for layers in group["layers"]]
    edge = {"width": 1.5, "color": palette.PAPER} if filled else {"width": 2, "color": colours}
    palette.dots(
        figure,
        group["place"],
        group["height"],
        colours if filled else palette.PAPER,
        12 if filled else 9,
        marker={"line": edge},
        customdata=[
            [
                palette.plain(row.capacity),
                language.count(row.parameters),
                language.with_error(row.score, row.se),
                language.rate(row.learning_rate),
                language.plural(int(row.executions), "execution"),
                row.note,
            ]
            for row in rows(group)
        ],
        hovertemplate=(
            "<b>%{customdata[0]}</b>, %{customdata[1]} parameters<br>"
            "%{customdata[2]} at learning rate %{customdata[3]}<br>"
            "%{customdata[4]}<br>%{customdata[5]}<extra></extra>"
        ),
    )


def _label(
    figure: go.Figure, row: Any, called: str, limits: tuple[float, float] | None, *, below: bool
) -> None:
    """Name a capacity at its point, or at the edge of the picture beyond which its score lies."""
    name = palette.plain(row.capacity)
    text = f"<b>{name}</b>, {called}" if called else name
    where: dict[str, Any] = {"y": row.height, "yshift": -17 if below else 17}
    if limits is not None and is_outside(row.height, limits):
        above = row.height > limits[1]
        text += f" {'↑' if above else '↓'} {language.number(row.height)}"
        where = {"y": 1 if above else 0, "yref": "paper", "yanchor": "top" if above else "bottom"}
    if row.place == 0 and len(text) > len(name):  # longer than the space to its left
        where |= {"xanchor": "left", "xshift": -8}
    figure.add_annotation(
        x=row.place,
        text=text,
        font={"size": 11, "color": palette.CHAMPION if called else palette.MUTED},
        name=None if called else "roomy",  # left out on a phone, where they would overlap
        **where,
    )
