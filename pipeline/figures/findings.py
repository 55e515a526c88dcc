"""Findings of diagnosis over a whole sweep, failed trials, and facts about the table's columns."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pipeline.core import language
from pipeline.figures.tables import rows
from pipeline.figures.trials import champion_entry, champion_fits, failed_fits, neighbours
from pipeline.ledger.read import SweepRecord

SEVERITIES = ("severe", "warning", "info")
"""The worst first."""
LEAK = "leaked-target"
AWAY = "give the target away"
"""Part of the sentence about a leaking column (data/columns.py)."""
OF_DATA = frozenset({LEAK, "absent-class", "unscaled-inputs"})
"""Findings that are about the table and not about one fit."""
OF_PROBES = frozenset(
    {"dead-units", "saturation", "vanishing-gradients", "exploding-gradients", "rate-too-low"}
)
"""Findings of probes inside a network: only the best fit of a capacity is probed, so one fit is enough."""
TRIED = "larger networks were tried and not chosen"
COLUMNS = ["run_id", "trial", "capacity", "code", "severity", "sentence"]


def all_findings(record: SweepRecord) -> pd.DataFrame:
    """Return one row a finding: run_id, trial, capacity, code, severity, sentence."""
    if "findings" not in record.fits:
        return pd.DataFrame(columns=COLUMNS)
    entries = [
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
    return pd.DataFrame(entries, columns=COLUMNS)


def of_champion(record: SweepRecord) -> pd.DataFrame:
    """Return the findings of the champion's fits, without the advice to grow where larger ones were tried."""
    table, (_, larger) = all_findings(record), neighbours(record)
    own = table[table["trial"] == champion_entry(record).get("trial")]
    if larger is None or own.empty:
        return own
    return own.assign(sentence=own["sentence"].str.replace(language.GROW, TRIED, regex=False))


def most_show(record: SweepRecord, code: str, *severities: str) -> tuple[int, int]:
    """Return the number of the champion's fits that show a finding, and the number of its fits.

    The first is 0 unless most fits show the finding; of `OF_PROBES` one is enough.
    """
    table, own = of_champion(record), len(champion_fits(record))
    shown = table[(table["code"] == code) & table["severity"].isin(severities or SEVERITIES)]
    count = int(shown["run_id"].nunique())
    return (count if 2 * count > own or code in OF_PROBES else 0), own


def by_code(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row a code of a table of findings, the worst and most frequent first.

    Columns: code, severity, fits (how many show it), capacities (how many), sentence (of the first
    fit that shows it).
    """
    counted = table.groupby("code", sort=False, as_index=False).agg(
        severity=("severity", "first"),
        fits=("run_id", "nunique"),
        capacities=("capacity", "nunique"),
        sentence=("sentence", "first"),
    )
    frequent = counted.sort_values("fits", ascending=False, kind="stable")
    return frequent.sort_values(
        "severity", key=lambda names: names.map(SEVERITIES.index), kind="stable", ignore_index=True
    )


def failures(record: SweepRecord) -> pd.DataFrame:
    """Return one row a trial with fits that diverged or were too large.

    Columns: trial, outcome, fits, why (the first message or finding).
    """
    failed = failed_fits(record)
    why = all_findings(record).groupby("run_id")["sentence"].first()
    entries = []
    for (trial, outcome), group in failed.groupby(["trial", "outcome"], sort=False):
        message = str(group["message"].iloc[0]) if "message" in group else ""
        entries.append(
            (trial, outcome, len(group), message or why.get(group["run_id"].iloc[0], ""))
        )
    return pd.DataFrame(entries, columns=["trial", "outcome", "fits", "why"])


def facts(record: SweepRecord) -> list[dict[str, Any]]:
    """Return `data.columns.ColumnFact` of each column as dictionaries; empty for an older sweep."""
    return dict(record.summary.get("data") or {}).get("columns") or record.table


def doubts(record: SweepRecord) -> list[str]:
    """Return sentences on what makes every score of a sweep doubtful; the page shows them first.

    They come from the table's columns and from findings of diagnosis about the table.
    """
    of_columns = [str(fact["note"]) for fact in facts(record) if fact["attention"] == "severe"]
    codes = by_code(all_findings(record))
    seen = codes[(codes["severity"] == "severe") & codes["code"].isin(OF_DATA)]
    return of_columns + [
        f"{language.plural(row.fits, 'fit')}: {row.sentence}."
        for row in rows(seen)
        if not (row.code == LEAK and any(AWAY in text for text in of_columns))
    ]
