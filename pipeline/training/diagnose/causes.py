"""Rules that name a cause: each returns a finding on one fit, or None."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipeline.core.language import rate
from pipeline.core.records import Finding, Outcome
from pipeline.training.diagnose import thresholds as at
from pipeline.training.diagnose.case import Case, times


def diverged(case: Case) -> Finding | None:
    """The loss became infinite or NaN."""
    if case.result.outcome is not Outcome.diverged:
        return None
    epoch = case.result.epochs
    return Finding(
        "diverged",
        "severe",
        f"learning rate {rate(case.rate)} diverged in epoch {epoch}; {_other_rate(case, -1)}",
    )


def blown_up(case: Case) -> Finding | None:
    """The training loss rose far above where it began, or jumped from one epoch to the next."""
    losses, untrained = case.losses, case.one("initial_loss")
    if case.result.outcome is Outcome.diverged or not len(losses):
        return None
    untrained = max(
        case.background.constant_train_loss, losses[0] if np.isnan(untrained) else untrained
    )
    if untrained == 0:
        return None
    rise = float(losses.max() / untrained)
    if rise > at.LOSS_BLOWN_UP:
        seen = f"at learning rate {rate(case.rate)} the training loss reached {losses.max():.3g},"
        return _too_high(
            case,
            f"{seen} {rise:.3g} times that of an untrained network",
            "warning" if case.beats_constant else "severe",
        )
    # The lowest loss before, but not below what is noise around the end.
    floor = np.maximum(np.minimum.accumulate(losses)[:-1], at.WORTH_A_WORD * untrained)
    jumps = losses[1:] / floor
    if not len(jumps) or jumps.max() <= at.LOSS_JUMP:
        return None
    seen = f"the training loss jumped to {jumps.max():.3g} times its lowest in epoch"
    return _too_high(case, f"{seen} {int(jumps.argmax()) + 2}")


def unsteady(case: Case) -> Finding | None:
    """The validation loss leaps up and comes back, or goes up and down.

    The rate is too high where the leap is large or a lower rate scored better: with few validation rows
    the best rate leaps as well, and the epoch that is kept is another one.
    """
    curve = case.result.curves.get("val_loss", np.empty(0))
    if case.result.outcome is Outcome.diverged or len(curve) < at.LEAP_EPOCHS:
        return None
    lowest = np.minimum.accumulate(curve)[:-2]
    back = np.minimum.accumulate(curve[::-1])[::-1][2:]  # the lowest of the epochs that follow
    leaps = np.where(back < at.COMES_BACK * lowest, curve[1:-1], 0.0)
    epoch = int((leaps - at.LEAP * lowest).argmax())
    rises = curve[1:] / curve[:-1]
    lurches = int(((rises[:-1] > at.LURCH) & (rises[1:] * at.LURCH < 1)).sum())
    is_far = leaps[epoch] >= at.LEAP_ALONE * lowest[epoch]
    if leaps[epoch] > at.LEAP * lowest[epoch]:
        leap = f"leapt from {lowest[epoch]:.3g} to {leaps[epoch]:.3g} in epoch {epoch + 2}"
        seen = f"the validation loss {leap} and came back"
    elif lurches >= max(at.LURCHES, at.LURCH_SHARE * len(curve)):
        seen = (
            f"the validation loss jumps: in {lurches} of {len(curve)} epochs it rose by more than"
            f" {at.LURCH - 1:.0%} and fell again in the next"
        )
    else:
        return None
    if is_far or case.lower_rate_is_better:
        return _too_high(case, f"{seen}, so learning rate {rate(case.rate)} overshoots")
    steadier = "a lower rate or more validation rows (data.folds=5) may be steadier"
    return Finding("unsteady", "info", f"{seen}; the best epoch is kept: {steadier}")


def stuck_units(case: Case) -> Finding | None:
    """ReLU units that are 0 for every row never learn again; tanh and sigmoid hardly do at their limits."""
    dead = "ReLU units of hidden layer {} are 0 for every row and cannot learn"
    saturated = "outputs of hidden layer {} are at the limit of their activation"
    for probe, code, seen, activation in (
        ("dead_share", "dead-units", dead, "leaky_relu"),
        ("saturated_share", "saturation", saturated, "relu"),
    ):
        share = case.per_layer(probe)
        if not len(share) or share.max() < at.STUCK_WARNING:
            continue
        harmless = code == "saturation" and case.beats_constant
        return Finding(
            code,
            "severe" if share.max() >= at.STUCK_SEVERE and not harmless else "warning",
            f"{share.max():.0%} of the {seen.format(int(share.argmax()) + 1)}; lower the learning rate,"
            f" or set model.activation={activation}",
        )
    return None


def uneven_gradients(case: Case) -> Finding | None:
    """The first layers of a deep network learn far more slowly than the last, or get far larger steps."""
    slopes = case.per_layer("gradient_norm")[:-1]
    if len(slopes) < 2 or slopes[-1] == 0:  # noqa: PLR2004 - first against last
        return None
    share = float(slopes[0] / slopes[-1])
    if at.VANISHING_WARNING <= share < at.EXPLODING or np.isnan(share):
        return None
    vanishing = share < at.VANISHING_WARNING
    severe = share < at.VANISHING_SEVERE and not case.beats_constant
    activation = " model.activation=relu or" if vanishing else ""
    return Finding(
        "vanishing-gradients" if vanishing else "exploding-gradients",
        "severe" if severe else "warning",
        f"the gradient of the first layer is {share:.1g} times that of hidden layer {len(slopes)};"
        f" use fewer layers,{activation} model.batch_normalization=true",
    )


def rate_too_low(case: Case) -> Finding | None:
    """The weights stayed where they began."""
    moved, before, after = case.one("moved"), case.one("initial_loss"), case.one("sample_loss")
    stuck = max([*case.per_layer("dead_share"), *case.per_layer("saturated_share")], default=0.0)
    if not moved < at.HARDLY_MOVED or stuck >= at.STUCK_SEVERE:
        return None
    if case.result.outcome is Outcome.dropped:
        return None
    change = abs(after - before) / before if before else 0.0
    return Finding(
        "rate-too-low",
        "warning" if case.beats_constant else "severe",
        f"at learning rate {rate(case.rate)} the weights moved by {moved * 100:.2g} % and the training loss"
        f" by {change * 100:.2g} % in {case.result.epochs} epochs; {_other_rate(case, +1)}",
    )


def too_good(case: Case) -> Finding | None:
    """A loss next to zero on unseen rows: the target is probably among the inputs."""
    mean, constant = case.validation.mean, float(case.background.constant_losses.mean())
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
    blown_up,
    unsteady,
    stuck_units,
    uneven_gradients,
    rate_too_low,
    too_good,
)


def _too_high(case: Case, seen: str, severity: str = "warning") -> Finding:
    return Finding("rate-too-high", severity, f"{seen}; {_other_rate(case, -1)}")


def _other_rate(case: Case, side: int) -> str:
    """Return the next step for a rate that is too high (`side` -1) or too low (+1).

    It names a rate on that side at which the same capacity trained in the same stack, or else a new one.
    """
    tried = {
        (sibling.fit.trial.learning_rate, sibling.outcome is Outcome.completed)
        for sibling in case.siblings
        if sibling.fit.trial.capacity == case.result.fit.trial.capacity
        and side * sibling.fit.trial.learning_rate > side * case.rate
    }
    trained = [rate for rate, completed in tried if completed]
    if trained and side < 0:
        return f"{rate(max(trained))} is the largest lower rate that trained"
    if trained:
        return f"{rate(max(trained))} of the same round trained"
    nearest = min((rate for rate, _ in tried), default=0.0)
    if not nearest:
        raised = f"raise the rate, for example to {rate(case.rate * 10)}"
        return f"try {rate(case.rate / 10)}" if side < 0 else raised
    if side < 0:
        return f"{rate(nearest)} did not train to its end either; try {rate(nearest / 10)}"
    between = float(np.sqrt(case.rate * nearest))
    return (
        f"{rate(nearest)} did not train to its end: try a rate between, for example {rate(between)}"
    )
