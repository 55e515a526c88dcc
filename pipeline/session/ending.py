"""The end of a sweep: test the champion once, save it, and say what was found."""

from __future__ import annotations

import contextlib
import logging
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from pipeline.core.errors import BudgetError, NoUsableTrialError
from pipeline.core.language import number, trial
from pipeline.data.csvfile import write_csv
from pipeline.evaluation.final import (
    INCUMBENT,
    Member,
    Terms,
    Verdicts,
    evaluate,
    score_incumbent,
)
from pipeline.evaluation.stand import is_noise
from pipeline.ledger.views import prepare_view, runs_link
from pipeline.models.artefact import save_champion
from pipeline.models.note import NOTE_TAG, sweep_note
from pipeline.registry.registry import Contest, challenge, look_up
from pipeline.search import complete_enough, executions_of, ranking
from pipeline.session.aftermath import Aftermath, no_report, write_report, write_summary
from pipeline.session.champion import champion_members
from pipeline.session.closing import labelled, last_line
from pipeline.session.overview import summarise
from pipeline.session.selected import selected_members
from pipeline.session.together import validate_together

if TYPE_CHECKING:
    import numpy as np

    from pipeline.models.artefact import Champion
    from pipeline.models.verify import Verifier
    from pipeline.registry.registry import Standing
    from pipeline.search import Choice
    from pipeline.session.found import Found
    from pipeline.session.sweep import Sweep

log = logging.getLogger(__name__)

SHOWN_TRIALS = 10
"""Rows of the final table."""


def finish(sweep: Sweep, found: Found, verifier: Verifier) -> int:
    """Test, save and report the champion; return the exit code.

    Raises:
        BudgetError: The budget ended before one usable trial.
        NoUsableTrialError: Every trial diverged, failed or was too large.
    """
    if found.choice is None:
        raise _nothing_usable(sweep, found)
    choice = found.choice
    sweep.display.ending()
    members = champion_members(sweep, choice)
    single = next(m for m in members if m.fit.execution == choice.execution)
    sweep.unless_stopped()
    sweep.ledger.rank(choice.ranking, single.fit)
    kind, models = _candidates(sweep, single, members)
    registry = sweep.config.registry
    standing = look_up(sweep.ledger.store, registry.name) if registry.name else None
    verdicts = evaluate(
        sweep.dataset,
        models,
        champion=kind,
        seed=sweep.config.seed,
        terms=Terms(
            sweep.objective.metric,
            str(sweep.config.training.class_weight),
            sweep.pace.spare_seconds,
        ),
        incumbent=standing.outputs(sweep.dataset) if standing else None,
    )
    sweep.unless_stopped()
    saved = models[kind]
    about = summarise(sweep, found, single, verdicts, kind, saved)
    log.log(logging.WARNING if is_noise(about) else logging.INFO, "Verdict: %s", about["verdict"])
    champion = save_champion(sweep.ledger, sweep.dataset, saved, about, verifier)
    about["champion"]["model_uri"] = champion.model_uri
    sweep.unless_stopped()  # the last time: from here on a stop would only repeat what is done
    after = Aftermath(champion.model_uri)
    if standing is not None:
        about["registry"] = after.attempt(
            "it was not compared with the model in production, and not promoted",
            lambda: _challenge(sweep, standing, champion, verdicts, kind),
            grave=True,
        )
    axes = [name for name, _ in choice.trial.capacity.values]
    about["link"] = after.attempt(
        "the comparison page of MLflow is not prepared",
        lambda: prepare_view(sweep.ledger, sweep.objective, axes),
    )
    about["report"] = None  # not drawn yet
    about["seconds"] = round(sweep.budget.spent(), 1)
    write_summary(sweep, about, after)
    after.attempt(
        "the champion is not validated with subjects held together",
        lambda: validate_together(sweep, choice, about),
    )
    if "subjects" in about["data"]:  # it trains: whatever happens meanwhile, there is a summary
        about["seconds"] = round(sweep.budget.spent(), 1)
        write_summary(sweep, about, after)
    after.attempt("not all is recorded", lambda: _record(sweep, about, single, verdicts))
    about["report"] = after.attempt(no_report(sweep), lambda: write_report(sweep))
    write_summary(sweep, about, after)
    _say(sweep, about, choice)
    after.close()
    return 0


def _say(sweep: Sweep, about: dict[str, Any], choice: Choice) -> None:
    """Say what was found, and where to go from here: a person in labelled lines, a script in the last one."""
    sweep.display.attention(about["data"]["attention"])
    sweep.display.final(about, ranking_rows(sweep, choice))
    if not sweep.display.closing(labelled(sweep, about)):
        with contextlib.suppress(OSError):  # nobody reads it any more
            print(last_line(sweep, about), flush=True)  # noqa: T201 - the contract of stdout


