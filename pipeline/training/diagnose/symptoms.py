"""Rules that name a symptom; applied only where there is no severe cause."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipeline.core.language import GROW
from pipeline.core.records import Finding, Outcome
from pipeline.training.diagnose import thresholds as at
from pipeline.training.diagnose.case import Case, times


def no_signal(case: Case) -> Finding | None:
    """No better than a constant prediction."""
    losses = case.result.row_losses
    if losses is None or case.beats_constant or case.result.outcome is not Outcome.completed:
        return None
    if still_improving(case) is not None:
        return None
    mean, constant = case.validation.mean, float(case.background.constant_losses.mean())
    severity = "severe" if len(losses) >= at.FEW_ROWS else "warning"
    return Finding(
        "no-signal",
        severity,
        f"the validation loss {mean:.4g} is no better than that of a constant prediction"
        f" ({constant:.4g}); check that the rows and their targets belong together",
    )


def easy_validation(case: Case) -> Finding | None:
    """Validation rows that are easier than training rows: the split is not fair."""
    mean, train = case.result.best("val_loss"), case.result.train_loss
    noise = float(np.hypot(case.validation.se, case.one("sample_loss_se")))
    if not (mean < at.EASY_RATIO * train and train - mean > at.EASY_CLEARLY * noise):
        return None
    return Finding(
        "easy-validation",
        "warning",
        f"validation rows are easier than training rows (loss {mean:.3g} against {train:.3g}, both"
        " without dropout); check how they were split (data.split, data.group, data.time)",
    )


def overfitting(case: Case) -> Finding | None:
    """The training loss is far below the validation loss, or they part company."""
    mean, train = case.result.best("val_loss"), case.result.train_loss
    curve, best = case.result.curves["val_loss"], case.result.best_epoch
    apart = mean - train > at.CLEARLY * case.validation.se
    if mean > at.GAP_RATIO * train and apart:
        return Finding(
            "overfitting",
            "warning",
            f"the validation loss {mean:.3g} is {times(mean, train):.2g} times the training loss {train:.3g}"
            " at the best epoch; try fewer units, dropout or more rows",
        )
    rise = times(float(curve[-1]), float(curve[best]))
    if np.isfinite(rise) and rise > at.RISE_RATIO and case.losses[-1] < case.losses[best]:
        return Finding(
            "overfitting",
            "info",
            f"after epoch {best + 1} the validation loss rose by {rise - 1:.0%} while the training"
            " loss fell; the best epoch is kept: fewer units or dropout may do better",
        )
    return None


def underfitting(case: Case) -> Finding | None:
    """The training loss has levelled out as high as the validation loss."""
    mean, train = case.result.best("val_loss"), case.result.train_loss
    high = train > at.STILL_HIGH * case.background.constant_train_loss
    alike = at.EASY_RATIO * train < mean < train + case.validation.se
    epochs = case.result.epochs
    before = case.losses[-1 - max(1, epochs // 5)] if epochs > 1 else np.inf
    if not (high and alike and case.losses[-1] > at.LEVELLED * before):
        return None
    return Finding(
        "underfitting",
        "info",
        f"the training loss levelled out at {train:.3g}, no lower than the validation loss {mean:.3g};"
        f" {GROW}",
    )


def still_improving(case: Case) -> Finding | None:
    """The last epoch allowed was the best."""
    result, fit = case.result, case.result.fit
    if result.epochs < fit.epochs or result.best_epoch < result.epochs - 1:
        return None
    curve, back = case.objectives, max(1, fit.epochs // 10)
    before = curve[-1 - back] if len(curve) > back else float("nan")
    gain = abs((before - curve[-1]) / before) if len(curve) > back and before else float("nan")
    if gain < at.STILL_FALLING:
        return None
    ended = "the only epoch" if fit.epochs == 1 else f"the last of {fit.epochs} epochs"
    gained = "" if np.isnan(gain) else f" and gained {gain:.1%} over the last {back}"
    return Finding(
        "still-improving",
        "warning",
        f"{case.settings.objective.metric} was best in {ended}{gained}; allow more"
        f" (training.epochs={fit.epochs * 2 if fit.epochs > 1 else 30})",
    )


def first_epoch(case: Case) -> Finding | None:
    """The first epoch was the best: weights that have hardly trained are kept."""
    result = case.result
    if result.outcome is not Outcome.completed or result.best_epoch != 0:
        return None
    if result.epochs < at.FIRST_OF:
        return None
    return Finding(
        "first-epoch",
        "warning",
        f"{case.settings.objective.metric} was best in the first of {result.epochs} epochs: these weights"
        " have hardly trained; try lower rates (search.learning_rate.low), or validate on more rows"
        " (data.folds=5)",
    )


def lucky_epoch(case: Case) -> Finding | None:
    """The epoch kept is far better than those on both sides of it: chance chose it."""
    result, objective, curve = case.result, case.settings.objective, case.objectives
    best = result.best_epoch
    if result.outcome is not Outcome.completed or not 0 < best < len(curve) - 1:
        return None
    around = np.delete(curve[max(best - at.AROUND, 0) : best + at.AROUND + 1], min(best, at.AROUND))
    usual = float(np.median(around))
    dip = usual - float(curve[best])
    if not dip > max(at.LUCKY_SHARE * abs(usual), at.LUCKY_TIMES * float(np.ptp(around))):
        return None
    return Finding(
        "lucky-epoch",
        "warning",
        f"{objective.metric} of epoch {best + 1}, the one kept, is"
        f" {objective.as_loss(float(curve[best])):.3g}"
        f" where the epochs around it have {objective.as_loss(usual):.3g}: its score flatters; lower the"
        " learning rate, or validate on more rows (data.folds=5)",
    )


SYMPTOMS: tuple[Callable[[Case], Finding | None], ...] = (
    no_signal,
    easy_validation,
    overfitting,
    underfitting,
    still_improving,
    first_epoch,
    lucky_epoch,
)
