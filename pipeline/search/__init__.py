"""Decides which fits are trained next, and which trial is chosen; the core is pure and needs numpy.

Begin with `searcher`, which returns the `Searcher` of a configuration; its interface is in `protocol`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.config.schema import SweepConfig
from pipeline.config.schema_search import CapacityConfig, OtherSearchConfig
from pipeline.core.family import Family
from pipeline.core.records import Scored, Trial
from pipeline.search.capacity import CapacitySearch
from pipeline.search.choose import complete_enough, evidence_of, leads, usable
from pipeline.search.decide import pareto, standard_error
from pipeline.search.executions import Executions
from pipeline.search.protocol import Searcher


def searcher(config: SweepConfig, family: Family, constant: float | None = None) -> Searcher:
    """Return the search of a configuration; KerasTuner is imported only for its own.

    `constant` is the loss of the best constant prediction, in the objective, where that is known.
    """
    executions = executions_of(config)
    if isinstance(config.search, CapacityConfig):
        return CapacitySearch(config.search, family, executions, constant)
    assert isinstance(config.search, OtherSearchConfig)  # noqa: S101 - one schema per kind
    from pipeline.search.others import KerasTunerSearch  # late: imports TensorFlow

    return KerasTunerSearch(config.search, family, executions)


def mean_of(results: Sequence[Scored], executions: Executions) -> tuple[float, float] | None:
    """Return the mean score of a trial's fits and its standard error; None where one is unusable."""
    evidence = evidence_of(results)
    if evidence is None:
        return None
    return evidence.score, standard_error(evidence, folds=executions.folds)


def front(
    finished: Sequence[Scored], executions: Executions, size: Callable[[Trial], float]
) -> list[Trial]:
    """Return the trials that are better than all smaller ones, smallest first.

    Args:
        size: The size of a trial, for example its seconds for a row.
    """
    known = complete_enough(usable(finished), executions.fewest, executions.folds)
    return [evidence.trial for evidence in pareto(leads(known), size)]


def executions_of(config: SweepConfig) -> Executions:
    """Return how often trials are trained, and with which seeds or folds."""
    folds = config.data.folds or 0
    first = folds * config.data.repeats or config.training.executions
    most = screen = first
    if isinstance(config.search, CapacityConfig) and not folds:
        screen = min(first, config.search.first_executions)
        most = max(first, config.search.max_executions)
    return Executions(config.seed, config.training.epochs, first, most, folds, screen)
