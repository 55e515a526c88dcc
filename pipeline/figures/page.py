"""The report: one HTML file that needs nothing else, opens at once and prints.

The plotting library travels inside, gzipped; the browser unpacks it after the words are painted. A
content security policy lets nothing be loaded from anywhere, whatever stands in the data.
"""

from __future__ import annotations

import functools
import hashlib
from importlib import resources
from typing import TYPE_CHECKING

from plotly.offline import get_plotlyjs

from pipeline.figures import palette, sections
from pipeline.figures.columns import columns
from pipeline.figures.fittable import fit_section
from pipeline.figures.html import Html, element, join, json_block, packed_block, raw
from pipeline.figures.plots import draw
from pipeline.figures.verdict import headline, name

if TYPE_CHECKING:
    from pipeline.ledger.read import SweepRecord

GROUPS = (
    (
        "search",
        "What the search saw",
        ("curves", "training", "fitting", "rates", "pareto", "importance"),
    ),
    (
        "champion",
        "What the champion does",
        ("predictions", "confusion", "calibration", "baselines", "images"),
    ),
)
"""Sections of plots: anchor, heading and the plots in them."""
HEROES = ("capacity", "curves")
"""The figure below the answer: the first of these that there is."""
NAVIGATION = {
    "verdict": "Verdict",
    "search": "Search",
    "champion": "Champion",
    "decisions": "Decisions",
    "diagnosis": "Diagnosis",
    "columns": "Columns",
    "fits": "All fits",
    "reproduce": "Reproduce",
    "results": "Results",
    "figures": "Figures",
    "settings": "Settings",
}


def page(record: SweepRecord) -> str:
    """Return the report of a sweep: whole, killed, without a usable trial, or with a single one."""
    drawn = draw(record)
    parts = [sections.header(record)]
    first = next((drawn.pop(name) for name in HEROES if name in drawn), None)
    if first is not None:
        parts.append(element("div", sections.plot_box(first, wide=True), class_="hero"))
    parts.append(sections.verdict(record))
    for anchor, heading, names in GROUPS:
        own = [drawn[name] for name in names if name in drawn]
        parts += [sections.plot_grid(anchor, heading, own)] if own else []
    for section in (
        sections.decisions(record),
        sections.diagnosis(record),
        columns(record),
        fit_section(record),
    ):
        parts += [section] if section is not None else []
    parts.append(sections.reproduce(record))
    title = f"{name(record)}: {headline(record)}"
    return document(title, parts)


def document(title: str, parts: list[Html]) -> str:
    """Return a whole page around its parts; sections with a name in NAVIGATION get a link."""
    body = join(parts)
    nonce = hashlib.sha256(body.encode()).hexdigest()[:20]
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; "
        f"form-action 'none'; script-src 'nonce-{nonce}'"
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        raw("style", _asset("page.css")),
    )
    foot = element(
        "footer", "Made by capacity-sweep. This file needs no network: keep it, mail it, print it."
    )
    content = element(
        "body",
        _navigation(body, title),
        element("main", body, foot),
        json_block("palette", _palette()),
        _library(),
        raw("script", _asset("plots.js"), nonce=nonce, id="plots-script"),
        raw("script", _asset("table.js"), nonce=nonce),
    )
    return f"<!doctype html>\n{element('html', head, content, lang='en')}\n"


def _navigation(body: str, title: str) -> Html:
    top = element("li", element("a", title.partition(":")[0], href="#answer"))
    links = [
        element("li", element("a", name, href=f"#{anchor}"))
        for anchor, name in NAVIGATION.items()
        if f'id="{anchor}"' in body
    ]
    return element("nav", element("ul", top, *links), aria_label="sections")


def _palette() -> dict[str, object]:
    series = [palette.CHAMPION, palette.SMALLER, palette.LARGER, *palette.DEPTHS[:0:-1]]
    return {
        "paper": palette.PAPER,
        "dark": palette.DARK,
        "series": series,
        "template": palette.TEMPLATE.to_plotly_json(),
    }


@functools.cache
def _library() -> Html:
    """Return the plotting library, packed: half a second of work that is the same for every page."""
    return packed_block("plotly", get_plotlyjs())


def _asset(name: str) -> str:
    return resources.files("pipeline.figures").joinpath("assets", name).read_text("utf-8")
