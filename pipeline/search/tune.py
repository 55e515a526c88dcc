"""Tuning the other nuisance values of a capacity: one at a time, then what helped together."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.config.schema_search import PER_TRIAL
from pipeline.core import language
from pipeline.core.family import Nuisance
from pipeline.core.records import Capacity, Trial, Value
from pipeline.search import sentences
from pipeline.search.board import Walk
from pipeline.search.decide import Evidence
from pipeline.search.judge import settle, verdict
from pipeline.search.measure import Bench


def others(
    bench: Bench, trial: Trial, space: Mapping[str, tuple[Value, ...]]
) -> dict[str, list[Trial]]:
    """Return by name the trials with another value of it, at the rate of a trial or around it."""
    around = bench.ladder.around(trial.learning_rate)
    return {
        name: [
            _changed(bench, trial, {name: value}, rate)
            for value in values
            if value != trial.nuisance_value(name, values[0])
            for rate in (around if PER_TRIAL[name].own_rates else [trial.learning_rate])
        ]
        for name, values in space.items()
        if len(values) > 1
    }


def tune(
    bench: Bench,
    capacity: Capacity,
    space: Mapping[str, tuple[Value, ...]],
    start: Nuisance | None = None,
) -> Walk[str]:
    """Try every other nuisance value at the best rate of a capacity, some at the rates around it too.

    Values are changed one at a time: a full factorial would cost their product. Those that help
    beyond noise are then tried together. As with learning rates, the best score leads from here.

    Args:
        space: Every nuisance parameter with its values.
        start: The values to go from, where others were tried beside them; None: those that lead.

    Returns:
        `better` or `same` when another value was adopted, beyond noise or within it; else nothing.
    """
    board = bench.board
    lead = board.lead(capacity) if start is None else board.lead_with(capacity, start)
    names = [name for name, values in space.items() if len(values) > 1]
    if lead is None or not names:
        return ""
    options = others(bench, lead.trial, space)
    wanted = [trial for trials in options.values() for trial in trials]
    reason = f"Other {language.listing(names)} at {language.trial(lead.trial.name)}."
    is_new = yield from board.request(wanted, lead.executions, reason)
    if not is_new and start is None:
        return ""
    helpful: dict[str, Value] = {}
    for name, trials in options.items():
        nuisances = dict.fromkeys(trial.nuisance for trial in trials)
        known = board.usable(trial for own in nuisances for trial in board.tried(capacity, own))
        best = min(known, key=lambda evidence: evidence.order, default=None)
        if best is not None and (yield from _is_better(bench, best, lead)):
            helpful[name] = best.trial.nuisance_value(name, "")
    if len(helpful) > 1:
        together = _changed(bench, lead.trial, helpful, lead.trial.learning_rate)
        reason = f"What helped, together: {language.trial(together.name)}."
        yield from board.request([together], lead.executions, reason)
    return _note(bench, lead, names)


def _changed(bench: Bench, trial: Trial, values: Mapping[str, Value], rate: float) -> Trial:
    nuisance = tuple(sorted({**dict(trial.nuisance), **values}.items()))
    return bench.trial(trial.capacity, rate, nuisance)


def _is_better(bench: Bench, candidate: Evidence, lead: Evidence) -> Walk[bool]:
    reference = bench.board.evidence(lead.trial) or lead
    gap = yield from settle(bench.board, candidate, reference)
    return gap is not None and verdict(bench.board, gap, reference.score) == "better"


def _note(bench: Bench, before: Evidence, names: list[str]) -> str:
    """Record the decision on the trial that now stands for the capacity; returns as `tune`."""
    board = bench.board
    old = board.evidence(before.trial)
    lead = board.lead(before.trial.capacity)
    if lead is None:
        return ""
    label = lead.trial.capacity.label
    if old is None or lead.trial.nuisance == old.trial.nuisance:
        board.decide(label, lead.shown, None, "same", sentences.same_nuisance(lead, names))
        return ""
    gap = board.compare(lead, old)
    was = dict(old.trial.nuisance)
    changed = [f"{name} {value}" for name, value in lead.trial.nuisance if was.get(name) != value]
    word = "better" if verdict(board, gap, old.score) == "better" else "same"
    reason = sentences.nuisance(lead, old, gap, changed, is_better=word == "better")
    board.decide(label, lead.shown, gap.se, word, reason)
    return word
