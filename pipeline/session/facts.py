"""The facts of a sweep before its first round, for the ledger and for the display."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace

from pipeline.config import fingerprint, flatten, objective
from pipeline.config.choices import IN_INTERVALS, Encoding, encoding_name
from pipeline.config.schema import SweepConfig
from pipeline.config.schema_search import NuisanceConfig
from pipeline.core.family import Family
from pipeline.core.names import Input
from pipeline.data.columns import Attention, recorded
from pipeline.data.dataset import Dataset
from pipeline.data.fewrows import few_rows
from pipeline.evaluation.scores import constant_loss
from pipeline.ledger.facts import SweepFacts, ValidationRows
from pipeline.ledger.ledger import Ledger
from pipeline.search import searcher
from pipeline.search.protocol import Searcher
from pipeline.training.order import batch_size, steps


def encoded(config: SweepConfig, dataset: Dataset) -> list[tuple[str, int]]:
    """Return every encoding with every fold that the search may use."""
    folds = range(len(dataset.split.folds))
    encodings = sorted(config.search.nuisance.encodings)
    return [(name, fold) for name in encodings for fold in folds]


def fitted_to(config: SweepConfig, dataset: Dataset) -> SweepConfig:
    """Return the configuration of a search with the values that its table decides.

    No resolution of numbers is tried twice, and a moving average of the weights reaches back
    `search.nuisance.ema_epochs`.
    """
    nuisance = _without_repeats(config.search.nuisance, dataset)
    if nuisance.ema_epochs > 0:
        rows = len(dataset.part("train"))
        per_epoch = steps(batch_size(config.training.batch_size, rows), rows)
        least = _momentum(nuisance.ema_epochs * per_epoch)
        raised = (max(value, least) if value > 0 else value for value in nuisance.ema)
        nuisance = replace(nuisance, ema=list(dict.fromkeys(raised)))
    return replace(config, search=replace(config.search, nuisance=nuisance))


def _momentum(reach: float) -> float:
    """Return the momentum of an average over so many steps, to one digit of their number.

    A table that gains some rows keeps its value, and with it the names of its trials.
    """
    return round(1 - 1 / max(float(f"{reach:.0e}"), 1.0), 4)


def _without_repeats(nuisance: NuisanceConfig, dataset: Dataset) -> NuisanceConfig:
    """Return the values of a search that tries no resolution of numbers twice.

    A table whose numbers have fewer different values than intervals has the same inputs at a finer
    resolution, and one without numbers at any.
    """
    divided = [name for name in nuisance.encoding if name in IN_INTERVALS]
    if not divided:
        return nuisance
    seen: dict[tuple[Input, ...], tuple[Encoding, int]] = {
        dataset.input_names("standard"): (Encoding.standard, 0)
    }
    for name in sorted(divided, reverse=True):  # piecewise first: the simpler of equal ones
        for bins in sorted(nuisance.bins):
            seen.setdefault(dataset.input_names(encoding_name(name, bins)), (name, bins))
    new = set(seen.values())
    kept = [bins for bins in nuisance.bins if any((name, bins) in new for name in divided)]
    useful = {name for name, _ in new}
    names = [name for name in nuisance.encoding if name not in divided or name in useful]
    return replace(nuisance, bins=kept or nuisance.bins, encoding=names or list(nuisance.encoding))


def searcher_of(config: SweepConfig, dataset: Dataset, family: Family) -> Searcher:
    """Return the search of a table, with the values that the table decides."""
    constant = constant_loss(dataset, objective(config).metric)
    return searcher(fitted_to(config, dataset), family, constant)


def facts_of(config: SweepConfig, dataset: Dataset) -> SweepFacts:
    """Return the facts that the ledger records with the parent run."""
    folds, rows = range(len(dataset.split.folds)), dataset.part("validation")
    validation = ValidationRows()
    if len(folds) == 1:
        validation = ValidationRows(dataset.clusters(rows), dataset.sample_weight(rows))
    return SweepFacts(
        name=dataset.name,
        config=flatten(config),
        fingerprint=fingerprint(config),
        digest=dataset.digest,
        target=dataset.target,
        task="regression" if dataset.regression else "classification",
        rows={part: len(dataset.part(part)) for part in ("train", "validation", "test")},
        columns={column.name: str(column.kind) for column in dataset.columns if column.used},
        table=recorded(dataset.facts),
        objective=objective(config),
        target_scales=tuple(dataset.target_scaling(fold)[1] for fold in folds),
        source=config.data.path or dataset.name,
        command=tuple(shlex.quote(argument) for argument in sys.argv[1:]),
        headline={
            "search": str(config.search.kind),
            "engine": str(config.training.engine),
            "executions": str(config.training.executions),
            "seed": str(config.seed),
        },
        save_models=config.tracking.save_models,
        seed=config.seed,
        validation=validation,
    )


def facts_shown(config: SweepConfig, dataset: Dataset, ledger: Ledger) -> dict[str, str]:
    """Return the facts that the display shows at the start."""
    parts = {name: len(dataset.part(name)) for name in ("train", "validation", "test")}
    severe = [fact.note for fact in dataset.facts if fact.attention is Attention.severe]
    severe += few_rows(dataset).lines
    return {
        "rows": ", ".join(f"{count:,} {name}" for name, count in parts.items()),
        "target": f"{dataset.target} ({'regression' if dataset.regression else 'classification'})",
        "search": f"{config.search.kind}, engine {config.training.engine}",
        "sweep": f"{ledger.run_id}{' (resumed)' if ledger.resumed else ''}",
        **({"careful": " | ".join(severe)} if severe else {}),  # before hours are spent on it
    }
