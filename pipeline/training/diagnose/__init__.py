"""Diagnosis of fits: findings as sentences, with one next step each.

Rules examine the curves of every fit (causes.py, symptoms.py); the best fit of each capacity and those
that learned nothing are also probed (probes.py). All thresholds are in thresholds.py.
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
"""Networks that are kept for probing: rounds return to a trial at other rates and seeds."""
_probe = lru_cache(maxsize=PROBES_KEPT)(Probe)
_EXAMINED = {Outcome.completed, Outcome.dropped, Outcome.diverged}
_ORDER = {"severe": 0, "warning": 1, "info": 2}


def examine(
    results: Sequence[FitResult], arrays: Arrays, family: Family, settings: Settings
) -> None:
    """Set the findings of the fits of a stack, in place; all were trained on the same arrays."""
    examined = [result for result in results if result.outcome in _EXAMINED]
    if not examined:
        return
    with np.errstate(all="ignore"):  # the weights of a diverged fit overflow
        data = background(arrays)
        cases = [Case(result, data, settings, tuple(results)) for result in examined]
        groups: dict[Trial, list[Case]] = defaultdict(list)
        for case in _worth_a_probe(cases):
            groups[case.result.fit.trial.with_rate(1.0)].append(case)
        for trial, group in groups.items():
            probe = _probe(cast("Any", family), trial)  # a protocol is not Hashable
            for case in group:
                case.probes = probe.measure(case.result.fit, case.result.weights or [], data)
    for case in cases:
        case.result.findings = diagnose(case)


def _worth_a_probe(cases: Sequence[Case]) -> Iterator[Case]:
    """Yield the best fit of each capacity, and the fits that are no better than a constant."""
    best: dict[Hashable, tuple[bool, float]] = {}
    kept = [case for case in cases if case.result.weights is not None]
    for case in kept:
        capacity = case.result.fit.trial.capacity
        best[capacity] = min(best.get(capacity, (True, np.inf)), _place(case))
    for case in kept:
        if not case.beats_constant or _place(case) == best[case.result.fit.trial.capacity]:
            yield case


def _place(case: Case) -> tuple[bool, float]:
    """Return the sort key of a fit among those of its capacity: completed fits first, then by objective."""
    score = case.result.best(case.settings.objective.metric)
    return case.result.outcome is not Outcome.completed, case.settings.objective.as_loss(score)


def diagnose(case: Case) -> tuple[Finding, ...]:
    """Return the findings of a fit, the most severe first.

    A severe cause suppresses the symptoms that follow from it: dead units explain a network that is no
    better than a constant.
    """
    with np.errstate(all="ignore"):
        causes = [*_findings(CAUSES, case), *case.background.findings]
        if case.result.outcome is Outcome.diverged:
            return tuple(causes)
        is_severe = any(finding.severity == "severe" for finding in causes)
        symptoms = [] if is_severe else _findings(SYMPTOMS, case)
    return tuple(sorted([*causes, *symptoms], key=lambda finding: _ORDER[finding.severity]))


def _findings(rules: Sequence[Callable[[Case], Finding | None]], case: Case) -> list[Finding]:
    """Return the findings of some rules, the first of each code."""
    findings: dict[str, Finding] = {}
    for rule in rules:
        if finding := rule(case):
            findings.setdefault(finding.code, finding)
    return list(findings.values())
