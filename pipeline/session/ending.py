"""The end of a sweep: test the champion once, save it, and report it."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.config import objective
from pipeline.config.choices import ChampionRows
from pipeline.config.schema import SweepConfig
from pipeline.core.control import Unattended
from pipeline.core.errors import BudgetError, NoUsableTrialError
from pipeline.core.records import Fit
from pipeline.data.csvfile import write_csv
from pipeline.evaluation.final import INCUMBENT, Member, Terms, Verdicts, evaluate, score_incumbent
from pipeline.evaluation.stand import is_noise, plainly
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.views import prepare_view, table_link
from pipeline.models.artefact import Champion, save_champion
from pipeline.models.modelcard import NOTE_TAG, sweep_note
from pipeline.models.verify import Verifier
from pipeline.registry.judge import Challenge, Rows, split_of
from pipeline.registry.registry import Standing, challenge, look_up, schema_of
from pipeline.search.protocol import Choice
from pipeline.search.ranking import Ranked
from pipeline.session.aftermath import (
    Aftermath,
    labelled,
    last_line,
    report_command,
    write_report,
    write_summary,
)
from pipeline.session.allrows import on_all_rows, wanted_rows
from pipeline.session.champion import half_the_time, of_trial, selected
from pipeline.session.standing import SearchResult, ranking_rows, trials_ranked
from pipeline.session.summary import summarise
from pipeline.session.sweep import Sweep
from pipeline.session.together import validate_together
from pipeline.session.trainer import Networks, Trainer

log = logging.getLogger(__name__)

OVERDUE_SECONDS = 2.0
"""A budget that is exceeded by more than this before the report is drawn ends without it."""


def finish(sweep: Sweep, result: SearchResult, verifier: Verifier) -> int:
    """Test, save and report the champion; return the exit code.

    Raises:
        BudgetError: The budget ended before one usable trial.
        NoUsableTrialError: Every trial diverged, failed or was too large.
    """
    if result.choice is None:
        raise _nothing_usable(sweep.ledger, result)
    choice, ledger, trainer = result.choice, sweep.ledger, sweep.trainer
    config, dataset = trainer.config, trainer.dataset
    sweep.display.ending("testing the champion beside the baselines")
    ranked = trials_ranked(ledger.standing(), choice, config)
    kind, models = _models(sweep, choice, ranked)
    standing = look_up(ledger.store, config.registry.name) if config.registry.name else None
    verdicts = evaluate(
        dataset,
        models,
        champion=kind,
        seed=config.seed,
        terms=Terms(
            objective(config).metric,
            str(config.training.class_weight),
            sweep.forecaster.spare_seconds,
        ),
        incumbent=standing.outputs(dataset) if standing else None,
    )
    sweep.unless_stopped()
    about = summarise(result, verdicts, kind, models, ledger, trainer, sweep.budget)
    log.log(logging.WARNING if is_noise(about) else logging.INFO, "Verdict: %s", about["verdict"])
    sweep.display.ending("saving the champion and checking that it predicts the same")
    champion = save_champion(ledger, dataset, models[kind], about, verifier)
    about["champion"]["model_uri"] = champion.model_uri
    sweep.unless_stopped()  # the last time: from here on a stop would only repeat what is done
    after = Aftermath(champion.model_uri)
    if standing is not None:
        about["registry"] = after.attempt(
            "it was not compared with the model in production, and not promoted",
            lambda: _challenge(ledger, trainer, standing, champion, verdicts, kind),
            grave=True,
        )
    about["link"] = after.attempt(
        "the comparison page of MLflow is not prepared", lambda: _page(ledger, config, about)
    )
    about["report"] = None  # not drawn yet
    _write_summary(sweep, about, after)
    single = models["single"][0].searched.fit
    after.attempt(
        "the champion is not validated with subjects held together",
        lambda: validate_together(trainer, single, about, sweep.stop_reason),
    )
    if "subjects" in about["data"]:  # it trains: whatever happens meanwhile, there is a summary
        _write_summary(sweep, about, after)
    after.attempt(
        "not all is recorded", lambda: _record(ledger, sweep.networks, single, about, verdicts)
    )
    sweep.display.ending("drawing the report")
    about["report"] = draw_report(sweep, after)
    write_summary(sweep.output_dir, ledger, about, after)
    sweep.display.attention(about["data"]["attention"])
    sweep.display.final(about, *ranking_rows(ranked, objective(config).metric))
    _say(sweep, about)
    after.close()
    return 0


def _models(
    sweep: Sweep, choice: Choice, ranked: Sequence[Ranked]
) -> tuple[str, dict[str, list[Member]]]:
    """Return which model becomes the champion, and the networks of each that is scored."""
    config, signal = sweep.trainer.config, lambda: sweep.stop.name
    # Signals alone: this training is what the reserve of the budget is for.
    members = of_trial(sweep, choice.trial, Unattended(signal))
    sweep.unless_stopped()
    single = next(member for member in members if member.fit.execution == choice.execution)
    sweep.ledger.rank(ranked, single.fit)
    kind, models = str(config.champion), {"single": [single], "ensemble": members}
    if config.data.folds is not None and kind != "ensemble":
        log.info("With data.folds the champion is the average of the folds' networks (ensemble)")
        kind = "ensemble"
    if kind == "greedy":
        spare_clock = sweep.forecaster.spare_clock
        models["greedy"] = selected(sweep, members, lambda: half_the_time(signal, spare_clock()))
        sweep.unless_stopped()
    if (rows := wanted_rows(config, sweep.trainer.dataset)) is not ChampionRows.train:
        is_folded = rows is ChampionRows.folds
        retrained = on_all_rows(sweep, rows, [single] if is_folded else models[kind])
        kind = "ensemble" if is_folded and retrained else kind
        models |= {kind: retrained} if retrained else {}
    return kind, models


def _page(ledger: Ledger, config: SweepConfig, about: dict[str, Any]) -> str:
    """Name the parent run by its champion, prepare the page that compares trials, and return its link."""
    plain, champion = plainly(about), about["champion"]["capacity"]
    if plain is not None:
        champion += f", {plain.part} {plain.label} {plain.written(plain.own)}"
    ledger.set_tag("mlflow.runName", f"{about['data']['name']}: {champion}")
    tested = f"test_{plain.name if plain else 'loss'}"
    return prepare_view(ledger, objective(config).metric, tested)


def _write_summary(sweep: Sweep, about: dict[str, Any], after: Aftermath) -> None:
    about["seconds"] = round(sweep.budget.spent(), 1)
    write_summary(sweep.output_dir, sweep.ledger, about, after)


def draw_report(sweep: Sweep, after: Aftermath) -> str | None:
    """Draw the report where there is time for it; return its path."""
    uri, limit = sweep.trainer.config.tracking.uri, sweep.budget.limit
    command = report_command(sweep.ledger, uri)
    if limit is not None and sweep.budget.spent() > limit + OVERDUE_SECONDS:
        log.warning("the budget is used up: %s draws the report", command)
        return None
    return after.attempt(
        f"there is no report in {sweep.output_dir} ({command} tries again)",
        lambda: write_report(sweep.output_dir, sweep.ledger, uri),
    )


def _say(sweep: Sweep, about: dict[str, Any]) -> None:
    """Print the last lines: labelled for a person, one line for a script."""
    location, config = sweep.ledger.store.location, sweep.trainer.config
    arguments = [f"input={config.data.path or 'FILE'}", "output=predictions.csv"]
    if config.tracking.uri is not None:
        arguments.append(f"tracking.uri={location.shown}")
    if not sweep.display.closing(labelled(about, location, arguments)):
        with contextlib.suppress(OSError):  # its reader has closed the pipe
            print(last_line(about, location), flush=True)  # noqa: T201 - the contract of stdout


def _record(
    ledger: Ledger, networks: Networks, champion: Fit, about: dict[str, Any], verdicts: Verdicts
) -> None:
    """Record the remaining parts of the sweep: predictions, note, and models that are not saved yet."""
    if verdicts.predictions is not None:
        ledger.attach("predictions.csv", write_csv(verdicts.predictions) or "")
    ledger.set_tag(NOTE_TAG, sweep_note(about, table_link(ledger.store, ledger.run_id)))
    wanted = ledger.unsaved_models(champion)
    held = {fit: weights for fit in wanted if (weights := networks.weights(fit)) is not None}
    for fit, weights in held.items():
        ledger.save_model(fit, weights)
    if len(held) < len(wanted):
        log.info(
            "%d fits have their scores but no saved model: the process that trained them has ended",
            len(wanted) - len(held),
        )
    ledger.flush()


def _challenge(
    ledger: Ledger,
    trainer: Trainer,
    standing: Standing,
    champion: Champion,
    verdicts: Verdicts,
    kind: str,
) -> dict[str, Any]:
    """Register the champion; it is promoted to production only if it is clearly better."""
    config, dataset = trainer.config, trainer.dataset

    def incumbent(now: Standing) -> tuple[np.ndarray | None, str]:
        problem, predict = "", now.outputs(dataset)
        if predict is not None and (now is not standing or INCUMBENT not in verdicts.test):
            problem = score_incumbent(dataset, verdicts, predict)
        return verdicts.test_row_losses.get(INCUMBENT), problem

    request = Challenge(
        schema_of(dataset),
        Rows(dataset.digest, split_of(config.data)),
        verdicts.test_row_losses.get(kind),
        weights=verdicts.test_weights,
        clusters=verdicts.test_clusters,
        margin=config.registry.margin,
        replace_broken=config.registry.replace_broken,
    )
    verdict = challenge(ledger, config.registry, champion, request, standing, incumbent)
    log.info("Registry, %s: %s", config.registry.name, verdict.reason)
    return {"name": config.registry.name, **verdict._asdict()}


def _nothing_usable(ledger: Ledger, result: SearchResult) -> BudgetError | NoUsableTrialError:
    """Return the error of a sweep without a champion."""
    outcomes = Counter(str(done.result.outcome) for done in ledger.done)
    counted = ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items())) or "no fit"
    if result.status == "budget" and not outcomes.keys() & {"diverged", "infeasible"}:
        return BudgetError(
            f"{result.reason}: not one epoch of one fit was finished by then ({counted}). Give it more "
            "time or fits (conf/budget/default.yaml)."
        )
    return NoUsableTrialError(
        f"no trial was usable ({counted}). Look at the diagnosis of the runs under sweep "
        f"{ledger.run_id}; smaller learning rates (search.learning_rate.low) or a larger "
        "search.max_parameters are the usual remedies."
    )
