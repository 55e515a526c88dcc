"""The verdict of a sweep: failures, edges, how sure the choice is, what more data would give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.core import language
from pipeline.core.records import Outcome
from pipeline.evaluation.stand import CLEARLY, is_noise
from pipeline.figures.capacity import errors
from pipeline.figures.findings import most_show
from pipeline.figures.quality import (
    baselines,
    calibration,
    epochs,
    few,
    fitting,
    folds,
    kept,
    optimism,
    severe,
)
from pipeline.figures.remark import SEVERE, Remark, listing, setting
from pipeline.figures.tables import lowest
from pipeline.figures.trials import (
    SMALLEST,
    capacities,
    champion_entry,
    done_fits,
    leader,
    prefers,
    trials,
)
from pipeline.figures.verdict import FINISHED, MOST_NAMED, command, status, was_cut
from pipeline.ledger.read import SweepRecord

MANY_FAILED = 0.2
"""Share of fits that failed from which the space itself is in doubt (tuning_playbook: look at it)."""
NEAR_EDGE = 1.05
"""A learning rate within this factor of a limit stands on it: limits are rounded when typed."""

GROWN_OUT = "growing stops here"
"""In the reason of a decision: the space had nothing larger (`search/sentences.py`)."""
VALUES = "search.learning_rate.values"
ORDER = {SEVERE: -1, "warning": 0, "info": 1, "good": 2}


def remarks(record: SweepRecord) -> list[Remark]:
    """Return everything worth saying about a sweep, the most urgent first."""
    found = [*severe(record), *_failures(record)]
    if champion_entry(record) and leader(record) is not None:
        found += edges(record)
        for look in (
            few,
            _sureness,
            epochs,
            kept,
            fitting,
            optimism,
            baselines,
            calibration,
            _production,
        ):
            found += look(record)
    return sorted(found, key=lambda remark: ORDER[remark.severity])


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
    why = "To see whether another seed comes to the same choice: nothing stands on an edge."
    return command(record, {"seed": str(seed)}), why


def _failures(record: SweepRecord) -> Iterator[Remark]:
    fits = done_fits(record)
    if not len(fits):
        return
    failed = fits[fits["outcome"].isin([Outcome.diverged.value, Outcome.infeasible.value])]
    if failed.empty:
        yield Remark("failures", "No fit diverged or was too large.", "good")
        return
    share = len(failed) / len(fits)
    told = (
        f"{len(failed):,} of {language.plural(len(fits), 'fit')} failed ({language.percent(share)})"
    )
    diverged = failed[failed["outcome"] == Outcome.diverged.value]
    if share < MANY_FAILED or diverged.empty:
        yield Remark("failures", f"{told}; they are recorded and never ranked.")
        return
    completed = fits.loc[fits["outcome"] == Outcome.completed.value, "learning_rate"]
    sentence = f"{told}: the space reaches into learning rates that cannot train."
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
    best_one = lowest(table, "loss")
    is_best = best_one["trial"] == champion_entry(record).get("trial")
    others = table[table["gap"] > 0]
    most = max(errors(record), CLEARLY)
    close = others[others["gap"] <= most * others["gap_se"]]
    if close.empty:
        yield _clear(record, lowest(others, "gap") if len(others) else best_one, is_best=is_best)
        return
    named = [str(name) for name in close["capacity"].head(MOST_NAMED)]
    if len(close) > MOST_NAMED:
        named.append(f"{len(close) - MOST_NAMED} more")
    decided = ", so size decided" if prefers(record) == SMALLEST and not is_best else ""
    sentence = (
        f"{language.listing(named)} cannot be told apart from the best score, {best_one['capacity']}, on "
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
    """Return what would shrink the error of the closest difference: more seeds, or more rows."""
    if 2 * rival.seed_share >= 1:
        more = max(5, 2 * int(rival.executions))
        overrides = [f"training.executions={more}"]
        most = setting(record, "search.max_executions")
        if most is not None and most < more:
            overrides.append(f"search.max_executions={more}")
        return tuple(overrides), "tell close capacities apart by more seeds"
    if setting(record, "data.folds") is not None:
        return (), ""
    return (folds(record),), "tell close capacities apart by validating on every row"


def _production(record: SweepRecord) -> Iterator[Remark]:
    """Say whether the champion replaced the model in production, and why."""
    verdict = record.summary.get("registry")
    if isinstance(verdict, dict):
        severity = "good" if verdict.get("promoted") else "info"
        yield Remark("production", str(verdict.get("reason", "")), severity)


def edges(record: SweepRecord) -> list[Remark]:
    """Return one remark an edge, or the good news that there is none."""
    listed = listing(record, "search.space.architectures")
    capacity = [] if listed else [*_depth(record), *_width(record)]
    found = [*capacity, *_size_limit(record), *_rate(record)]
    if found or listed:
        return found
    sentence = "The champion stands on no edge of the space"
    if any(GROWN_OUT in str(step["reason"]) for step in record.decisions):
        return [Remark("the space", f"{sentence}, though growing reached the end of it.")]
    sentence += ": nothing says that it should be wider."
    return [Remark("the space", sentence, "good")]


def _axis(record: SweepRecord, name: str) -> float | None:
    return language.finite(champion_entry(record).get(name))


def _depth(record: SweepRecord) -> Iterator[Remark]:
    layers, most = _axis(record, "layers"), setting(record, "search.space.layers_max")
    if layers is not None and most is not None and layers >= most > 0:
        sentence = f"The champion has {layers:g} layers, the most that were allowed."
        overrides = (f"search.space.layers_max={most + 2:g}",)
        yield Remark("depth", sentence, "warning", overrides, "try deeper networks")


def _width(record: SweepRecord) -> Iterator[Remark]:
    units, most = _axis(record, "units"), setting(record, "search.space.units_max")
    listed = listing(record, "search.space.units")
    growth = setting(record, "search.growth") or 1.0
    most = max(listed) if listed else most
    if not units or most is None or not _axis(record, "layers"):
        return
    if units * growth > most or units >= most:
        sentence = f"The champion's {units:g} units are the widest step within {most:g}."
        wider: tuple[str, ...] = (f"search.space.units_max={most * 4:.0f}",)
        if listed:
            units_listed = ",".join(f"{value:.0f}" for value in [*listed, most * 2])
            wider = (
                f"search.space.units=[{units_listed}]",
                f"search.space.units_max={most * 2:.0f}",
            )
        yield Remark("width", sentence, "warning", wider, "try wider networks")


def _size_limit(record: SweepRecord) -> Iterator[Remark]:
    limit = setting(record, "search.max_parameters")
    if limit and any("search.max_parameters" in str(step["reason"]) for step in record.decisions):
        sentence = f"Networks above search.max_parameters={limit:,.0f} were not tried."
        yield Remark("the size limit", sentence)


def _rate(record: SweepRecord) -> Iterator[Remark]:
    chosen = _axis(record, "learning_rate")
    listed = listing(record, VALUES)
    low, high = (setting(record, f"search.learning_rate.{name}") for name in ("low", "high"))
    if listed:
        low, high = min(listed), max(listed)
    if chosen is None or low is None or high is None or low == high:
        return
    for word, factor, limit, key in (
        ("highest", 10.0, high, "search.learning_rate.high"),
        ("lowest", 0.1, low, "search.learning_rate.low"),
    ):
        if (chosen / limit if factor > 1 else limit / chosen) * NEAR_EDGE >= 1:
            sentence = f"Its learning rate {language.rate(chosen)} is the {word} that was allowed"
            shown, own = most_show(record, "rate-too-high") if factor > 1 else (0, 0)
            if shown:
                overshoots = f"it overshoots in {shown} of its {language.plural(own, 'fit')}"
                yield Remark(
                    "learning rate", f"{sentence}, and {overshoots}: no higher one is needed."
                )
                continue
            sentence += "."
            further = f"{key}={language.rate(limit * factor)}"
            if listed:
                further = f"{VALUES}={written(sorted([*listed, limit * factor]))}"
            yield Remark("learning rate", sentence, "warning", (further,), "try rates beyond it")


def rates_up_to(record: SweepRecord, most: float) -> tuple[str, ...]:
    """Return the words of a next sweep that leave out all rates above one, its other limits moved along."""
    listed = [rate for rate in listing(record, VALUES) if rate <= most * NEAR_EDGE]
    if listed:
        return (f"{VALUES}={written(listed)}",)
    low, start = (setting(record, f"search.learning_rate.{name}") for name in ("low", "start"))
    limits = {"high": most}
    if start is not None and start > most:
        limits["start"] = most
    if low is not None and low >= most:
        limits |= {"low": most / 100, "start": most / 10}
    return tuple(f"search.learning_rate.{name}={language.rate(v)}" for name, v in limits.items())


def written(values: list[float]) -> str:
    """Write learning rates as a list on the command line."""
    return f"[{','.join(f'{value:g}' for value in values)}]"
