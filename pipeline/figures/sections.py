"""The values of the report's template: texts and rows of each section, from the ledger."""

from __future__ import annotations

import shlex
from typing import Any, NamedTuple

import pandas as pd

from pipeline.core import language
from pipeline.evaluation.baselines import BASELINES
from pipeline.evaluation.stand import CLEARLY, plainly
from pipeline.figures import advice, findings, verdict
from pipeline.figures.findings import all_findings, by_code, failures, of_champion
from pipeline.figures.predictions import target
from pipeline.figures.remark import arguments, setting
from pipeline.figures.tables import lowest, rows
from pipeline.figures.trials import capacities, champion_entry, done_fits, leader, objective, trials
from pipeline.ledger.read import SweepRecord

MARKS = {
    **dict.fromkeys(("start", "better", "smaller"), "kept"),
    **dict.fromkeys(("infeasible", "stopped"), "out"),
    "chosen": "chosen",
}
"""How a decision is marked, by its verdict; others are not."""


class Figure(NamedTuple):
    """One key figure."""

    name: str
    value: str
    extra: str = ""


def context(record: SweepRecord) -> dict[str, Any]:
    """Return everything of the report but its plots and its table of trials."""
    remarks = advice.remarks(record)
    run = champion_entry(record).get("run_id")
    facts = findings.facts(record)
    return {
        "name": verdict.name(record),
        "cut": verdict.was_cut(record),
        "ended": "ended by its budget"
        if verdict.status(record) == verdict.BUDGET
        else verdict.status(record),
        "headline": verdict.headline(record),
        "alerts": findings.doubts(record),
        "answer": verdict.below_headline(record),
        "has_champion": bool(champion_entry(record)),
        "figures": key_figures(record),
        "remarks": [remark for remark in remarks if remark.severity != "good"],
        "good": [remark for remark in remarks if remark.severity == "good"],
        "next": advice.next_command(record),
        "decisions": [
            {**step, "mark": MARKS.get(step["verdict"], "")} for step in record.decisions
        ],
        "thresholds": thresholds(record),
        "diagnosis": diagnosis(record),
        "columns": facts,
        "used": sum(bool(fact["used"]) for fact in facts),
        "doubted": [fact for fact in facts if fact["attention"] not in {"none", ""}],
        "replay": f"python -m pipeline.replay run={run}" if run else "",
        "facts": _facts(record),
    }


def key_figures(record: SweepRecord) -> list[Figure]:
    """Return key figures: test score in the plainest unit, baselines, objective, size, effort."""
    entry, summary = champion_entry(record), record.summary
    figures: list[Figure] = []
    plain = plainly(summary) if entry else None
    if plain is not None:
        error = (
            language.finite(entry.get(f"{plain.part}_loss_se")) if plain.name == "loss" else None
        )
        value = plain.written(plain.own)
        of = f", {target(record)}" if plain.name in {"rmse", "mae"} and target(record) else ""
        spread = f"±{language.GLUE}{language.number(error, 2)}" if error else ""
        figures.append(Figure(f"{plain.part} {plain.label}{of}", value, spread))
        figures += [
            Figure(name.replace("_", " "), plain.written(plain.beside[name]))
            for name in BASELINES
            if name in plain.beside
        ]
    if entry:
        scored, _, spread = verdict.score(entry).partition("±")
        extra = f"±{language.GLUE}{spread.strip()}" if spread else ""
        figures.append(Figure(objective(record).metric, scored.strip(), extra))
        figures.append(Figure("parameters", *verdict.parameters_shown(entry)))
        figures.append(Figure("learning rate", language.rate(entry.get("learning_rate"))))
    tried = language.finite(summary.get("trials"))
    took = language.duration(summary.get("seconds"))
    about = f"{language.plural(int(tried), 'trial')} in {took}" if tried else took
    about += f", {summary['cut']} more cut" if summary.get("cut") else ""
    figures.append(Figure("fits", language.count(len(done_fits(record))), about))
    if language.finite(summary.get("cost")) is not None:
        figures.append(Figure("cost", language.number(summary["cost"])))
    return figures


def thresholds(record: SweepRecord) -> str:
    """Say why decisions and report use different thresholds; empty where they do not."""
    noise = setting(record, "search.noise")
    if noise is None or noise >= CLEARLY or record.config.get("search.kind") != "capacity":
        return ""
    often = "one standard error" if noise == 1.0 else f"{noise:g} standard errors"
    return (
        f"A decision says better or worse from {often} on (search.noise), as the search has to choose where "
        f"to go on; all else here says so from {CLEARLY:g} on, as a claim has to hold."
    )


def ranking(record: SweepRecord) -> str:
    """Say why the first row of the trials is first, and which scored best."""
    first, table = leader(record), capacities(record)
    if first is None or not champion_entry(record):
        return ""
    best = lowest(table, "loss")
    if best["trial"] == first["trial"]:
        return "What was chosen comes first and has the best score."
    behind = "though on the executions that both have it is no worse"
    if first["gap"] > 0:
        behind = f"which it is behind by {language.with_error(first['gap'], first['gap_se'])}"
    return (
        f"What was chosen comes first ({first['note'].removeprefix('chosen: ')}); the best score, "
        f"{language.with_error(best['score'], best['se'])}, is that of {best['capacity']}, {behind}."
    )


def diagnosis(record: SweepRecord) -> dict[str, Any]:
    """Return findings of the champion, of its rivals and of all other fits, and the failed trials."""
    table, failed = all_findings(record), failures(record)
    own, usable = of_champion(record), trials(record)
    heads = usable[usable["stands"].astype(bool)]["trial"]
    rivals = table[table["trial"].isin(set(heads) - set(own["trial"]))]
    if not champion_entry(record):
        own, rivals = table, table.iloc[:0]
    lost = record.fits[record.fits["trial"].isin(failed["trial"])]["capacity"].unique()
    gone = [name for name in lost if name not in set(usable["capacity"])]
    rest = table[~table.index.isin([*own.index, *rivals.index])]
    return {
        "own": _codes(own, "fit"),
        "rivals": _codes(rivals, "capacity"),
        "gone": gone,
        "rest": _codes(rest, "fit"),
        "failures": list(rows(failed)),
    }


def _codes(table: pd.DataFrame, noun: str) -> list[dict[str, str]]:
    """Return one entry for each code of finding: count, example sentence and severity."""
    counted = "capacities" if noun == "capacity" else "fits"
    return [
        {
            "code": row.code.replace("-", " "),
            "count": language.plural(int(getattr(row, counted)), noun),
            "sentence": row.sentence,
            "severity": row.severity,
        }
        for row in rows(by_code(table))
    ]


def _facts(record: SweepRecord) -> dict[str, str]:
    facts = {
        "command": shlex.join(["python", "-m", "pipeline.sweep", *arguments(record)]),
        "sweep": record.run_id,
        "store": record.uri,
        **record.provenance,
    }
    if uri := champion_entry(record).get("model_uri"):
        facts["champion"] = str(uri)
    return facts
