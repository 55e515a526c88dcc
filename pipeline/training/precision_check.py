"""Whether 16-bit arithmetic learns on this table what float32 learns: a short fit both ways."""

from __future__ import annotations

import logging
import math
from dataclasses import replace

from pipeline.config.choices import EngineKind
from pipeline.core.control import Unattended
from pipeline.core.errors import ConfigError
from pipeline.core.family import Family
from pipeline.core.records import Arrays, Fit, Stack
from pipeline.training.engine import Engine, engine, train
from pipeline.training.settings import Settings

log = logging.getLogger(__name__)

EPOCHS = 5
"""Rounding shows at once, or it does not matter."""
TOLERANCE = 0.05
"""By which share the best objectives may differ."""


def check_precision(
    fit: Fit,
    arrays: Arrays,
    family: Family,
    settings: Settings,
    reference: Engine | None = None,
) -> None:
    """Train a fit a few epochs in both arithmetics, by `fit`; refuse the shorter where it learns otherwise.

    Raises:
        ConfigError: The objectives differ by more than TOLERANCE, or one is no number.
    """
    stack = Stack(0, (replace(fit, epochs=min(EPOCHS, fit.epochs)),))
    metric = settings.objective.metric
    trainer = reference or engine(EngineKind.fit)
    both = []
    for mixed in (False, True):
        asked = replace(settings, mixed_precision=mixed, patience=EPOCHS, drop_after=0)
        (result,) = train(trainer, stack, arrays, family, asked, Unattended())
        both.append(result.best(metric))
    exact, short = both
    gap = abs(short - exact) / max(abs(exact), 1e-12)
    if math.isfinite(exact) and not gap <= TOLERANCE:  # also where the short one is no number
        raise ConfigError(
            f"training.mixed_precision=true: after {EPOCHS} epochs {metric} is {short:.4g} in 16-bit "
            f"arithmetic and {exact:.4g} in float32, further apart than {TOLERANCE:.0%}. Train this "
            "table with training.mixed_precision=false (conf/training/default.yaml)."
        )
    log.info("16-bit arithmetic is used: %s %.4g, float32 %.4g", metric, short, exact)
