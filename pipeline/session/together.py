"""The champion's capacity validated once more, with the rows of repeated subjects held together.

Where a random split parts the rows of patients, machines or storms, its scores hold for subjects that
training has seen. What the same capacity scores on subjects that it has not is shown beside them; the
choice stays as it is, for whoever sees the two numbers can say `data.group`.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.compute import run as run_stacks
from pipeline.compute.limits import limits
from pipeline.core.control import Unattended
from pipeline.core.errors import DataError
from pipeline.data import prepare
from pipeline.data.columns import Attention, recorded
from pipeline.data.fewrows import attention
from pipeline.session.opening import input_shapes
from pipeline.training.families import family as family_of
from pipeline.training.planner import Workload, plan_stacks
from pipeline.training.settings import Settings

if TYPE_CHECKING:
    from pipeline.config.schema import SweepConfig
    from pipeline.core.records import Trial
    from pipeline.data import Dataset
    from pipeline.search import Choice
    from pipeline.session.sweep import Sweep

log = logging.getLogger(__name__)

FOLDS = 3
"""One fit each: every subject that is not tested is validated once, for a part of them may be alike."""


def validate_together(sweep: Sweep, choice: Choice, about: dict[str, Any]) -> None:
    """Add both scores to the summary where a column of repeated subjects was found.

    Nothing is added where a budget or a signal leaves no time, or there are too few subjects to split.

    Args:
        sweep: At its end.
        choice: Whose trial is trained again.
        about: The summary; its facts of the columns are renewed.
    """
    subjects = sweep.dataset.subjects
    if subjects is None or about["status"] != "finished" or sweep.stop_reason():
        return
    data = sweep.config.data
    kept = [name for name in data.drop if name != subjects.column]
    by = None if data.id == subjects.column else data.id
    data = replace(data, group=subjects.column, drop=kept, id=by, folds=FOLDS, repeats=1)
    config = replace(sweep.config, data=data)
    try:
        dataset = prepare(data, config.seed)
    except DataError as error:
        log.info("No validation with %r held together: %s", subjects.column, error)
        return
    together = _loss(sweep, config, dataset, choice.trial)
    if together is None:
        return
    apart = float(about["champion"]["val_loss"])
    name = subjects.column
    sentence = (
        f"Validated once with each {name!r} on one side only, {choice.trial.capacity.label} has a "
        f"validation loss of {together:.4g} instead of {apart:.4g}"
    )
    facts = [
        replace(fact, note=f"{fact.note}. {sentence}")
        if fact.name == name and fact.attention is Attention.severe
        else fact
        for fact in sweep.dataset.facts
    ]
    about["data"] |= {
        "columns": recorded(facts),
        "attention": attention(sweep.dataset, facts),
        "subjects": {"column": name, "val_loss": apart, "val_loss_together": together},
    }


def _loss(sweep: Sweep, config: SweepConfig, dataset: Dataset, trial: Trial) -> float | None:
    """Return the mean validation loss of a trial over other folds; None where they were not trained.

    Its unit is that of the sweep's own first fold.
    """
    shapes = input_shapes(config, dataset)
    family = family_of(config.model, config.search, shapes, dataset.outputs, dataset.regression)
    before = next(one.fit for one in sweep.ledger.done if one.fit.trial == trial)
    fits = [replace(before, execution=fold, fold=fold) for fold in range(FOLDS)]
    settings = Settings.from_config(config, sweep.objective)
    sides = zip(*dataset.split.folds, strict=True)
    train, validation = (max(map(len, side)) for side in sides)
    workload = Workload(family, settings, train, validation, str(config.training.engine))
    plan = plan_stacks(fits, workload, limits(config.training, config.compute))
    trained = run_stacks(
        plan,
        lambda fit: dataset.arrays(trial.encoding, fit.fold, config.training.class_weight),
        family,
        settings,
        _WithinBudget(sweep),
        config.compute,
    )
    results = [result for _, stack in trained for result in stack if result.outcome.is_ranked]
    if len(results) < FOLDS:
        return None
    own = sweep.dataset.target_scaling()[1]
    scales = [(dataset.target_scaling(one.fit.fold)[1] / own) ** 2 for one in results]
    rows = [len(dataset.split.folds[one.fit.fold][1]) for one in results]
    losses = [one.best("val_loss") for one in results]
    return float(np.average(np.multiply(losses, scales), weights=rows))


class _WithinBudget(Unattended):
    """A control that stops with the sweep's budget and signals, and reports nothing."""

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep

    def stop_reason(self) -> str:
        return self._sweep.stop_reason()
