"""What went wrong in a fit, or is worth knowing of it, as sentences with one next step each.

Pure NumPy but for networks that are no chain of Dense layers: the same for every engine. The rules
stand in causes.py and symptoms.py, their thresholds in thresholds.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from pipeline.core.records import FitResult, Outcome
from pipeline.training.diagnose.background import background
from pipeline.training.diagnose.case import Case
from pipeline.training.diagnose.causes import CAUSES
from pipeline.training.diagnose.probes import probe
from pipeline.training.diagnose.symptoms import SYMPTOMS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.core.family import Family
    from pipeline.core.records import Arrays, Finding
    from pipeline.training.diagnose.background import Background
    from pipeline.training.settings import Settings

_LOOKED_AT = {Outcome.completed, Outcome.dropped, Outcome.diverged}


def examine(
    results: Sequence[FitResult], arrays: Arrays, family: Family, settings: Settings
) -> None:
    """Fill in the probes and findings of the fits of a stack, in place.

    Args:
        results: Fits that were trained on the same arrays.
        arrays: What they were trained on.
        family: Their family.
        settings: How they were trained.
    """
    looked_at = [result for result in results if result.outcome in _LOOKED_AT]
    if not looked_at:
        return
    # A broken fit's weights overflow, and that is what is measured. The products are so small that
    # BLAS threads cost more than they bring: on a busy machine 40 times as much.
    with np.errstate(all="ignore"), threadpool_limits(limits=1, user_api="blas"):
        behind = background(arrays)
        for result in looked_at:
            if result.weights is not None:
                result.probes = probe(result.fit, result.weights, family, settings, behind)
    for result in looked_at:
        result.findings = diagnose(result, behind, settings, results)


def diagnose(
    result: FitResult,
    behind: Background,
    settings: Settings,
    siblings: Sequence[FitResult] = (),
) -> tuple[Finding, ...]:
    """Return what is to be said of a fit, the gravest first.

    A cause silences what merely follows from it: a network whose units are dead is not also told
    that it is no better than a constant.

    Args:
        result: The fit, with its probes where it has weights.
        behind: What is known of the data.
        settings: How it was trained.
        siblings: Other fits of the same round, to name the largest rate that trained.
    """
    case = Case(result, behind, settings, tuple(siblings))
    with np.errstate(all="ignore"):
        return _findings(case)


def _findings(case: Case) -> tuple[Finding, ...]:
    behind = case.background
    causes = _said(CAUSES, case)
    if case.result.outcome is Outcome.diverged:
        return (*causes, *behind.findings)
    grave = any(finding.severity == "severe" for finding in [*causes, *behind.findings])
    following = [] if grave else _said(SYMPTOMS, case)
    found = [*causes, *behind.findings, *following]
    return tuple(sorted(found, key=lambda finding: _ORDER[finding.severity]))


def _said(rules: Sequence[Callable[[Case], Finding | None]], case: Case) -> list[Finding]:
    """Apply rules in order; of one code the first to speak is heard."""
    found = [finding for rule in rules if (finding := rule(case)) is not None]
    return list({finding.code: finding for finding in reversed(found)}.values())[::-1]


_ORDER = {"severe": 0, "warning": 1, "info": 2}
