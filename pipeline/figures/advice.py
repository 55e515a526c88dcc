"""All remarks on a sweep in order of urgency, and the command that the next sweep should be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.config.choices import Prefer
from pipeline.core import language
from pipeline.core.records import Outcome
from pipeline.evaluation.stand import CLEARLY, is_noise
from pipeline.figures import quality
from pipeline.figures.edges import VALUES, edges, many_diverged, rates_up_to, written
from pipeline.figures.remark import SEVERE, Remark, listing, setting
from pipeline.figures.tables import lowest
from pipeline.figures.trials import (
    capacities,
    champion_entry,
    done_fits,
    failed_fits,
    leader,
    once,
    rule,
    trials,
)
from pipeline.figures.verdict import FINISHED, command, first_names, status, was_cut
from pipeline.ledger.read import SweepRecord

ORDER = {SEVERE: -1, "warning": 0, "info": 1, "good": 2}


@once
def remarks(record: SweepRecord) -> list[Remark]:
    """Return everything worth saying about a sweep, the most urgent first."""
    all_remarks = [*quality.severe(record), *_failures(record)]
    if champion_entry(record) and leader(record) is not None:
        all_remarks += edges(record)
        for look in (
            quality.few,
            _sureness,
            quality.epochs,
            quality.kept,
            quality.fitting,
            quality.optimism,
            quality.baselines,
            quality.calibration,
            _production,
        ):
            all_remarks += look(record)
    return sorted(all_remarks, key=lambda remark: ORDER[remark.severity])


def next_command(record: SweepRecord) -> tuple[str, str]:
    """Return what to run next as a ready command line, and why."""
    hopeless = len(done_fits(record)) and trials(record).empty
    if status(record) != FINISHED and not hopeless:
        why = "To go on where this sweep stopped; nothing that is finished is repeated."
        return command(record, {"resume": record.run_id}), why
    wanted: dict[str, str] = {}
    purposes = []
    for remark in remarks(record):
        wanted |= dict(word.split("=", 1) for word in remark.overrides)
        purposes += [remark.purpose] if remark.overrides else []
    purposes = list(dict.fromkeys(purposes))
    if wanted:
        return command(record, wanted), f"To {language.listing(purposes)}."
    seed = int(setting(record, "seed") or 0) + 1
    why = "To see whether another seed comes to the same choice: no remark asks for anything else."
    return command(record, {"seed": str(seed)}), why


def _failures(record: SweepRecord) -> Iterator[Remark]:
    fits = done_fits(record)
    if not len(fits):
        return
    failed = failed_fits(record)
    if failed.empty:
        yield Remark("failures", "No fit diverged or was too large.", "good")
        return
    share = len(failed) / len(fits)
    counts = (
        f"{len(failed):,} of {language.plural(len(fits), 'fit')} failed ({language.percent(share)})"
    )
    diverged = failed[failed["outcome"] == Outcome.diverged.value]
    if not many_diverged(record):
        yield Remark("failures", f"{counts}; they are recorded and never ranked.")
        return
    completed = fits.loc[fits["outcome"] == Outcome.completed.value, "learning_rate"]
    sentence = f"{counts}: the space reaches into learning rates that cannot train."
    if len(completed):
        overrides = rates_up_to(record, float(completed.max()))
    else:
        low, start, high = (float(diverged["learning_rate"].min()) / by for by in (1000, 100, 10))
        overrides = (f"{VALUES}={written([low, start, high])}",)
        if not listing(record, VALUES):
            limits = {"low": low, "start": start, "high": high}
            overrides = tuple(
                f"search.learning_rate.{name}={language.rate(rate)}"
                for name, rate in limits.items()
            )
    yield Remark("failures", sentence, "warning", overrides, "leave out rates that diverge")


def _sureness(record: SweepRecord) -> Iterator[Remark]:
    """Say which capacities these rows tell apart from the best score, and what that decided."""
    table = capacities(record)
    if len(table) <= 1 or table["gap_se"].isna().all():
        return
    best = lowest(table, "loss")
    is_best = best["trial"] == champion_entry(record).get("trial")
    others = table[table["gap"] > 0]
    choice = rule(record)
    most = max(choice.one_se, CLEARLY)
    close = others[others["gap"] <= most * others["gap_se"]]
    if close.empty:
        yield _clear(record, lowest(others, "gap") if len(others) else best, is_best=is_best)
        return
    by_size = choice.prefer is Prefer.smallest and not is_best
    decided = ", so size decided" if by_size else ""
    sentence = (
        f"{first_names(close['capacity'])} cannot be told apart from the best score, {best['capacity']}, on "
        f"these validation rows (at most {most:g} standard errors){decided}."
    )
    overrides, purpose = _surer(record, lowest(close, "gap"))
    yield Remark("how sure", sentence, "info", overrides, purpose)


def _clear(record: SweepRecord, second: Any, *, is_best: bool) -> Remark:
    """Say that the best score stands alone, and whether that settles the choice."""
    sure = language.number(second.gap / second.gap_se, 2) if second.gap_se else "many"
    sentence = f"The next best capacity, {second.capacity}, is {sure} standard errors worse"
    if was_cut(record):
        return Remark("how sure", f"{sentence} of those tried before the search was cut.")
    if is_noise(record.summary):  # clearly the best of those that learnt nothing
        return Remark("how sure", f"{sentence}.")
    if not is_best:
        return Remark("how sure", f"{sentence} than the best score, which was not chosen.")
    return Remark("how sure", f"{sentence}: the choice is clear.", "good")


def _surer(record: SweepRecord, rival: Any) -> tuple[tuple[str, ...], str]:
    """Return overrides that shrink the error of the closest difference, and their purpose: seeds, or rows."""
    if 2 * rival.seed_share >= 1:
        more = max(5, 2 * int(rival.executions))
        overrides = [f"training.executions={more}"]
        most = setting(record, "search.max_executions")
        if most is not None and most < more:
            overrides.append(f"search.max_executions={more}")
        return tuple(overrides), "tell close capacities apart by more seeds"
    if setting(record, "data.folds") is not None:
        return (), ""
    return (quality.folds(record),), "tell close capacities apart by validating on every row"


def _production(record: SweepRecord) -> Iterator[Remark]:
    """Say whether the champion replaced the model in production, and why."""
    verdict = record.summary.get("registry")
    if isinstance(verdict, dict):
        severity = "good" if verdict.get("promoted") else "info"
        yield Remark("production", str(verdict.get("reason", "")), severity)
