"""Packs a round into stacks. Pure: the same fits and limits give the same plan.

A program compiles in two to six seconds, so fits of one depth share a program where padding the narrow
ones costs less than another compilation. The fits of a trial (its learning rates and seeds) stay
together, because the engine compares them, unless memory forbids it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from pipeline.config.schema_search import PER_TRIAL
from pipeline.core import language
from pipeline.core.family import Family
from pipeline.core.records import Arrays, Fit, Stack, StackPlan, Trial
from pipeline.training.cost import Cost, Workload
from pipeline.training.padding import PaddedFamily, Widths
from pipeline.training.settings import Settings

ELEMENTWISE = {"sgd", "rmsprop", "adam", "adamw", "adamax", "adagrad", "adadelta", "ftrl", "lion"}
"""Optimizers that update every weight independently, so that a padded zero stays zero. The others mix
weights (norms, factored moments) or keep state outside `update_step` (Nadam)."""


def why_not_stacked(family: Family, settings: Settings) -> str:
    """Return why fits with these settings cannot share a program; an empty string when they can."""
    if not family.stackable:
        return f"networks of the {family.name} family cannot share a program"
    if settings.optimizer.lower() not in ELEMENTWISE:
        return f"optimizer {settings.optimizer} does not treat every weight by itself"
    return ""


def why_not_in_memory(arrays: Arrays, room: float) -> str:
    """Return why another copy of a table does not fit into `room` bytes; an empty string when it does."""
    held = (arrays.x_train, arrays.y_train, arrays.x_val, arrays.y_val)
    size = sum(array.nbytes for array in held)
    if size <= room:
        return ""
    return (
        f"another copy of its table takes {size / 1e9:.3g} GB, and stacks may use {room / 1e9:.3g} GB "
        "(training.memory_share)"
    )


def engine_used(requested: str, family: Family, settings: Settings) -> str:
    """Return the requested engine, or `fit` where fits cannot be stacked."""
    return "fit" if why_not_stacked(family, settings) else requested


@dataclass(frozen=True)
class Limits:
    """The resources of all running stacks together."""

    bytes: int
    """Memory, tables included."""
    workers: int = 1
    """Stacks that run at once."""


def plan_stacks(fits: Sequence[Fit], workload: Workload, limits: Limits) -> StackPlan:
    """Pack a round into stacks.

    Args:
        fits: The fits of the round, in the order of request.
        limits: Memory of all running stacks, and how many run at once.

    Returns:
        A plan that has every fit exactly once. No stack of two fits or more exceeds its share of
        the memory; a single fit may, and the engine then reports it.
    """
    reasons = [why_not_stacked(workload.family, workload.settings.of(fit.trial)) for fit in fits]
    if workload.engine == "fit" or all(reasons):
        return _plan_of_singles(fits, next(iter(reasons), ""))
    cost = Cost(workload)
    groups: dict[Hashable, list[Fit]] = defaultdict(list)
    for fit in fits:
        groups[program_of(fit.trial, workload), fit.fold].append(fit)
    workers = max(1, limits.workers)
    room = max(0, limits.bytes - _tables(fits, cost, workers)) // workers
    parts: list[tuple[tuple[Fit, ...], Widths]] = []
    for group in groups.values():
        for members, widths in _segments(group, cost):
            parts += [(part, widths) for part in _within_memory(members, widths, cost, room)]
    stacks = tuple(_stack(n, members, widths, cost) for n, (members, widths) in enumerate(parts))
    packed = f"{language.plural(len(fits), 'fit')} in {language.plural(len(stacks), 'stack')}"
    return StackPlan(stacks, "stacked", f"{packed}, padding {100 * _share(stacks, cost):.0f} %")


def _plan_of_singles(fits: Sequence[Fit], reason: str) -> StackPlan:
    """Return one stack per trial for `model.fit`, which compiles once per trial."""
    stacks = tuple(Stack(n, tuple(group)) for n, group in enumerate(_compared(fits)))
    because = f": {reason}" if reason else ""
    return StackPlan(stacks, "fit", f"{language.plural(len(fits), 'fit')}, one at a time{because}")


def program_of(trial: Trial, workload: Workload) -> Hashable:
    """Return the key of a trial's program: its shape, batch size, and the per-trial values that matter."""
    family = cast("PaddedFamily", workload.family)
    widths = family.unit_widths(trial.capacity)
    shape = len(widths) if family.padded else widths
    own = {name: next(iter(entry.idle), None) for name, entry in PER_TRIAL.items()}
    own |= dict(trial.nuisance)
    values = tuple((name, PER_TRIAL[name].program(value)) for name, value in sorted(own.items()))
    return shape, workload.settings.batch_of(trial, workload.rows), values


