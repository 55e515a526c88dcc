"""What there is to see in each figure of this very sweep, in a sentence or two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core import language
from pipeline.figures.baselines import CHAMPION, baseline_scores
from pipeline.figures.capacity import path
from pipeline.figures.predictions import (
    accuracy_sentence,
    calibration_error,
    calibration_noise,
    is_classification,
    part_name,
)
from pipeline.figures.rates import SEED
from pipeline.figures.rates import importance as importance_of
from pipeline.figures.remark import setting
from pipeline.figures.sizes import leader_losses, train_and_validation_by_size
from pipeline.figures.trials import SMALLEST, capacities, neighbours, prefers, trials
from pipeline.figures.trials import pareto as front
from pipeline.search.sentences import within

if TYPE_CHECKING:
    from pipeline.ledger.read import SweepRecord


def capacity(record: SweepRecord) -> str:
    """Tell the path, and what the bars mean."""
    steps = path(record)
    allowed = within(setting(record, "search.one_se") or 1.0)
    rule = f" The smallest {allowed} of the best is chosen." if prefers(record) == SMALLEST else ""
    way = f"The search went {' → '.join(steps)}. " if len(steps) > 1 else ""
    return (
        f"{way}Bars are one standard error of the difference to the best score, on the same seeds "
        f"and validation rows: where one reaches the dashed line, the two are that close.{rule}"
    )


def curves(record: SweepRecord) -> str:
    """Name the three networks."""
    smaller, larger = neighbours(record)
    if smaller is None and larger is None:
        return "One capacity, at the learning rates that were tried; a dot marks the epoch kept."
    return "Bold is the median execution, faint are the others; a dot marks the epoch that is kept."


def training(record: SweepRecord) -> str:
    """Say what the gap means."""
    found = leader_losses(record)
    if found is None or found[1] <= 0:
        return "The champion left no pair of curves."
    gap = (found[1] - found[0]) / found[1]
    side = "below" if gap >= 0 else "above"
    return (
        f"At the best epoch training loss lies {language.percent(abs(gap))} {side} validation loss."
    )


def fitting(record: SweepRecord) -> str:
    """Say at which sizes the gap is smallest and widest."""
    table = train_and_validation_by_size(record)
    if len(table) <= 1:
        return "One capacity alone shows no trend."
    ordered = table.sort_values("gap", kind="stable")
    narrow, wide = ordered.iloc[0], ordered.iloc[-1]
    if wide["gap"] <= 0:
        return "At the best epochs training loss lies below validation loss nowhere."
    return (
        "Both high: under-fitting. Far apart: over-fitting. The gap is smallest for "
        f"{narrow['capacity']} and widest for {wide['capacity']} ({language.percent(wide['gap'])})."
    )


def pareto(record: SweepRecord) -> str:
    """Count the front."""
    size, known = len(front(record)), len(capacities(record))
    verb = "has" if size == 1 else "have"
    return f"{size} of {known} capacities {verb} no smaller one that is as good."


def rates(record: SweepRecord) -> str:
    """Say why rates are searched at each capacity, from this sweep's own numbers."""
    best = trials(record).drop_duplicates("capacity")["learning_rate"]
    if best.nunique() > 1:
        return (
            f"The rate that scored best was {language.rate(best.min())} to {language.rate(best.max())}, "
            "depending on the capacity; each is compared at its own."
        )
    if best.empty:
        return "Every rate that was tried failed, at every capacity."
    return "The same rate was best at every capacity that was tried."


def importance(record: SweepRecord) -> str:
    """Name what mattered most."""
    shares = importance_of(record).drop(SEED, errors="ignore")
    if shares.empty:
        return "Too few trials to say."
    return (
        f"Share of the variance of ranked scores that each explains by itself; {shares.idxmax()} "
        "mattered most. Shares overlap, so they do not add up to 100 %."
    )


def baselines(record: SweepRecord) -> str:
    """Say who wins."""
    table = baseline_scores(record)
    if table.empty:
        return "This sweep ended before anything was tested."
    first = str(table["model"].iloc[0])
    won = "The champion" if first == CHAMPION else f"{first[:1].upper()}{first[1:]}"
    return (
        f"{won} has the lowest loss on the {table['part'].iloc[0]} rows. Bars are one standard error of "
        "each by itself; whether two differ is said above, from the rows they share."
    )


def predictions(record: SweepRecord) -> str:
    """Say how far off predictions are, in the target's own unit."""
    table = record.predictions
    if table is None or table.empty or is_classification(record):
        return "There are no predicted numbers."
    error = (table["prediction"] - table["truth"]).abs()
    return (
        f"{len(table):,} {part_name(record)} rows; half of the predictions are off by less than "
        f"{language.number(error.median())}, nine in ten by less than {language.number(error.quantile(0.9))}."
    )


def confusion(record: SweepRecord) -> str:
    """Count the right ones."""
    return accuracy_sentence(record)


def calibration(record: SweepRecord) -> str:
    """Say how far probabilities can be trusted."""
    error, most = calibration_error(record), calibration_noise(record)
    off = ""
    if error is not None and most is not None:
        perfect = f"a perfect model shows up to {language.percent(most)} on so many rows"
        off = f" Its probabilities are off by {language.percent(error)} on average; {perfect}."
    return f"Above the diagonal the champion is too timid, below it too sure.{off}"


def images(record: SweepRecord) -> str:
    """Say what the labels are."""
    return f"{part_name(record).capitalize()} rows. Above: true → predicted, where it was wrong."
