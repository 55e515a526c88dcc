"""What went wrong in a fit, or is worth knowing of it, as sentences with one next step each.

Rules look at the curves of every fit (causes.py, symptoms.py); the best fit of each capacity and those
that learnt nothing are also looked into (probes.py). Every threshold stands in thresholds.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import lru_cache
from typing import Any, cast

import numpy as np

from pipeline.core.family import Family
from pipeline.core.records import Arrays, Finding, FitResult, Outcome, Trial
from pipeline.training.diagnose.background import background
from pipeline.training.diagnose.case import Case
from pipeline.training.diagnose.causes import CAUSES
from pipeline.training.diagnose.probes import Probe
from pipeline.training.diagnose.symptoms import SYMPTOMS
from pipeline.training.settings import Settings

PROBES_KEPT = 8
"""Networks that are kept to look into fits."""
_LOOKED_AT = {Outcome.completed, Outcome.dropped, Outcome.diverged}
_ORDER = {"severe": 0, "warning": 1, "info": 2}


def examine(
    results: Sequence[FitResult], arrays: Arrays, family: Family, settings: Settings
) -> None:
    """Fill in the findings of the fits of a stack, which were trained on the same arrays, in place."""
    looked_at = [result for result in results if result.outcome in _LOOKED_AT]
    if not looked_at:
        return
    with np.errstate(all="ignore"):  # a broken fit's weights overflow: that is what is measured
        behind = background(arrays)
        cases = [Case(result, behind, settings, tuple(results)) for result in looked_at]
        groups: dict[Trial, list[Case]] = defaultdict(list)
        for case in _worth_a_probe(cases):
            groups[case.result.fit.trial.with_rate(1.0)].append(case)
        for trial, group in groups.items():
            probe = _probe(cast("Any", family), trial)  # a protocol is not Hashable
            for case in group:
                case.probes = probe.measure(case.result.fit, case.result.weights or [], behind)
    for case in cases:
        case.result.findings = diagnose(case)


@lru_cache(maxsize=PROBES_KEPT)
def _probe(family: Any, trial: Trial) -> Probe:
    """Return the probe of a trial: rounds return to it with other rates and seeds."""
    return Probe(family, trial)


def _worth_a_probe(cases: Sequence[Case]) -> Iterator[Case]:
    """Yield the best fit of each capacity, and the fits that are no better than a constant."""
    best: dict[Hashable, tuple[bool, float]] = {}
    known = [case for case in cases if case.result.weights is not None]
    for case in known:
        capacity = case.result.fit.trial.capacity
        best[capacity] = min(best.get(capacity, (True, np.inf)), _place(case))
    for case in known:
        if not case.beats_constant or _place(case) == best[case.result.fit.trial.capacity]:
            yield case


def _place(case: Case) -> tuple[bool, float]:
    """Return where a fit stands among those of its capacity: those that ended by themselves first."""
    score = case.result.best(case.settings.objective.metric)
    return case.result.outcome is not Outcome.completed, case.settings.objective.as_loss(score)


def diagnose(case: Case) -> tuple[Finding, ...]:
    """Return what is to be said of a fit, the gravest first.

    A cause silences what merely follows from it: a network whose units are dead is not also told
    that it is no better than a constant.
    """
    with np.errstate(all="ignore"):
        causes = [*_said(CAUSES, case), *case.background.findings]
        if case.result.outcome is Outcome.diverged:
            return tuple(causes)
        grave = any(finding.severity == "severe" for finding in causes)
        following = [] if grave else _said(SYMPTOMS, case)
    return tuple(sorted([*causes, *following], key=lambda finding: _ORDER[finding.severity]))


def _said(rules: Sequence[Callable[[Case], Finding | None]], case: Case) -> list[Finding]:
    """Apply rules in order; of one code the first to speak is heard."""
    found: dict[str, Finding] = {}
    for rule in rules:
        if finding := rule(case):
            found.setdefault(finding.code, finding)
    return list(found.values())
