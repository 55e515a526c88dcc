"""The parts of the report, one function each, as HTML."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

from pipeline.core import language
from pipeline.figures.advice import next_command, remarks
from pipeline.figures.columns import severe
from pipeline.figures.findings import by_code, failures
from pipeline.figures.html import Html, element, join, json_block
from pipeline.figures.remark import command_words
from pipeline.figures.tables import rows
from pipeline.figures.trials import champion_entry, done_fits, objective
from pipeline.figures.verdict import (
    BUDGET,
    answer,
    headline,
    name,
    parameters_shown,
    score,
    status,
    was_cut,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    import plotly.graph_objects as go

    from pipeline.figures.plots import Drawn
    from pipeline.ledger.read import SweepRecord


OPEN_ROWS = 5
"""Failures that are shown without a click."""
KEPT = frozenset({"start", "better", "smaller"})
OUT = frozenset({"infeasible", "stopped"})


def header(record: SweepRecord) -> Html:
    """Return the answer: headline, three sentences, key figures."""
    shade = "status incomplete" if was_cut(record) else "status"
    ended = "ended by its budget" if status(record) == BUDGET else status(record)
    where = [name(record), str(record.started)]
    eyebrow = element(
        "p",
        "Capacity sweep · " + " · ".join(part for part in where if part),
        element("span", ended, class_=shade),
        class_="eyebrow",
    )
    sentences = [element("span", f"{sentence} ") for sentence in answer(record)]
    return element(
        "header",
        eyebrow,
        element("h1", headline(record)),
        *(element("p", text, class_="alert") for text in severe(record)),
        element("p", *sentences, class_="answer"),
        _key_figures(record),
        id="answer",
    )


def _key_figures(record: SweepRecord) -> Html:
    entry, summary = champion_entry(record), record.summary
    cells: list[tuple[str, str, str]] = []
    if entry:
        metric = objective(record).metric
        value, error = score(entry)
        cells.append((metric, language.number(value), _error(error)))
        if language.finite(entry.get("test_loss")) is not None:
            loss = language.number(entry.get("test_loss"))
            cells.append(("test loss", loss, _error(entry.get("test_loss_se"))))
        cells += _metrics(record)
        cells.append(("parameters", *parameters_shown(entry)))
        cells.append(("learning rate", language.rate(entry.get("learning_rate")), ""))
    trials, took = language.finite(summary.get("trials")), language.duration(summary.get("seconds"))
    about = f"{trials:.0f} trials in {took}" if trials else took
    cells.append(("fits", language.count(len(done_fits(record))), about))
    if language.finite(summary.get("cost")) is not None:
        cells.append(("cost", language.number(summary["cost"]), ""))
    boxes = [
        element(
            "div",
            element("dt", name),
            element("dd", value, " ", element("small", extra) if extra else None),
            class_="own" if entry and place == 0 else None,
        )
        for place, (name, value, extra) in enumerate(cells)
    ]
    return element("dl", *boxes, class_="figures")


def _error(value: object) -> str:
    error = language.finite(value)
    return "" if not error else f"± {language.number(error, 2)}"


def _metrics(record: SweepRecord) -> list[tuple[str, str, str]]:
    """Return the score that people ask for first: of test rows, or where there are none of validation."""
    entry = champion_entry(record)
    part, found = "test", entry.get("test_metrics")
    if not found:
        beside = dict(record.summary.get("baselines") or {}).get(str(entry.get("kind")), {})
        part, found = (
            "validation",
            {name.removeprefix("val_"): value for name, value in beside.items()},
        )
    metrics = found if isinstance(found, dict) else {}
    if (accuracy := language.finite(metrics.get("accuracy"))) is not None:
        rate = language.finite(metrics.get("base_rate"))
        always = "" if rate is None else f"most frequent class {language.percent(rate)}"
        cells = [(f"{part} accuracy", language.percent(accuracy), always)]
        if language.finite(metrics.get("auc")) is not None:
            cells.append((f"{part} AUC", language.number(metrics["auc"]), ""))
        return cells
    if language.finite(metrics.get("rmse")) is not None:
        return [(f"{part} RMSE", language.number(metrics["rmse"]), "")]
    return []


def verdict(record: SweepRecord) -> Html:
    """Return what the sweep says about itself, and what to run next."""
    items = [
        element(
            "li",
            element("b", remark.topic),
            element("p", remark.sentence),
            class_=remark.severity,
        )
        for remark in remarks(record)
    ]
    command, why = next_command(record)
    after = element(
        "div", element("h3", "Run next"), element("p", why), _command(command), class_="run-next"
    )
    listed = element("ul", *items, class_="remarks") if items else None
    return _section("verdict", "What to make of it", None, listed, after)


def _command(line: str) -> Html:
    copy = element("button", "Copy", type="button")
    return element("div", element("pre", line), copy, class_="command")


def plot_grid(identity: str, heading: str, drawn: Sequence[Drawn]) -> Html:
    """Return plots side by side; a last one without a partner takes the whole line."""
    narrow = [one for one in drawn if not one.wide]
    alone = narrow[-1] if len(narrow) % 2 else None
    for left, right in zip(narrow[::2], narrow[1::2], strict=False):
        _same_height(left.figure, right.figure)
    boxes = [plot_box(one, wide=one.wide or one is alone) for one in drawn]
    return _section(identity, heading, None, element("div", *boxes, class_="plots"))


def _same_height(left: go.Figure, right: go.Figure) -> None:
    height = max(int(left.layout.height), int(right.layout.height))
    left.update_layout(height=height)
    right.update_layout(height=height)


def plot_box(drawn: Drawn, *, wide: bool) -> Html:
    """Return one plot with its words; the page's script draws it when it comes into view."""
    drawn.figure.update_layout(title_text=None)
    box = element(
        "div",
        element("p", "drawn when it comes into view", class_="waiting"),
        class_="plot",
        data_figure=f"figure-{drawn.name}",
        style=f"height:{int(drawn.figure.layout.height)}px",
        role="img",
        aria_label=f"{drawn.heading}. {drawn.caption}",
    )
    caption = element("figcaption", element("h3", drawn.heading), element("p", drawn.caption))
    block = json_block(f"figure-{drawn.name}", _plain(drawn.figure))
    return element("figure", caption, box, block, class_="wide" if wide else None)


