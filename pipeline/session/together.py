"""The champion's capacity validated once more, with the rows of repeated subjects held together.

Where a random split parts the rows of patients, machines or storms, its scores hold for subjects that
training has seen; where it parts a series, for times in between. The score of the same capacity on unseen
subjects is shown beside them; the choice is unchanged, as a user who sees both numbers can set `data.group`
or `data.time`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from pipeline.config.choices import SplitKind
from pipeline.core.control import Control, Unattended
from pipeline.core.errors import DataError
from pipeline.core.language import exact
from pipeline.core.records import Fit
from pipeline.data import prepare
from pipeline.data.columns import Attention, recorded
from pipeline.data.fewrows import attention
from pipeline.data.panels import Subjects
from pipeline.session.trainer import Trainer

log = logging.getLogger(__name__)

FOLDS = 3
"""One fit each: every subject that is not tested is validated once, as a part of them may be alike."""


def validate_together(
    trainer: Trainer, fit: Fit, about: dict[str, Any], stop_reason: Callable[[], str]
) -> None:
    """Add both scores to the summary where a column of repeated subjects was found.

    Nothing is added where a budget or a signal leaves no time, or there are too few subjects to split.

    Args:
        fit: A fit of the chosen trial, which is retrained.
        about: The summary; its facts of the columns are updated in place.
        stop_reason: Returns why training must stop, or an empty string.
    """
    dataset = trainer.dataset
    subjects = dataset.subjects
    if subjects is None or about["status"] != "finished" or stop_reason():
        return
    data, name = trainer.config.data, subjects.column
    kept = [column for column in data.drop if column != name]
    by = None if data.id == name else data.id
    data = replace(data, split=SplitKind.random, drop=kept, id=by, folds=FOLDS, repeats=1)
    setattr(data, subjects.key, name)
    config = replace(trainer.config, data=data)
    try:
        grouped = Trainer.of(config, prepare(data, config.seed))
    except DataError as error:
        log.info("No validation with %r held together: %s", name, error)
        return
    together = _loss(grouped, fit, dataset.target_scaling()[1], Unattended(stop_reason))
    if together is None:
        return
    apart = float(about["champion"]["val_loss"])
    sentence = (
        f"Validated once {_how(subjects)}, {fit.trial.capacity.label} has a "
        f"validation loss of {exact(together)} instead of {exact(apart)}"
    )
    facts = [
        replace(fact, note=f"{fact.note}. {sentence}")
        if fact.name == name and fact.attention is Attention.severe
        else fact
        for fact in dataset.facts
    ]
    about["data"] |= {
        "columns": recorded(facts),
        "attention": attention(dataset, facts),
        "subjects": {"column": name, "val_loss": apart, "val_loss_together": together},
    }


def _how(subjects: Subjects) -> str:
    """Return the clause that says how rows were held together."""
    if subjects.key == "time":
        return f"on rows that are later by {subjects.column!r} than those trained on"
    return f"with each {subjects.column!r} on one side only"


def _loss(trainer: Trainer, fit: Fit, unit: float, control: Control) -> float | None:
    """Return a trial's mean loss over folds in the target's `unit` squared; None where one is missing."""
    dataset = trainer.dataset
    plan = trainer.plan([replace(fit, execution=fold, fold=fold) for fold in range(FOLDS)])
    trained = trainer.run(plan, control)
    results = [result for _, stack in trained for result in stack if result.outcome.is_ranked]
    if len(results) < FOLDS:
        return None
    folds = [result.fit.fold for result in results]
    scales = [(dataset.target_scaling(fold)[1] / unit) ** 2 for fold in folds]
    rows = [len(dataset.split.folds[fold][1]) for fold in folds]
    losses = [result.best("val_loss") for result in results]
    return float(np.average(np.multiply(losses, scales), weights=rows))
