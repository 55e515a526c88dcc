"""Several sweeps side by side: what changed in data, space and result."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pipeline.core import language
from pipeline.core.statistics import paired
from pipeline.data.csvfile import PROBABILITY
from pipeline.evaluation.scores import row_values
from pipeline.evaluation.stand import CLEARLY
from pipeline.figures import palette
from pipeline.figures.tables import named
from pipeline.figures.trials import capacities, champion_entry, done_fits, leader, objective
from pipeline.figures.verdict import headline, parameters_shown, status
from pipeline.ledger.read import SweepRecord

OUTSIDE = ("tracking.", "compute.", "budget.", "registry.", "notify.", "resume", "verbose")
"""Settings that do not change what a fit is."""
SHOWN = 3
"""Changed settings named in the sentence; the table lists all."""


NOT_KEPT = ("data.weight", "data.group", "data.time")
"""Settings whose columns are not stored with the predictions."""
UNSET = frozenset({"None", "null", ""})
"""How the ledger writes a setting without a value."""


def names(records: Sequence[SweepRecord]) -> list[str]:
    """Return a short name a sweep: a letter and the beginning of its id."""
    return [f"{chr(ord('A') + i % 26)} · {record.run_id[:8]}" for i, record in enumerate(records)]


def settings_that_differ(records: Sequence[SweepRecord]) -> list[tuple[str, list[str]]]:
    """Return each setting that is not the same in all sweeps, with its value in each."""
    keys = dict.fromkeys(key for record in records for key in record.config)
    differing = []
    for key in keys:
        values = [str(record.config.get(key, language.NOTHING)) for record in records]
        if len(set(values)) > 1 and not key.startswith(OUTSIDE):
            differing.append((key, values))
    return differing


def results(records: Sequence[SweepRecord]) -> list[tuple[str, list[str]]]:
    """Return the rows of the comparison: a label and a cell for each sweep."""
    entries = [champion_entry(record) for record in records]
    metrics = [dict(entry.get("test_metrics") or {}) for entry in entries]
    return [
        ("started", [str(record.started) for record in records]),
        ("status", [status(record) for record in records]),
        ("data", [str(record.digest)[:12] for record in records]),
        ("champion", [headline(record) for record in records]),
        ("parameters", [" ".join(parameters_shown(entry)).strip() for entry in entries]),
        ("learning rate", [language.rate(entry.get("learning_rate")) for entry in entries]),
        ("validation loss", [_scored(entry, "val_loss") for entry in entries]),
        ("test loss", [_scored(entry, "test_loss") for entry in entries]),
        *(
            (f"test {name}", [language.number(values.get(name)) for values in metrics])
            for name in dict.fromkeys(chain(*metrics))
        ),
        ("fits", [language.count(len(done_fits(record))) for record in records]),
        ("took", [language.duration(record.summary.get("seconds")) for record in records]),
    ]


def _scored(entry: dict[str, Any], key: str) -> str:
    return language.with_error(entry.get(key), entry.get(f"{key}_se"))


def sentences(records: Sequence[SweepRecord]) -> tuple[str, str, str]:
    """Return three sentences: the best sweep, whether scores can be compared, which settings differ."""
    return _best(records), _comparable(records), _changed(records)


def _best(records: Sequence[SweepRecord]) -> str:
    labels, key = names(records), "test_loss"
    entries = [champion_entry(record) for record in records]
    if any(language.finite(entry.get(key)) is None for entry in entries if entry):
        key = "val_loss"
    scored = [
        (loss, label, record)
        for label, entry, record in zip(labels, entries, records, strict=True)
        if (loss := language.finite(entry.get(key))) is not None
    ]
    if not scored:
        return "None of these sweeps has a champion."
    scored.sort(key=lambda entry: entry[0])
    _, label, first = scored[0]
    what = key.replace("_", " ").replace("val", "validation")
    said = f"{label} has the lowest {what}, {_scored(champion_entry(first), key)}"
    if len(scored) == 1:
        return f"{said}; it is the only one with a champion."
    _, second, second_record = scored[1]
    difference = apart(first, second_record, key)
    sure = (
        "beyond noise" if difference.gap > CLEARLY * difference.se else "no different beyond noise"
    )
    on = f"on the same {difference.rows:,} rows" if difference.rows else "of two separate scores"
    return (
        f"{said}; {second} is {language.number(difference.gap)} worse, {sure} "
        f"(standard error {language.number(difference.se, 2)} {on})."
    )


def _comparable(records: Sequence[SweepRecord]) -> str:
    metrics = {objective(record).metric for record in records}
    if len(metrics) > 1:
        return f"They followed different objectives ({language.listing(sorted(metrics))})."
    if len({str(record.digest) for record in records}) == 1:
        return "All had the same rows in the same split, so their scores can be compared."
    return "Their data or split differ: scores are of different rows and only roughly comparable."


def _changed(records: Sequence[SweepRecord]) -> str:
    changed = [key for key, _ in settings_that_differ(records)]
    if not changed:
        return "Every setting that matters is the same."
    more = len(changed) - SHOWN
    shown = [*changed[:SHOWN], f"{more} more"] if more > 1 else changed
    return f"Settings that differ: {language.listing(shown)}."


def champions(records: Sequence[SweepRecord]) -> go.Figure:
    """Draw validation and test loss of each champion with their standard errors."""
    labels = names(records)
    entries = [champion_entry(record) for record in records]
    figure = palette.blank("Champions", 150 + 62 * len(records))
    places = range(len(records))
    for key, name, colour, shift in (
        ("val_loss", "validation loss", palette.DEPTHS[2], -0.1),
        ("test_loss", "test loss", palette.CHAMPION, 0.1),
    ):
        palette.dots(
            figure,
            [language.finite(entry.get(key)) for entry in entries],
            [place + shift for place in places],
            colour,
            12,
            name=name,
            error_x=[language.finite(entry.get(f"{key}_se")) or 0.0 for entry in entries],
            hovertemplate=f"{name} %{{x:.4g}}<extra></extra>",
        )
    figure.update_yaxes(
        tickvals=list(places),
        ticktext=labels,
        range=[len(records) - 0.5, -0.5],
        tickfont={"color": palette.INK, "size": 13},
        showgrid=False,
    )
    return figure.update_xaxes(title_text="loss (lower is better)")


def capacities_together(records: Sequence[SweepRecord]) -> go.Figure:
    """Draw the best loss of each capacity over its parameters, one line a sweep."""
    figure = palette.blank("Capacity against loss", 440)
    for place, (label, record) in enumerate(zip(names(records), records, strict=True)):
        table, colour = capacities(record), palette.SERIES[place % len(palette.SERIES)]
        palette.dots(
            figure,
            table["parameters"],
            table["score"],
            colour,
            7,
            mode="lines+markers",
            name=label,
            line={"width": 1.8},
            text=[palette.plain(name) for name in table["capacity"]],
            hovertemplate=f"{label}<br>%{{text}}, %{{x:,}} parameters<br>%{{y:.4g}}<extra></extra>",
        )
        if (chosen := leader(record)) is not None:
            x, y = [chosen["parameters"]], [chosen["score"]]
            palette.dots(figure, x, y, "", 20, marker=palette.ring(colour))
    figure.update_xaxes(title_text="trainable parameters", type="log", tickformat="~s", dtick=1)
    return figure.update_yaxes(title_text=objective(records[0]).metric)


class Apart(NamedTuple):
    """The difference of two champions; positive: the candidate is worse than the reference."""

    gap: float
    se: float
    rows: int
    """Shared test rows; 0: not compared row by row, and `se` is that of two independent scores."""


def apart(reference: SweepRecord, candidate: SweepRecord, key: str) -> Apart:
    """Return by how much the candidate's champion is worse by `key`, `test_loss` or `val_loss`."""
    entries = [champion_entry(record) for record in (reference, candidate)]
    scores = [language.finite(entry.get(key)) or 0.0 for entry in entries]
    table = _shared(reference, candidate) if key == "test_loss" else None
    if table is None:
        errors = [language.finite(entry.get(f"{key}_se")) or 0.0 for entry in entries]
        return Apart(scores[1] - scores[0], math.hypot(*errors), 0)
    losses = [_losses(table, side) for side in ("_reference", "_candidate")]
    difference = paired(losses[1], losses[0])
    mean = float(losses[0].mean())  # of regressions in the target's unit squared
    scale = scores[0] / mean if mean > 0 and not named(table, PROBABILITY) else 1.0
    return Apart(difference.mean * scale, difference.se * scale, len(table))


