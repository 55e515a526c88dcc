"""The sentences that explain the decisions of the search, with their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline.core.language import exact, listing, number, plural, rate, trial, trial_beside
from pipeline.core.statistics import Difference
from pipeline.search.decide import Evidence


def change(candidate: Evidence, gap: Difference) -> str:
    """Return a difference with its sign, in the direction of the objective."""
    value = candidate.sign * gap.mean
    return f"difference {'+' if value > 0 else ''}{exact(value)}"


def doubt(gap: Difference) -> str:
    """Return the standard error of a difference."""
    if gap.se == 0.0:
        return "no noise measured"
    return f"standard error {number(gap.se, 2)}"


def first(lead: Evidence) -> str:
    """Return the sentence on the network that the search starts from."""
    return (
        f"{lead.trial.capacity.label} scores {exact(lead.shown)} at learning rate "
        f"{rate(lead.trial.learning_rate)}, best of its bracket: the start."
    )


def comparison(
    candidate: Evidence, reference: Evidence, gap: Difference, verdict: str, then: str
) -> str:
    """Return the sentence on a capacity that was compared with the best before it.

    Args:
        reference: The best before it; both with the executions that they share.
        verdict: As decided; `slight`, `slight loss` where a difference beyond noise is too small to count.
    """
    how = {
        "better": f"better than {{}} by {exact(-gap.mean)}",
        "behind": f"better than {{}} by {exact(-gap.mean)}",
        "slight": f"better than {{}} by {exact(-gap.mean)}, too little to count (search.min_gain)",
        "slight loss": f"worse than {{}} by {exact(gap.mean)}, too little to count (search.min_gain)",
        "same": f"no different from {{}} beyond noise ({change(candidate, gap)})",
        "smaller": f"not worse than {{}} beyond noise ({change(candidate, gap)})",
        "worse": f"worse than {{}} by {exact(gap.mean)}",
    }[verdict].format(f"{reference.trial.capacity.label} ({exact(reference.shown)})")
    return (
        f"{candidate.trial.capacity.label} scores {exact(candidate.shown)} at learning rate "
        f"{rate(candidate.trial.learning_rate)}: {how}, {doubt(gap)} over "
        f"{plural(min(candidate.executions, reference.executions), 'execution')}; {then}."
    )


def left(candidate: Evidence, then: str) -> str:
    """Return the sentence on a capacity that is the best since the one before it failed."""
    return (
        f"{candidate.trial.capacity.label} scores {exact(candidate.shown)} at learning rate "
        f"{rate(candidate.trial.learning_rate)}, the best that is left; {then}."
    )


def unusable(label: str, why: str) -> str:
    """Return the sentence on a capacity none of whose trials can be used."""
    return f"{label} has no usable trial ({why}): it is out."


def too_large(label: str, parameters: int, limit: int) -> str:
    """Return the sentence on a capacity that may not be proposed."""
    return (
        f"{label} has {parameters:,} parameters, above search.max_parameters={limit:,}: not tried."
    )


def level(candidate: Evidence, reference: Evidence) -> str:
    """Return why the best before a round gets as many executions as what would take its place."""
    new, before = _apart(candidate, reference)
    return f"{before} leads what was measured before: {candidate.executions} executions of it as of {new}."


def close(candidate: Evidence, reference: Evidence, gap: Difference, executions: int) -> str:
    """Return why two trials get more executions."""
    first, second = _apart(candidate, reference)
    return (
        f"{first} against {second} is close "
        f"({change(candidate, gap)}, standard error {number(gap.se, 2)}): {executions} executions each."
    )


def _apart(candidate: Evidence, reference: Evidence) -> tuple[str, str]:
    """Name two trials by capacity, or where that is the same by what else tells them apart."""
    first, second = candidate.trial, reference.trial
    if first.capacity != second.capacity:
        return first.capacity.label, second.capacity.label
    return trial_beside(first, second.nuisance), trial_beside(second, first.nuisance)


def limit(frontier: Iterable[Evidence]) -> str:
    """Return why growing ended though the last step paid."""
    largest = max(frontier, key=lambda evidence: evidence.trial.parameters).trial.capacity.label
    return (
        f"The space has nothing larger than {largest} (search.space.layers_max and units_max, "
        "search.max_parameters): growing stops here."
    )


def nuisance(
    better: Evidence,
    reference: Evidence,
    gap: Difference,
    changed: Sequence[str],
    *,
    is_better: bool,
) -> str:
    """Return the sentence on nuisance values that were adopted, beyond noise or within it."""
    how = (
        "kept from here"
        if is_better
        else "too little to count, yet the better score leads from here"
    )
    return (
        f"{better.trial.capacity.label} with {listing(changed)} scores {exact(better.shown)}, without "
        f"{exact(reference.shown)} ({change(better, gap)}, {doubt(gap)}): {how}."
    )


def same_nuisance(lead: Evidence, names: Sequence[str]) -> str:
    """Return the sentence on nuisance values of which none was better."""
    return (
        f"No other {listing(names)} is better than {trial(lead.trial.name)} ({exact(lead.shown)}) "
        f"beyond noise: unchanged."
    )


def round_of_others(best: Evidence, before: Evidence | None, trials: int, unusable: int) -> str:
    """Return the sentence on a round of a search that ranks scores."""
    lost = f", {unusable} of them unusable" if unusable else ""
    sentence = (
        f"Best of {plural(trials, 'trial')}{lost}: {best.trial.capacity.label} at learning rate "
        f"{rate(best.trial.learning_rate)} scores {exact(best.shown)}"
    )
    if before is None:
        return f"{sentence}, the first."
    how = "better than" if best.order < before.order else "behind"
    return f"{sentence}, {how} {before.trial.capacity.label} ({exact(before.shown)}) before it."


def is_selection(champion: Mapping[str, Any]) -> bool:
    """Return whether a champion is an average of different networks: no capacity says what it is."""
    return champion.get("kind") == "greedy" and int(champion.get("networks") or 1) > 1


def size(champion: Mapping[str, Any]) -> str:
    """Return the size of a champion (its entry): that of one network, or of all whose average it is."""
    own, networks = f"{champion['parameters']:,} parameters", champion["networks"]
    if networks == 1:
        return own
    if is_selection(champion):
        total = f"{champion['total_parameters']:,} parameters"
        return f"the average of {networks} networks of the sweep, {total} in all"
    return f"the average of {networks} networks of {own} each"


def within(errors: float) -> str:
    """Return "within one standard error", "within 2 standard errors"."""
    return "within one standard error" if errors == 1.0 else f"within {errors:g} standard errors"


def smallest(chosen: Evidence, best: Evidence, gap: Difference, errors: float) -> str:
    """Return why the one-standard-error rule chose a trial."""
    if chosen is best:
        return f"the best score, and nothing smaller is {within(errors)} of it"
    if not gap.within(errors):
        return (
            f"the smallest that is worse than the best, {best.trial.capacity.label} "
            f"({exact(best.shown)}, {best.trial.parameters:,} parameters), by too little to count "
            f"(search.min_gain): {change(chosen, gap)}, {doubt(gap)}"
        )
    return (
        f"the smallest {within(errors)} of the best, "
        f"{best.trial.capacity.label} ({exact(best.shown)}, {best.trial.parameters:,} parameters): "
        f"{change(chosen, gap)}, {doubt(gap)}"
    )


def knee(points: int) -> str:
    """Return why a trial was chosen as the knee of a front."""
    return f"the knee of the loss-against-size front of {plural(points, 'capacity')}"


def chosen(evidence: Evidence, why: str) -> str:
    """Return the sentence on the final choice."""
    trial = evidence.trial
    return (
        f"{trial.capacity.label} is chosen: {exact(evidence.shown)} over "
        f"{plural(evidence.executions, 'execution')} at learning rate {rate(trial.learning_rate)}, "
        f"{trial.parameters:,} parameters; {why}."
    )


def cut_short(epochs: Sequence[int]) -> str:
    """Return what to say of a chosen trial whose fits a budget cut after so many epochs each; or nothing."""
    if not epochs:
        return ""
    least, most = min(epochs), max(epochs)
    after = plural(most, "epoch") if least == most else f"{least} to {most} epochs"
    whose = "its fit was" if len(epochs) == 1 else f"{len(epochs)} of its fits were"
    return f" Cut by the budget: {whose} stopped after {after}; a longer run would train on."


NO_NETWORK = " The table needs no network: the model without hidden layers is as good as any tried."
