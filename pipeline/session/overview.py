"""`summary.json` of a sweep, from what its rooms hold at its end."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from pipeline.data.columns import recorded
from pipeline.data.fewrows import attention, few_rows
from pipeline.evaluation.final import Member, Verdicts, optimism
from pipeline.evaluation.stand import stated
from pipeline.search import executions_of, front, longest, mean_of
from pipeline.session import summary as document
from pipeline.training.cost import latency

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.search import Choice
    from pipeline.session.found import Found
    from pipeline.session.sweep import Sweep


def summarise(
    sweep: Sweep,
    found: Found,
    single: Member,
    verdicts: Verdicts,
    kind: str,
    saved: Sequence[Member],
) -> dict[str, Any]:
    """Return `summary.json` as far as it is known before the artefact is saved."""
    choice, ledger = found.choice, sweep.ledger
    assert choice is not None  # noqa: S101 - checked by finish
    done = ledger.find(single.fit)
    plan, seconds = executions_of(sweep.config), functools.partial(latency, sweep.family)
    counted = document.totals([(one.fit.trial.name, one.epochs) for one in ledger.done])
    about = {
        "sweep_run_id": ledger.run_id,
        "experiment": ledger.experiment,
        "status": found.status,
        "seconds": round(sweep.budget.spent(), 1),
        "trials": counted.trials,
        "fits": counted.fits,
        "epochs": counted.epochs,
        "cut": len(ledger.cut),
        "cost": sweep.budget.cost(),
        "not_tried": found.reason,
        "data": {
            "name": sweep.dataset.name,
            "target": sweep.dataset.target,
            "classes": sweep.dataset.classes,
            "rows": sweep.dataset.rows,
            "digest": sweep.dataset.digest,
            "dropped": dict(sweep.dataset.dropped),
            "columns": recorded(sweep.dataset.facts),
            "attention": attention(sweep.dataset, sweep.dataset.facts),
            "validation": {
                "rows": len(sweep.dataset.split.validation),
                "folds": sweep.config.data.folds,
                **few_rows(sweep.dataset)._asdict(),
            },
        },
        "champion": document.champion_entry(
            choice,
            done.run_id if done else "",
            verdicts,
            kind,
            parts=[_part(sweep, member) for member in saved],
            metric=sweep.objective.metric,
            loss=_validation_loss(sweep, choice),
        ),
        "optimism": optimism(verdicts, kind),
        "optimism_beside": {
            name: {"more": rise.mean, "more_se": rise.se} for name, rise in verdicts.rises.items()
        },
        "decisions": document.decision_entries(found.decisions),
        "pareto": [trial.name for trial in choice.pareto],
        "pareto_us_a_row": [1e6 * latency(sweep.family, trial) for trial in choice.pareto],
        "pareto_by_latency": [trial.name for trial in front(ledger.standing(), plan, seconds)],
        "baselines": _baselines(verdicts),
    }
    return about | {"verdict": stated(about)}


def _part(sweep: Sweep, member: Member) -> document.Part:
    done = sweep.ledger.find(member.fit)
    return document.Part(member.fit.trial, done.run_id if done else "", member.weight)


def _validation_loss(sweep: Sweep, choice: Choice) -> tuple[float, float] | None:
    """Return mean and standard error of the champion's validation loss, whatever the objective."""
    counted = {scored.fit for scored in longest(sweep.ledger.standing())}
    done = [one for one in (*sweep.ledger.done, *sweep.ledger.cut) if one.fit in counted]
    own = [one.scored_by_loss() for one in done if one.fit.trial == choice.trial]
    return mean_of(own, executions_of(sweep.config))


def _baselines(verdicts: Verdicts) -> dict[str, dict[str, float]]:
    """Return validation and test scores of everything that stands beside the champion."""
    names = dict.fromkeys([*verdicts.validation, *verdicts.test])
    return {
        name: document.prefixed("val", verdicts.validation.get(name, {}))
        | document.prefixed("test", verdicts.test.get(name, {}))
        | _lags(verdicts, name)
        | ({"iterations_share": verdicts.shares[name]} if name in verdicts.shares else {})
        for name in names
    }


def _lags(verdicts: Verdicts, name: str) -> dict[str, float]:
    """Return by how much a model is worse than the champion by the objective, with its error."""
    found: dict[str, float] = {}
    for part, short in (("validation", "val"), ("test", "test")):
        if (lag := verdicts.lags.get(part, {}).get(name)) is not None:
            found |= {f"{short}_lag": lag.mean, f"{short}_lag_se": lag.se}
    return found
