"""The report: one HTML file that needs nothing else, opens at once and prints.

The plotting library travels inside, gzipped; the browser unpacks it after the text is painted. A
content security policy lets nothing be loaded from anywhere, whatever stands in the data.
"""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from pipeline.figures import compare, palette, sections
from pipeline.figures.plots import Drawn, draw
from pipeline.figures.trials import remembered
from pipeline.figures.trialtable import trial_table
from pipeline.figures.verdict import average, headline, name
from pipeline.ledger.read import SweepRecord

HEROES = ("capacity", "curves")
"""Candidates for the figure below the answer: the first that was drawn is taken."""
SEARCH = ("curves", "training")
CHAMPION = ("predictions", "confusion", "calibration", "baselines", "images")
"""Figures of the sections that are open; all others are folded away."""


@remembered()
def page(record: SweepRecord) -> str:
    """Return the report of a sweep in any state: finished, killed, without a usable trial."""
    drawn = draw(record)
    first = next((drawn.pop(name) for name in HEROES if name in drawn), None)
    body = render(
        "report.html",
        **sections.context(record),
        hero=first,
        search=[drawn.pop(name) for name in SEARCH if name in drawn],
        champion=[drawn.pop(name) for name in CHAMPION if name in drawn],
        more=list(drawn.values()),
        table=trial_table(record),
        ranking=sections.ranking(record),
        average=average(record),
        record=record,
    )
    return _document(f"{name(record)}: {headline(record)}", body)


@remembered()
def compare_page(records: Sequence[SweepRecord]) -> str:
    """Return the page that compares two or more sweeps, usually of the same data, in the order given."""
    champions, together = compare.champions(records), compare.capacities_together(records)
    ring = "A ring marks what each sweep chose."
    title = f"{len(records)} sweeps compared"
    body = render(
        "compare.html",
        title=title,
        labels=compare.names(records),
        answer=compare.sentences(records),
        results=compare.results(records),
        settings=compare.settings_that_differ(records),
        figures=[
            Drawn("champions", "Champions", champions, "Bars: one standard error."),
            Drawn("together", "Capacity against loss", together, ring),
        ],
    )
    return _document(title, body)


def _document(title: str, body: Markup) -> str:
    """Return a whole page around its body."""
    nonce = hashlib.sha256(body.encode()).hexdigest()[:20]
    colours = {"paper": palette.PAPER, "dark": palette.DARK, "series": palette.SERIES}
    colours["template"] = palette.TEMPLATE.to_plotly_json()
    return str(render("page.html", title=title, body=body, nonce=nonce, palette=colours))


def render(template: str, **values: Any) -> Markup:
    """Return a template of `assets/` filled in."""
    return Markup(_templates().get_template(template).render(values))  # noqa: S704 - escaped by it


@functools.cache
def _templates() -> Environment:
    """Return the template environment; values are escaped unless a template rendered them."""
    environment = Environment(
        loader=PackageLoader("pipeline.figures", "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"json": _json, "packed": _packed, "plain": _plain}
    environment.filters["height"] = lambda drawn: int(drawn.figure.layout.height)
    environment.globals["plotly"] = _library
    environment.globals["asset"] = _asset
    return environment


def _json(value: object) -> Markup:
    """Return data for the page's own script: `<` would let a string from the data end its element."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704 - see above


def _packed(content: str) -> str:
    """Return text for the page's own script, gzipped and base64: the browser unpacks it."""
    return base64.b64encode(gzip.compress(content.encode(), compresslevel=9, mtime=0)).decode()


@functools.cache
def _library() -> str:
    """Return the packed plotting library; packing takes half a second, once a process."""
    return _packed(get_plotlyjs())


def _asset(path: str) -> Markup:
    """Return the content of a script or style sheet of `assets/`."""
    return Markup((files("pipeline.figures") / "assets" / path).read_text("utf-8"))  # noqa: S704 - no data


def _plain(drawn: Drawn) -> object:
    """Return a figure as JSON values, without its title; arrays become base64 as Plotly writes them."""
    drawn.figure.update_layout(title_text=None)
    return json.loads(drawn.figure.to_json())