def _compared(fits: Sequence[Fit]) -> Iterable[list[Fit]]:
    """Return fits in groups that are compared while they train: they differ in rate and seed alone."""
    groups: dict[Hashable, list[Fit]] = defaultdict(list)
    for fit in fits:
        groups[fit.trial.with_rate(1.0), fit.fold].append(fit)
    return groups.values()


def _tables(fits: Sequence[Fit], cost: Cost, workers: int) -> int:
    """Return the bytes of the largest tables, as many as stacks run at once; each is counted once."""
    tables = {(fit.trial.encoding, fit.fold) for fit in fits}
    sizes = sorted((cost.table(encoding) for encoding, _ in tables), reverse=True)
    return sum(sizes[:workers])


def _segments(fits: Sequence[Fit], cost: Cost) -> list[tuple[tuple[Fit, ...], Widths]]:
    """Cut fits of one depth, ordered by width, where another program pays for itself.

    Shortest path over the distinct widths: each segment costs a compilation and the time of its
    fits at the segment's padded widths.
    """
    by_width: dict[Widths, list[Fit]] = defaultdict(list)
    for fit in fits:
        by_width[cost.widths(fit.trial)].append(fit)
    ordered = sorted(by_width, key=lambda widths: (sum(widths), widths))
    best: list[tuple[float, int]] = [(0.0, 0)]
    for end in range(1, len(ordered) + 1):
        options = [
            (best[start][0] + cost.program(_of(by_width, ordered[start:end]))[0], start)
            for start in range(end)
        ]
        best.append(min(options))
    segments: list[tuple[tuple[Fit, ...], Widths]] = []
    end = len(ordered)
    while end > 0:
        start = best[end][1]
        members = _of(by_width, ordered[start:end])
        segments.insert(0, (members, cost.program(members)[1]))
        end = start
    return segments


def _of(by_width: dict[Widths, list[Fit]], widths: Sequence[Widths]) -> tuple[Fit, ...]:
    return tuple(fit for own in widths for fit in by_width[own])


def _within_memory(
    fits: Sequence[Fit], widths: Widths, cost: Cost, room: int
) -> Iterable[tuple[Fit, ...]]:
    """Cut fits into parts that fit into memory, trials kept whole where possible."""
    most = max(1, cost.most_members(fits[0].trial, widths, room))
    part: list[Fit] = []
    for group in _compared(fits):
        if part and len(part) + len(group) > most:
            yield tuple(part)
            part = []
        for fit in group:
            if len(part) == most:
                yield tuple(part)
                part = []
            part.append(fit)
    yield tuple(part)


def _stack(number: int, fits: tuple[Fit, ...], widths: Widths, cost: Cost) -> Stack:
    real = sum(cost.arithmetic(fit.trial, cost.widths(fit.trial)) for fit in fits)
    padded = sum(cost.arithmetic(fit.trial, widths) for fit in fits)
    size = cost.bytes(fits[0].trial, widths, len(fits))
    return Stack(number, fits, widths, 1 - real / padded if padded else 0.0, size)


def _share(stacks: Sequence[Stack], cost: Cost) -> float:
    """Return the share of the round's arithmetic that is padding."""
    padded = [(s, cost.arithmetic(s.fits[0].trial, s.padded_units) * len(s.fits)) for s in stacks]
    whole = sum(work for _, work in padded)
    return sum(stack.padding * work for stack, work in padded) / whole if whole else 0.0