def _shared(reference: SweepRecord, candidate: SweepRecord) -> pd.DataFrame | None:
    """Return both champions' predictions of the test rows that both have; None where they differ.

    Weights and groups of rows are not kept with predictions: such sweeps are not compared row by row.
    """
    tables = [record.predictions for record in (reference, candidate)]
    if str(reference.digest) != str(candidate.digest):
        return None
    settings = [
        record.config.get(key, "None") for record in (reference, candidate) for key in NOT_KEPT
    ]
    if any(setting not in UNSET for setting in settings):
        return None
    if any(table is None or table.empty or set(table["part"]) != {"test"} for table in tables):
        return None
    left, right = (table.drop(columns=["image"], errors="ignore") for table in tables)  # type: ignore[union-attr]
    if named(left, PROBABILITY) != named(right, PROBABILITY):
        return None
    merged = left.merge(right, on="row", suffixes=("_reference", "_candidate"))
    return merged if len(merged) == len(left) == len(right) > 1 else None


def _losses(table: pd.DataFrame, side: str) -> np.ndarray:
    columns = [name for name in named(table, PROBABILITY) if name.endswith(side)]
    if not columns:
        truth, predicted = (table[[f"{name}{side}"]].to_numpy() for name in ("truth", "prediction"))
        return row_values("val_loss", truth, predicted, None, regression=True)
    classes = [name.removeprefix(PROBABILITY).removesuffix(side) for name in columns]
    said = table[f"truth{side}"].astype(str).to_numpy()
    truth = (said[:, None] == np.array(classes)).astype(np.float64)
    return row_values("val_loss", truth, table[columns].to_numpy(), None, regression=False)
