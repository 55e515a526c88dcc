"""The champion trained on every row that is not a test row: refitted, or as the networks of folds.

The validation rows of the search would otherwise never be trained on. The test rows stay apart.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipeline.config.choices import ChampionRows
from pipeline.config.schema import SweepConfig
from pipeline.core.records import Fit, FitResult, Round
from pipeline.data.dataset import Dataset
from pipeline.data.split import ALL_ROWS
from pipeline.evaluation.final import Member
from pipeline.ledger.donefits import CHAMPION_PHASE
from pipeline.models.artefact_folder import keep_encoders
from pipeline.search import executions_of
from pipeline.session.champion import half_the_time
from pipeline.session.facts import encoded
from pipeline.session.sweep import Sweep
from pipeline.session.trainer import cut_to_fits

log = logging.getLogger(__name__)


def wanted_rows(config: SweepConfig, dataset: Dataset) -> ChampionRows:
    """Return the rows to train the champion on: as configured, where the split allows it."""
    further, wanted = dataset.split.further, config.champion_rows
    if wanted is ChampionRows.folds and len(further) == ALL_ROWS:
        log.info("With data.time no fold could be trained on later rows: champion_rows=refit")
        return ChampionRows.refit
    return wanted if further else ChampionRows.train


def trained_rows(members: Sequence[Member]) -> ChampionRows:
    """Return the rows that the networks of a champion were trained on."""
    if any(member.validated for member in members):
        return ChampionRows.refit
    folded = any(member.fit.fold > ALL_ROWS for member in members)
    return ChampionRows.folds if folded else ChampionRows.train


def on_all_rows(sweep: Sweep, rows: ChampionRows, members: Sequence[Member]) -> list[Member] | None:
    """Return the networks trained on all rows; None where the budget ended before.

    Args:
        rows: `refit` or `folds`.
        members: The networks that would be saved otherwise. With folds, the single network that the
            search trained on the first fold; the other folds are of its trial.

    Raises:
        Interrupted: A signal requested an end.
    """
    fits = _refits(sweep, members) if rows is ChampionRows.refit else _folds(sweep, members[0])
    missing = [fit for fit in fits if sweep.networks.weights(fit) is None]
    ended = _train(sweep, rows, fits, missing) if missing else ""
    models = {fit: sweep.networks.model(fit) for fit in fits}
    if any(model is None for model in models.values()):
        log.warning("The champion is not trained on all rows: %s", ended or "a fit has no network")
        return None
    log.info("The champion is trained on all rows that are not test rows: champion_rows=%s", rows)
    if rows is ChampionRows.folds:
        return [*members, *(Member(fit, model) for fit, model in models.items())]
    return [
        replace(member, fit=fit, model=models[fit], validated=member)
        for member, fit in zip(members, fits, strict=True)
    ]


def _refits(sweep: Sweep, members: Sequence[Member]) -> tuple[Fit, ...]:
    """Return a fit on all rows for each network; its epochs are its trial's median of the best epochs."""
    every = (*sweep.ledger.done, *sweep.ledger.cut)
    best = {
        member.fit.trial: np.median(
            [
                max(entry.result.best_epoch, 0)
                for entry in every
                if entry.fit.trial == member.fit.trial
            ]
        )
        for member in members
    }
    fits = [member.fit for member in members]
    return tuple(
        replace(fit, fold=ALL_ROWS, epochs=1 + round(float(best[fit.trial]))) for fit in fits
    )


def _folds(sweep: Sweep, first: Member) -> tuple[Fit, ...]:
    plan, further = executions_of(sweep.trainer.config), sweep.trainer.dataset.split.further
    return tuple(
        replace(plan.fit(first.fit.trial, fold - ALL_ROWS), fold=fold)
        for fold in range(ALL_ROWS + 1, 1 + len(further))
    )


def _train(sweep: Sweep, rows: ChampionRows, fits: Sequence[Fit], missing: Sequence[Fit]) -> str:
    """Train and record the fits as a round; return why it was not finished, or an empty string."""
    ledger, trainer = sweep.ledger, sweep.trainer
    number = 1 + max(entry.place.round for entry in (*ledger.done, *ledger.cut))
    round_ = Round(number, CHAMPION_PHASE, tuple(fits), f"champion_rows={rows}")
    plan = sweep.plan(round_)
    todo, ended = cut_to_fits(plan, missing, sweep.budget.fits_left(len(ledger.done)))
    if ended:
        return ended
    ledger.begin_round(round_, plan)
    used = [*encoded(trainer.config, trainer.dataset), *((f.trial.encoding, f.fold) for f in fits)]
    keep_encoders(ledger, trainer.dataset, list(dict.fromkeys(used)), more=True)
    control = half_the_time(lambda: sweep.stop.name, sweep.forecaster.spare_clock())
    for stack, results in trainer.run(todo, control):
        for result in results:
            if result.outcome.is_done:
                sweep.networks.keep(result)
        is_refit = rows is ChampionRows.refit
        kept = [_unvalidated(result) for result in results] if is_refit else results
        ledger.record_stack(round_, stack, kept)
    sweep.unless_stopped()
    ledger.flush()
    return control.stop_reason()


def _unvalidated(result: FitResult) -> FitResult:
    """Return a result without its validation scores, as the fit was trained on those rows."""
    curves = {name: curve for name, curve in result.curves.items() if not name.startswith("val_")}
    return replace(result, curves=curves, row_losses=None, findings=())
