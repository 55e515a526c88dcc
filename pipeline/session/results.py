"""The results of a sweep for notebooks: tables as pandas DataFrames, figures as Plotly figures.

In a notebook::

    from pipeline.session import results

    results.trials("latest")
    results.figure("latest", "capacity").show()
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from pipeline.core import language
from pipeline.core.errors import ConfigError
from pipeline.figures import trials as tables
from pipeline.figures.findings import facts
from pipeline.figures.inline import CapacityScore, capacity_svg
from pipeline.ledger.read import SweepRecord, read_sweep
from pipeline.session.guest import guest

if TYPE_CHECKING:
    from pipeline.figures.palette import Figure

Which = str | SweepRecord
"""A sweep: its id, `latest`, or what `read` returned (reads the store only once)."""


def read(sweep: Which = "latest", tracking_uri: str | None = None) -> SweepRecord:
    """Return the whole record of a sweep in the ledger.

    Args:
        sweep: Its id, `latest`, or a record, which is returned as it is.
        tracking_uri: The store; default sqlite under `mlruns/`.

    Raises:
        ConfigError: There is no such sweep.
        StoreError: The store is out of reach.
    """
    if isinstance(sweep, SweepRecord):
        return sweep
    with guest():
        return read_sweep(tracking_uri, sweep)


def fits(sweep: Which = "latest", tracking_uri: str | None = None) -> pd.DataFrame:
    """Return one row a fit: hyperparameters, outcome, best metrics, epochs, seconds, findings."""
    return read(sweep, tracking_uri).fits


def trials(sweep: Which = "latest", tracking_uri: str | None = None) -> pd.DataFrame:
    """Return one row a usable trial, best first: mean score over its executions and how many."""
    return tables.trials(read(sweep, tracking_uri))


def capacities(sweep: Which = "latest", tracking_uri: str | None = None) -> pd.DataFrame:
    """Return the best trial of each capacity, smallest first, with its gap to the best score.

    `gap_se` is the standard error of the gap, paired by seed and validation row.
    """
    return tables.capacities(read(sweep, tracking_uri))


def curves(sweep: Which = "latest", tracking_uri: str | None = None) -> pd.DataFrame:
    """Return all curves in one long table: run_id, trial, capacity, execution, epoch, metrics."""
    record = read(sweep, tracking_uri)
    parts = [frame.assign(run_id=run) for run, frame in record.curves.items()]
    if not parts:
        return pd.DataFrame(columns=["run_id", "trial", "capacity", "execution", "epoch"])
    about = record.fits[["run_id", "trial", "capacity", "execution"]]
    return about.merge(pd.concat(parts), on="run_id", how="inner")


def decisions(sweep: Which = "latest", tracking_uri: str | None = None) -> pd.DataFrame:
    """Return one row a decision: round, phase, capacity, score, se, verdict, reason."""
    columns = ["round", "phase", "capacity", "score", "se", "verdict", "reason"]
    return pd.DataFrame(read(sweep, tracking_uri).decisions, columns=columns)


def columns(sweep: Which = "latest", tracking_uri: str | None = None) -> pd.DataFrame:
    """Return one row a column of the table.

    Columns: name, kind, used, what (became of it, in a few words), inputs, attention, reason, note, hint.
    `attention` says whether a person should look: severe (it may give the target away), dropped (by
    rule), doubted, assumed or none; `hint` is the override that changes the judgement.
    """
    names = ["name", "kind", "used", "what", "inputs", "attention", "reason", "note", "hint"]
    return pd.DataFrame(facts(read(sweep, tracking_uri)), columns=names)


def predictions(sweep: Which = "latest", tracking_uri: str | None = None) -> pd.DataFrame | None:
    """Return the champion's predictions of the test rows, or of the validation rows without test rows.

    None where the sweep has none; the column `part` says which rows they are.
    """
    return read(sweep, tracking_uri).predictions


def answer(sweep: Which = "latest", tracking_uri: str | None = None) -> str:
    """Return the sweep's answer in three sentences."""
    from pipeline.figures import verdict

    return " ".join(verdict.answer(read(sweep, tracking_uri)))


def html(sweep: Which = "latest", tracking_uri: str | None = None) -> str:
    """Return answer, picture and table of the capacities as a small piece of HTML, for a notebook."""
    record = read(sweep, tracking_uri)
    table = tables.capacities(record)
    chosen = tables.champion_entry(record).get("capacity", "")
    columns = (table[name].tolist() for name in ("capacity", "parameters", "score", "se"))
    points = [CapacityScore(*values) for values in zip(*columns, strict=True)]
    shown = pd.DataFrame(
        {
            "capacity": table["capacity"],
            "parameters": table["parameters"],
            "learning rate": table["learning_rate"].map(language.rate),
            "score": table["score"],
            "standard error": table["se"],
            "executions": table["executions"],
        }
    )
    return (
        f"<p style='max-width:60em'>{escape(answer(record))}</p>"
        f"{capacity_svg(points, str(chosen))}"
        f"{shown.to_html(index=False, border=0, float_format=language.exact)}"
    )


def figures(sweep: Which = "latest", tracking_uri: str | None = None) -> dict[str, Figure]:
    """Return every figure that the sweep has data for, by name."""
    from pipeline.figures import plots

    drawn = plots.draw(read(sweep, tracking_uri))
    return {name: plot.figure for name, plot in drawn.items()}


def figure(
    sweep: Which = "latest", name: str = "capacity", tracking_uri: str | None = None
) -> Figure:
    """Return one figure by name; a figure without data says why.

    Raises:
        ConfigError: There is no figure of that name.
    """
    from pipeline.figures import plots

    known = {plot.name: plot for plot in plots.EVERY}
    if name not in known:
        raise ConfigError(f"figure {name!r}: there is none; allowed: {', '.join(known)}")
    return known[name].draw(read(sweep, tracking_uri))[0]


def report(
    sweep: Which = "latest", output: str = "report.html", tracking_uri: str | None = None
) -> str:
    """Write the report page and return the path it was written to."""
    from pipeline.figures.page import page

    Path(output).write_text(page(read(sweep, tracking_uri)), encoding="utf-8")
    return output
