"""Checks that 16-bit arithmetic trains as well as float32 on this table, by a short fit in both."""

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
"""Rounding matters in the first epochs or not at all."""
TOLERANCE = 0.05
"""Largest difference of the best objectives, as a share."""


def check_precision(
    fit: Fit,
    arrays: Arrays,
    family: Family,
    settings: Settings,
    reference: Engine | None = None,
) -> None:
    """Train a fit for a few epochs in both arithmetics, and compare the objectives.

    Args:
        reference: The engine; None: `fit`.

    Raises:
        ConfigError: The objectives differ by more than TOLERANCE, or that in 16 bit is not finite.
    """
    stack = Stack(0, (replace(fit, epochs=min(EPOCHS, fit.epochs)),))
    metric = settings.objective.metric
    trainer = reference or engine(EngineKind.fit)
    objectives = []
    for mixed in (False, True):
        own = replace(settings, mixed_precision=mixed, patience=EPOCHS, drop_after=0)
        (result,) = train(trainer, stack, arrays, family, own, Unattended())
        objectives.append(result.best(metric))
    exact, short = objectives
    gap = abs(short - exact) / max(abs(exact), 1e-12)
    if math.isfinite(exact) and not gap <= TOLERANCE:  # also where `short` is NaN
        raise ConfigError(
            f"training.mixed_precision=true: after {EPOCHS} epochs {metric} is {short:.4g} in 16-bit "
            f"arithmetic and {exact:.4g} in float32, further apart than {TOLERANCE:.0%}. Train this "
            "table with training.mixed_precision=false (conf/training/default.yaml)."
        )
    log.info("16-bit arithmetic is used: %s %.4g, float32 %.4g", metric, short, exact)