def _plain(figure: go.Figure) -> object:
    """Return a figure as JSON values; arrays become base64 as Plotly writes them."""
    return json.loads(figure.to_json())


def decisions(record: SweepRecord) -> Html | None:
    """Return every decision as a sentence, in order."""
    if not record.decisions:
        return None
    items = []
    for step in record.decisions:
        word = str(step["verdict"])
        shade = "kept" if word in KEPT else "out" if word in OUT else ""
        items.append(
            element(
                "li",
                element("span", step["capacity"] or "the search", class_="what"),
                element("span", f"{step['phase']} · {word}", class_="verdict"),
                element("p", step["reason"]),
                class_="chosen" if word == "chosen" else shade or None,
            )
        )
    lead = "Filled: the search went on from there. Open: tried and not taken."
    return _section("decisions", "Every decision", lead, element("ol", *items, class_="decisions"))


def diagnosis(record: SweepRecord) -> Html | None:
    """Return what went wrong in fits, and every failure with its reason."""
    codes, failed = by_code(record), failures(record)
    if codes.empty and failed.empty:
        return None
    items = [
        element(
            "li",
            element("b", row.code.replace("-", " ")),
            element("p", f"{language.plural(row.fits, 'fit')}. For example: {row.sentence}"),
            class_=row.severity,
        )
        for row in rows(codes)
    ]
    return _section(
        "diagnosis",
        "What went wrong, in words",
        None,
        element("ul", *items, class_="remarks") if items else None,
        _failures(failed) if len(failed) else None,
    )


def _failures(failed: pd.DataFrame) -> Html:
    heads = [
        element("th", name, class_="number" if name == "Fits" else None)
        for name in ("Trial", "Outcome", "Fits", "Why")
    ]
    lines = [
        element(
            "tr",
            element("td", row.trial),
            element("td", row.outcome),
            element("td", row.fits, class_="number"),
            element("td", row.why, class_="wrap"),
        )
        for row in rows(failed)
    ]
    table = element("table", element("thead", element("tr", *heads)), element("tbody", *lines))
    title = f"{language.plural(len(failed), 'trial')} with failed fits"
    scroll = element("div", table, class_="scroll")
    return element("details", element("summary", title), scroll, open=len(failed) <= OPEN_ROWS)


def reproduce(record: SweepRecord) -> Html:
    """Return how to get the same again: command, commit, data, versions, configuration."""
    facts = {
        "command": shlex.join(["python", "-m", "pipeline.sweep", *command_words(record)]),
        "sweep": record.run_id,
        "store": record.uri,
        **record.provenance,
    }
    if uri := champion_entry(record).get("model_uri"):
        facts["champion"] = str(uri)
    listed = [part for name, value in facts.items() for part in _fact(name, value)]
    settings = [part for name, value in record.config.items() for part in _fact(name, value)]
    run = champion_entry(record).get("run_id")
    again = f"python -m pipeline.replay run={run}" if run else None
    return _section(
        "reproduce",
        "How to get the same again",
        "On the same machine and versions a fit repeats bit for bit.",
        _command(facts["command"]),
        _command(again) if again else None,
        element("dl", *listed, class_="facts"),
        element(
            "details",
            element("summary", f"All {len(record.config)} settings"),
            element("dl", *settings, class_="facts"),
        ),
    )


def _fact(name: str, value: object) -> list[Html]:
    return [element("dt", name), element("dd", value)]


def _section(identity: str, heading: str, lead: str | None, *parts: Html | None) -> Html:
    return element(
        "section",
        element("h2", heading),
        element("p", lead, class_="lead") if lead else None,
        join([part for part in parts if part is not None]),
        id=identity,
    )
