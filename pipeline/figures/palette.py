"""The colours and type of every plot and of the page: one meaning per colour, light and dark.

Plots are made in the light colours, so that they also look right in a notebook; the page exchanges
each light colour for its dark twin when the reader's system is dark.
"""

from __future__ import annotations

import html
from typing import Any

import plotly.graph_objects as go

Figure = go.Figure
"""Type of a figure, for rooms that do not import Plotly."""

Drawing = tuple[go.Figure, str]
"""What every figure function returns: the figure and its caption."""

SANS = "Inter, ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"

PAPER = "#ffffff"
INK = "#211f1c"
MUTED = "#69645c"
FAINT = "#a8a299"
GRID = "#ebe7e0"
CHAMPION = "#c2410c"
SMALLER = "#0f766e"
LARGER = "#4c46a6"
BAD = "#b42318"
DEPTHS = ("#b4c2ce", "#85abca", "#4a86b8", "#1f5f96", "#0c3a63")
"""By number of hidden layers: the deeper the network, the deeper the blue."""
SERIES = (CHAMPION, SMALLER, LARGER, *DEPTHS[:0:-1])
"""Colours of series without a meaning of their own."""

LONGEST = 40
"""Characters of a name in a plot."""
DARK = {
    PAPER: "#1b1a18",
    INK: "#eeebe5",
    MUTED: "#aaa499",
    FAINT: "#7b756c",
    GRID: "#302d29",
    CHAMPION: "#ff9a52",
    SMALLER: "#3fc9b6",
    LARGER: "#aaa4f7",
    BAD: "#f97066",
    DEPTHS[0]: "#55636e",
    DEPTHS[1]: "#55809f",
    DEPTHS[2]: "#5fa2d3",
    DEPTHS[3]: "#93c7f0",
    DEPTHS[4]: "#d3eafc",
}
"""Light colour to its twin on a dark page."""


def depth_colour(layers: int) -> str:
    """Return the colour of a network with this many hidden layers (or blocks)."""
    return DEPTHS[min(max(int(layers), 0), len(DEPTHS) - 1)]


def fade(colour: str, opacity: float) -> str:
    """Return a colour of this palette, see-through; the page recolours these too."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"


def _axis() -> dict[str, object]:
    return {
        "gridcolor": GRID,
        "zeroline": False,
        "showline": False,
        "ticks": "",
        "tickangle": 0,
        "tickfont": {"color": MUTED, "size": 12},
        "title": {"font": {"color": MUTED, "size": 12}, "standoff": 10},
        "automargin": True,
    }


TEMPLATE = go.layout.Template(
    layout={
        "font": {"family": SANS, "size": 13, "color": INK},
        "paper_bgcolor": PAPER,
        "plot_bgcolor": PAPER,
        "colorway": list(SERIES),
        "margin": {"l": 64, "r": 20, "t": 56, "b": 52},
        "xaxis": _axis(),
        "yaxis": _axis(),
        "title": {"font": {"size": 16}, "x": 0, "xref": "paper", "xanchor": "left"},
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "yanchor": "bottom",
            "font": {"color": MUTED, "size": 12},
            "bgcolor": fade(PAPER, 0),
        },
        "hoverlabel": {
            "bgcolor": INK,
            "bordercolor": INK,
            "font": {"color": PAPER, "family": SANS, "size": 12},
            "align": "left",
        },
        "hovermode": "closest",
        "dragmode": False,
        "annotationdefaults": {"showarrow": False, "font": {"size": 11, "color": MUTED}},
    },
)


def blank(title: str, height: int = 330) -> go.Figure:
    """Return an empty figure in the house style."""
    return go.Figure(layout={"template": TEMPLATE, "title": {"text": title}, "height": height})


def empty(title: str, why: str) -> Drawing:
    """Return a figure without data that says why there is nothing to draw, and the reason as caption."""
    figure = blank(title, 160)
    figure.add_annotation(text=why, x=0.5, y=0.5, xref="paper", yref="paper")
    return figure.update_xaxes(visible=False).update_yaxes(visible=False), why


def line(figure: go.Figure, x: Any, y: Any, colour: str, width: float = 2.2, **more: Any) -> None:
    """Add a line; it has hover texts only with `hovertemplate`, a legend entry only with `name`."""
    look = {"color": colour, "width": width, "dash": more.pop("dash", None)}
    figure.add_scatter(x=x, y=y, line=look, **_quiet({"mode": "lines", **more}))


def dots(figure: go.Figure, x: Any, y: Any, colour: Any, size: Any = 9, **more: Any) -> None:
    """Add markers; `marker` overrides their look, `error_x` and `error_y` add error bars; else as `line`."""
    marker = {"size": size, "color": colour, **more.pop("marker", {})}
    for axis in ("x", "y"):
        if (array := more.pop(f"error_{axis}", None)) is not None:
            faint = colour if isinstance(colour, str) else FAINT
            bar = {"type": "data", "array": array, "width": 0, "thickness": 1.8}
            more[f"error_{axis}"] = bar | {"color": fade(faint, 0.6)}
    figure.add_scatter(x=x, y=y, marker=marker, **_quiet({"mode": "markers", **more}))


def _quiet(more: dict[str, Any]) -> dict[str, Any]:
    more.setdefault("showlegend", "name" in more)
    return more if "hovertemplate" in more else {"hoverinfo": "skip", **more}


def ring(colour: str = CHAMPION) -> dict[str, object]:
    """Return the `marker` of `dots` that draws a ring around a chosen point."""
    return {"color": fade(PAPER, 0), "line": {"width": 3, "color": colour}}


def plain(text: object) -> str:
    """Return text for a label: escaped for Plotly's HTML, cut to LONGEST characters."""
    label = str(text)
    label = label if len(label) <= LONGEST else f"{label[:LONGEST]}…"
    return html.escape(label, quote=False)