def _candidates(
    sweep: Sweep, single: Member, members: list[Member]
) -> tuple[str, dict[str, list[Member]]]:
    """Return which model becomes the champion, and the networks of each that is scored."""
    wanted = str(sweep.config.champion)
    kind = wanted if sweep.config.data.folds is None else "ensemble"
    if kind != wanted:
        log.info("With data.folds the champion is the average of the folds' networks (ensemble)")
    models = {"single": [single], "ensemble": members}
    if kind == "greedy":
        models["greedy"] = selected_members(sweep, members)
    return kind, models


def _record(sweep: Sweep, about: dict[str, Any], single: Member, verdicts: Verdicts) -> None:
    """Keep what else belongs to the sweep with its parent run."""
    if verdicts.predictions is not None:
        sweep.ledger.attach("predictions.csv", write_csv(verdicts.predictions) or "")
    sweep.ledger.set_tag(
        NOTE_TAG, sweep_note(about, runs_link(sweep.ledger.store, sweep.ledger.run_id))
    )
    save_models(sweep, single)
    sweep.ledger.flush()


def _challenge(
    sweep: Sweep, standing: Standing, champion: Champion, verdicts: Verdicts, kind: str
) -> dict[str, Any]:
    """Register the champion; it goes into production only if it is really better."""

    def incumbent(now: Standing) -> tuple[np.ndarray | None, str]:
        problem, predict = "", now.outputs(sweep.dataset)
        if predict is not None and (now is not standing or INCUMBENT not in verdicts.test):
            problem = score_incumbent(sweep.dataset, verdicts, predict)
        return verdicts.test_row_losses.get(INCUMBENT), problem

    verdict = challenge(
        sweep.ledger,
        sweep.config.registry,
        sweep.config.data,
        sweep.dataset,
        standing,
        champion,
        Contest(
            verdicts.test_row_losses.get(kind),
            incumbent,
            verdicts.test_weights,
            verdicts.test_clusters,
        ),
    )
    log.info("Registry, %s: %s", sweep.config.registry.name, verdict.reason)
    return {
        "name": sweep.config.registry.name,
        "promoted": verdict.promoted,
        "reason": verdict.reason,
    }


def save_models(sweep: Sweep, champion: Member) -> None:
    """Save the networks that `tracking.save_models` wants and that were not saved at once."""
    wanted = sweep.ledger.unsaved_models(champion.fit)
    held = {fit: weights for fit in wanted if (weights := sweep.networks.weights(fit)) is not None}
    for fit, weights in held.items():
        sweep.ledger.save_model(fit, weights)
    if len(held) < len(wanted):
        log.info(
            "%d fits have their scores but no saved model: the process that trained them has ended",
            len(wanted) - len(held),
        )


def _nothing_usable(sweep: Sweep, found: Found) -> BudgetError | NoUsableTrialError:
    """Return the error that says why there is no champion."""
    outcomes: dict[str, int] = defaultdict(int)
    for done in sweep.ledger.done:
        outcomes[str(done.outcome)] += 1
    counted = ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items())) or "no fit"
    if found.status == "budget" and not any(o in outcomes for o in ("diverged", "infeasible")):
        return BudgetError(
            f"{found.reason}: not one epoch of one fit was finished by then ({counted}). Give it more "
            "time or fits (conf/budget/default.yaml)."
        )
    return NoUsableTrialError(
        f"no trial was usable ({counted}). Look at the diagnosis of the runs under sweep "
        f"{sweep.ledger.run_id}; smaller learning rates (search.learning_rate.low) or a larger "
        "search.max_parameters are the usual remedies."
    )


def ranking_rows(sweep: Sweep, choice: Choice) -> list[dict[str, object]]:
    """Return the rows of the final table, the champion first, and why each stands there."""
    plan, search, metric = executions_of(sweep.config), sweep.config.search, sweep.objective.metric
    known = complete_enough(sweep.ledger.standing(), 1)
    ranked = ranking(
        known,
        next((one for one in known if one.trial == choice.trial), None),
        prefer=search.prefer.value,
        errors=getattr(search, "one_se", 1.0),
        folds=plan.folds,
        fewest=plan.fewest,
    )
    return [
        {
            "rank": position,
            "trial": trial(one.evidence.trial.name),
            metric: one.evidence.shown,
            "SE": number(one.se, 2),
            "behind": number(one.gap.mean, 2),
            "fits": one.evidence.executions,
            "why": one.note,
        }
        for position, one in enumerate(ranked[:SHOWN_TRIALS], start=1)
    ]
