"""What diagnosis found over a whole sweep, and what became of the table's columns."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pipeline.core import language
from pipeline.core.records import Outcome
from pipeline.figures.tables import rows
from pipeline.figures.trials import champion_entry, neighbours, scored_fits
from pipeline.ledger.read import SweepRecord

SEVERITIES = ("severe", "warning", "info")
"""The worst first."""
LEAK = "leaked-target"
AWAY = "give the target away"
"""What the sentence about such a column says (data/columns.py)."""
OF_DATA = frozenset({LEAK, "absent-class", "unscaled-inputs"})
"""Findings that are about the table and not about one fit."""
OF_PROBES = frozenset(
    {"dead-units", "saturation", "vanishing-gradients", "exploding-gradients", "rate-too-low"}
)
"""Findings that need a look inside a network, which only the best fit of a capacity gets: one says it."""
TRIED = "larger networks were tried and not chosen"
COLUMNS = ["run_id", "trial", "capacity", "code", "severity", "sentence"]


def all_findings(record: SweepRecord) -> pd.DataFrame:
    """Return one row a finding: run_id, trial, capacity, code, severity, sentence."""
    if "findings" not in record.fits:
        return pd.DataFrame(columns=COLUMNS)
    found = [
        (
            fit.run_id,
            fit.trial,
            fit.capacity,
            finding["code"],
            finding["severity"],
            finding["sentence"],
        )
        for fit in rows(record.fits[["run_id", "trial", "capacity", "findings"]])
        for finding in fit.findings
    ]
    return pd.DataFrame(found, columns=COLUMNS)


def of_champion(record: SweepRecord) -> pd.DataFrame:
    """Return the findings of the champion's own fits; to grow is no advice where that was tried."""
    table, (_, larger) = all_findings(record), neighbours(record)
    own = table[table["trial"] == champion_entry(record).get("trial")]
    if larger is None or own.empty:
        return own
    return own.assign(sentence=own["sentence"].str.replace(language.GROW, TRIED, regex=False))


def most_show(record: SweepRecord, code: str, *severities: str) -> tuple[int, int]:
    """Return how many of the champion's fits show a finding, and of how many.

    0 unless most of them do; of what needs a look inside a network one is enough.
    """
    table, fits = of_champion(record), scored_fits(record)
    own = int((fits["trial"] == champion_entry(record).get("trial")).sum())
    shown = table[(table["code"] == code) & table["severity"].isin(severities or SEVERITIES)]
    count = int(shown["run_id"].nunique())
    return (count if 2 * count > own or code in OF_PROBES else 0), own


def by_code(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row a code of a table of findings, the worst and most frequent first.

    Columns: code, severity, fits (how many show it), capacities (how many), sentence (of the first
    fit that shows it).
    """
    grouped = table.groupby("code", sort=False)
    found = pd.DataFrame(
        {
            "severity": grouped["severity"].first(),
            "fits": grouped["run_id"].nunique(),
            "capacities": grouped["capacity"].nunique(),
            "sentence": grouped["sentence"].first(),
        }
    ).reset_index()
    found["order"] = found["severity"].map({name: i for i, name in enumerate(SEVERITIES)})
    ordered = found.sort_values(["order", "fits"], ascending=[True, False], ignore_index=True)
    return ordered.drop(columns="order")


def failures(record: SweepRecord) -> pd.DataFrame:
    """Return one row a trial with fits that diverged or were too large.

    Columns: trial, outcome, fits, why (the first message or finding).
    """
    fits = record.fits
    failed = fits[fits["outcome"].isin([Outcome.diverged.value, Outcome.infeasible.value])]
    why = all_findings(record).groupby("run_id")["sentence"].first()
    found = []
    for (trial, outcome), group in failed.groupby(["trial", "outcome"], sort=False):
        message = str(group["message"].iloc[0]) if "message" in group else ""
        found.append((trial, outcome, len(group), message or why.get(group["run_id"].iloc[0], "")))
    return pd.DataFrame(found, columns=["trial", "outcome", "fits", "why"])


def facts(record: SweepRecord) -> list[dict[str, Any]]:
    """Return what became of each column, as `data.columns.ColumnFact`; of an older sweep nothing."""
    return dict(record.summary.get("data") or {}).get("columns") or record.table


def doubts(record: SweepRecord) -> list[str]:
    """Return what makes every score of a sweep doubtful: it is said before any of them.

    Of the table's columns, and of what diagnosis saw of the table in the fits.
    """
    told = [str(fact["note"]) for fact in facts(record) if fact["attention"] == "severe"]
    codes = by_code(all_findings(record))
    seen = codes[(codes["severity"] == "severe") & codes["code"].isin(OF_DATA)]
    return told + [
        f"{language.plural(row.fits, 'fit')}: {row.sentence}."
        for row in rows(seen)
        if not (row.code == LEAK and any(AWAY in text for text in told))
    ]
