"""Rules that name a cause: each looks at one fit and says what it sees, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.core.records import Finding, Outcome
from pipeline.training.diagnose import thresholds as at
from pipeline.training.diagnose.case import times

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.core.records import FitResult
    from pipeline.training.diagnose.case import Case


def diverged(case: Case) -> Finding | None:
    """The loss became infinite or NaN."""
    if case.result.outcome is not Outcome.diverged:
        return None
    return Finding(
        "diverged",
        "severe",
        f"learning rate {case.rate:g} diverged in epoch {case.result.epochs}; {_lower_rate(case)}",
    )


def rate_too_high(case: Case) -> Finding | None:
    """The training loss rose far above where it began, or jumped from one epoch to the next."""
    losses = case.losses
    if case.result.outcome is Outcome.diverged or not len(losses):
        return None
    untrained = np.nanmax([case.background.constant_train_loss, case.one("initial_loss")])
    if untrained == 0:
        return None
    rise = float(losses.max() / untrained)
    if rise > at.LOSS_BLOWN_UP:
        return Finding(
            "rate-too-high",
            "warning" if case.beats_constant else "severe",
            f"at learning rate {case.rate:g} the training loss reached {losses.max():.3g},"
            f" {rise:.3g} times that of an untrained network; {_lower_rate(case)}",
        )
    # The lowest loss before, but not below what is noise around the end.
    floor = np.maximum(np.minimum.accumulate(losses)[:-1], at.WORTH_A_WORD * untrained)
    noticed = losses[1:] / floor
    if not len(noticed) or noticed.max() <= at.LOSS_JUMP:
        return None
    epoch = int(noticed.argmax()) + 2
    return Finding(
        "rate-too-high",
        "warning",
        f"the training loss jumped to {noticed.max():.3g} times its lowest in epoch {epoch};"
        f" {_lower_rate(case)}",
    )


def unsteady(case: Case) -> Finding | None:
    """The validation loss leaps up and comes back: steps that overshoot."""
    curve = case.result.curves.get("val_loss", np.empty(0))
    if case.result.outcome is Outcome.diverged or len(curve) < at.LEAP_EPOCHS:
        return None
    lowest = np.minimum.accumulate(curve)[:-2]
    back = np.minimum.accumulate(curve[::-1])[::-1][2:]  # the lowest of the epochs that follow
    leaps = np.where(back < at.COMES_BACK * lowest, curve[1:-1], 0.0)
    epoch = int((leaps - at.LEAP * lowest).argmax())
    if not leaps[epoch] > at.LEAP * lowest[epoch]:
        return _zigzag(case, curve)
    return Finding(
        "rate-too-high",
        "warning",
        f"the validation loss leapt from {lowest[epoch]:.3g} to {leaps[epoch]:.3g} in epoch {epoch + 2} and"
        f" came back: learning rate {case.rate:g} overshoots; {_lower_rate(case)}",
    )


def _zigzag(case: Case, curve: np.ndarray) -> Finding | None:
    """The validation loss goes up and down from epoch to epoch: smaller steps would settle."""
    rises = curve[1:] / curve[:-1]
    lurches = int(((rises[:-1] > at.LURCH) & (rises[1:] * at.LURCH < 1)).sum())
    if lurches < max(at.LURCHES, at.LURCH_SHARE * len(curve)):
        return None
    return Finding(
        "rate-too-high",
        "warning",
        f"the validation loss jumps: in {lurches} of {len(curve)} epochs it rose by more than"
        f" {at.LURCH - 1:.0%} and fell again in the next, so learning rate {case.rate:g} overshoots;"
        f" {_lower_rate(case)}",
    )


def dead_units(case: Case) -> Finding | None:
    """ReLU units that are 0 for every row never learn again."""
    share = case.per_layer("dead_share")
    if not len(share) or share.max() < at.DEAD_WARNING:
        return None
    severity = "severe" if share.max() >= at.DEAD_SEVERE else "warning"
    return Finding(
        "dead-units",
        severity,
        f"{share.max():.0%} of the ReLU units of hidden layer {int(share.argmax()) + 1} are 0 for"
        " every row and cannot learn; lower the learning rate, or set model.activation=leaky_relu",
    )


def vanishing_gradients(case: Case) -> Finding | None:
    """The first layers of a deep network learn far more slowly than the last."""
    slopes = case.per_layer("gradient_norm")[:-1]
    if len(slopes) < 2 or slopes[-1] == 0:  # noqa: PLR2004 - first against last
        return None
    share = float(slopes[0] / slopes[-1])
    if share >= at.VANISHING_WARNING:
        return None
    severity = "severe" if share < at.VANISHING_SEVERE and not case.beats_constant else "warning"
    return Finding(
        "vanishing-gradients",
        severity,
        f"the gradient of the first layer is {share:.1g} times that of hidden layer {len(slopes)};"
        " use fewer layers, model.activation=relu or model.batch_normalization=true",
    )


def exploding_gradients(case: Case) -> Finding | None:
    """The first layers of a deep network get far larger gradients than the last."""
    slopes = case.per_layer("gradient_norm")[:-1]
    if len(slopes) < 2 or slopes[-1] == 0 or slopes[0] / slopes[-1] < at.EXPLODING:  # noqa: PLR2004
        return None
    return Finding(
        "exploding-gradients",
        "warning",
        f"the gradient of the first layer is {slopes[0] / slopes[-1]:.3g} times that of hidden layer"
        f" {len(slopes)}; use fewer layers, or model.batch_normalization=true",
    )


def saturation(case: Case) -> Finding | None:
    """Outputs of tanh or sigmoid at their limits, where the slope is next to nothing."""
    share = case.per_layer("saturated_share")
    if not len(share) or share.max() < at.SATURATED_WARNING:
        return None
    severity = "severe" if share.max() >= at.SATURATED_SEVERE else "warning"
    severity = "warning" if case.beats_constant else severity
    return Finding(
        "saturation",
        severity,
        f"{share.max():.0%} of the outputs of hidden layer {int(share.argmax()) + 1} are at the"
        " limit of their activation; lower the learning rate, or set model.activation=relu",
    )


def rate_too_low(case: Case) -> Finding | None:
    """The weights stayed where they began."""
    moved, before, after = case.one("moved"), case.one("initial_loss"), case.one("train_loss")
    stuck = max([*case.per_layer("dead_share"), *case.per_layer("saturated_share")], default=0.0)
    if not moved < at.HARDLY_MOVED or stuck >= at.DEAD_SEVERE:
        return None
    if case.result.outcome is Outcome.dropped:
        return None
    change = abs(after - before) / before if before else 0.0
    severity = "warning" if case.beats_constant else "severe"
    return Finding(
        "rate-too-low",
        severity,
        f"at learning rate {case.rate:g} the weights moved by {moved * 100:.2g} % and the training loss"
        f" by {change * 100:.2g} % in {case.result.epochs} epochs;"
        f" {_higher_rate(case)}",
    )


def too_good(case: Case) -> Finding | None:
    """A loss next to zero on unseen rows: the target is probably among the inputs."""
    mean, constant = case.validation[0], float(case.background.constant_losses.mean())
    if not mean < at.TOO_GOOD * constant:
        return None
    look = (
        "is its one column known only after the target?"
        if case.background.columns == 1
        else "look for a column that is known only after the target (data.drop)"
    )
    return Finding(
        "leaked-target",
        "severe",
        f"the validation loss is {mean:.2g}, {times(mean, constant):.1g} of that of a constant"
        f" prediction: {look}",
    )


CAUSES: tuple[Callable[[Case], Finding | None], ...] = (
    diverged,
    rate_too_high,
    unsteady,
    dead_units,
    vanishing_gradients,
    exploding_gradients,
    saturation,
    rate_too_low,
    too_good,
)


def _lower_rate(case: Case) -> str:
    """Return the next step for a rate that is too high: a lower one that trained, or one not tried."""
    lower = [other for other in _others(case) if other.fit.trial.learning_rate < case.rate]
    trained = [o.fit.trial.learning_rate for o in lower if o.outcome is Outcome.completed]
    if trained:
        return f"{max(trained):g} is the largest lower rate that trained"
    if not lower:
        return f"try {case.rate / 10:g}"
    lowest = min(other.fit.trial.learning_rate for other in lower)
    return f"{lowest:g} did not train to its end either; try {lowest / 10:.3g}"


def _higher_rate(case: Case) -> str:
    """Return the next step for a rate that is too low: a higher one that trained, or one not tried."""
    higher = [other for other in _others(case) if other.fit.trial.learning_rate > case.rate]
    trained = [o.fit.trial.learning_rate for o in higher if o.outcome is Outcome.completed]
    if trained:
        return f"{max(trained):g} of the same round trained"
    if not higher:
        return f"raise the rate, for example to {case.rate * 10:g}"
    nearest = min(other.fit.trial.learning_rate for other in higher)
    between = float(np.sqrt(case.rate * nearest))
    return f"{nearest:g} did not train to its end: try a rate between, for example {between:.3g}"


def _others(case: Case) -> list[FitResult]:
    """Return the fits of the same capacity in the same round."""
    siblings = case.siblings
    return [one for one in siblings if one.fit.trial.capacity == case.result.fit.trial.capacity]
