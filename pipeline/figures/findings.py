"""What diagnosis found over a whole sweep: which findings, how often, in which capacities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from pipeline.core.records import Outcome
from pipeline.figures.tables import rows

if TYPE_CHECKING:
    from pipeline.ledger.read import SweepRecord

SEVERITIES = ("severe", "warning", "info")
"""The worst first."""
COLUMNS = ["run_id", "trial", "capacity", "code", "severity", "sentence"]


def all_findings(record: SweepRecord) -> pd.DataFrame:
    """Return one row a finding: run_id, trial, capacity, code, severity, sentence."""
    if "findings" not in record.fits:
        return pd.DataFrame(columns=COLUMNS)
    found = [
        (fit.run_id, fit.trial, fit.capacity, one["code"], one["severity"], one["sentence"])
        for fit in rows(record.fits[["run_id", "trial", "capacity", "findings"]])
        for one in fit.findings
    ]
    return pd.DataFrame(found, columns=COLUMNS)


def by_code(record: SweepRecord) -> pd.DataFrame:
    """Return one row a code, the worst and most frequent first.

    Columns: code, severity, fits (how many show it), capacities (how many), sentence (of the first
    fit that shows it), example (that fit's run).
    """
    table = all_findings(record)
    grouped = table.groupby("code", sort=False)
    found = pd.DataFrame(
        {
            "severity": grouped["severity"].first(),
            "fits": grouped["run_id"].nunique(),
            "capacities": grouped["capacity"].nunique(),
            "sentence": grouped["sentence"].first(),
            "example": grouped["run_id"].first(),
        }
    ).reset_index()
    found["order"] = found["severity"].map({name: i for i, name in enumerate(SEVERITIES)})
    ordered = found.sort_values(["order", "fits"], ascending=[True, False], ignore_index=True)
    return ordered.drop(columns="order")


def failures(record: SweepRecord) -> pd.DataFrame:
    """Return one row a trial with fits that diverged or were too large.

    Columns: trial, outcome, fits, why (the first message or finding), run_id (an example).
    """
    fits = record.fits
    failed = fits[fits["outcome"].isin([Outcome.diverged.value, Outcome.infeasible.value])]
    why = all_findings(record).groupby("run_id")["sentence"].first()
    found: list[tuple[object, ...]] = []
    grouped = failed.groupby(["trial", "outcome"], sort=False)
    for (trial, outcome), group in grouped:
        run = str(group["run_id"].iloc[0])
        message = str(group["message"].iloc[0]) if "message" in group else ""
        found.append((trial, outcome, len(group), message or why.get(run, ""), run))
    return pd.DataFrame(found, columns=["trial", "outcome", "fits", "why", "run_id"])
