"""The verdict of a sweep: failures, edges, how sure the choice is, what more data would give."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from pipeline.figures import words
from pipeline.figures.baselines import best_baseline
from pipeline.figures.edges import VALUES, edges, rates_up_to, written
from pipeline.figures.predictions import calibration_error
from pipeline.figures.remark import Remark, command_words, listing, setting
from pipeline.figures.sizes import leader_losses
from pipeline.figures.tables import lowest
from pipeline.figures.trials import (
    capacities,
    champion_entry,
    done_fits,
    leader,
    scored_fits,
    trials,
)
from pipeline.figures.verdict import BUDGET, FINISHED, SMALLEST, prefers, status
from pipeline.records import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.tracking.read import SweepRecord

MANY_FAILED = 0.2
"""Share of fits that failed from which the space itself is in doubt (tuning_playbook: look at it)."""
WIDE_GAP, NARROW_GAP = 0.25, 0.05
"""Share of the validation loss by which training loss lies below it: over-fitting, and none."""
MISCALIBRATED = 0.1
"""Mean distance of claimed from observed probability that a reader of probabilities would notice."""
NAMED = 4
"""Capacities named in a sentence."""
ENCODING = "search.nuisance.encoding"
ENCODINGS = ("standard", "quantile", "piecewise")
"""Proposed to a champion that a baseline beats."""
ORDER = {"warning": 0, "info": 1, "good": 2}


def remarks(record: SweepRecord) -> list[Remark]:
    """Return everything worth saying about a sweep, the most urgent first."""
    found = list(_failures(record))
    if champion_entry(record) and leader(record) is not None:
        found += edges(record)
        for look in (_sureness, _epochs, _fit, _optimism, _baseline, _calibration, _production):
            found += look(record)
    return sorted(found, key=lambda remark: ORDER[remark.severity])


def next_command(record: SweepRecord) -> tuple[str, str]:
    """Return what to run next as a ready command line, and why."""
    hopeless = len(done_fits(record)) and trials(record).empty
    if status(record) != FINISHED and not hopeless:
        why = "To go on where this sweep stopped; nothing that is finished is repeated."
        return _command(record, {"resume": record.run_id}), why
    wanted: dict[str, str] = {}
    purposes = []
    for remark in remarks(record):
        wanted |= dict(word.split("=", 1) for word in remark.overrides)
        purposes += [remark.purpose] if remark.overrides else []
    if wanted:
        return _command(record, wanted), f"To {words.listing(purposes)}."
    seed = int(setting(record, "seed") or 0) + 1
    why = "To see whether another seed comes to the same choice: nothing stands on an edge."
    return _command(record, {"seed": str(seed)}), why


def _command(record: SweepRecord, overrides: dict[str, str]) -> str:
    dropped = {*overrides, "resume"}
    if status(record) == BUDGET:  # used up: it would end the resumed sweep at once
        dropped |= {f"budget.{name}" for name in ("seconds", "fits", "cost")}
    kept = [word for word in command_words(record) if word.split("=", 1)[0] not in dropped]
    changed = [f"{key}={value}" for key, value in overrides.items()]
    return shlex.join(["python", "-m", "pipeline.sweep", *kept, *changed])


def _failures(record: SweepRecord) -> Iterator[Remark]:
    fits = done_fits(record)
    if not len(fits):
        return
    failed = fits[fits["outcome"].isin([Outcome.diverged.value, Outcome.infeasible.value])]
    if failed.empty:
        yield Remark("failures", "No fit diverged or was too large.", "good")
        return
    share = len(failed) / len(fits)
    told = f"{len(failed):,} of {words.plural(len(fits), 'fit')} failed ({words.percent(share)})"
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
                f"search.learning_rate.{name}={words.rate(rate)}" for name, rate in limits.items()
            )
    yield Remark("failures", sentence, "warning", overrides, "leave out rates that diverge")


def _sureness(record: SweepRecord) -> Iterator[Remark]:
    table = capacities(record)
    if len(table) <= 1 or table["gap_se"].isna().all():
        return
    errors = setting(record, "search.one_se") or 1.0
    others = table[table["gap"] > 0]
    close = others[others["gap"] <= errors * others["gap_se"]]
    if close.empty:
        next_best = lowest(others, "gap") if len(others) else lowest(table, "loss")
        sure = words.number(next_best.gap / next_best.gap_se, 2) if next_best.gap_se else "many"
        sentence = (
            f"The next best capacity, {next_best.capacity}, is {sure} standard errors worse: the "
            "choice is clear."
        )
        yield Remark("how sure", sentence, "good")
        return
    names = words.listing([str(name) for name in close["capacity"].head(NAMED)])
    more = f" and {len(close) - NAMED} more" if len(close) > NAMED else ""
    decided = ", so size decided" if prefers(record) == SMALLEST else ""
    sentence = (
        f"{names}{more} cannot be told apart from the best score, "
        f"{lowest(table, 'loss').capacity}, on these validation rows{decided}."
    )
    overrides, purpose = _surer(record, lowest(close, "gap"))
    yield Remark("how sure", sentence, "info", overrides, purpose)


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
    return ("data.folds=5",), "tell close capacities apart by validating on every row"


def _epochs(record: SweepRecord) -> Iterator[Remark]:
    allowed = setting(record, "training.epochs")
    fits = scored_fits(record)
    own = fits[fits["trial"] == champion_entry(record).get("trial")]
    if allowed is None or own.empty:
        return
    at_end = int((own["best_epoch"] + 1 >= allowed).sum())
    if 2 * at_end > len(own):
        sentence = (
            f"{at_end} of the champion's {words.plural(len(own), 'fit')} were still improving in "
            f"epoch {allowed:g}, the last allowed."
        )
        overrides = (f"training.epochs={allowed * 2:g}",)
        yield Remark("epochs", sentence, "warning", overrides, "let it train to its end")


def _fit(record: SweepRecord) -> Iterator[Remark]:
    """Say whether the champion over- or under-fits, and what more rows would probably give."""
    found = leader_losses(record)
    if found is None or found[1] <= 0:
        return
    gap = (found[1] - found[0]) / found[1]
    if gap > WIDE_GAP:
        sentence = (
            f"The champion's training loss lies {words.percent(gap)} below its validation loss: it "
            "over-fits. More rows, or search.nuisance.dropout, would probably help more than units."
        )
        yield Remark("more data", sentence)
    elif gap < NARROW_GAP:
        sentence = (
            "The champion's training loss is hardly below its validation loss: more rows of the same "
            "kind would give little; better columns might."
        )
        yield Remark("more data", sentence)
    else:
        sentence = (
            f"The champion's training loss lies {words.percent(gap)} below its validation loss: a "
            "healthy fit. More rows would probably help a little."
        )
        yield Remark("more data", sentence, "good")


def _baseline(record: SweepRecord) -> Iterator[Remark]:
    found = best_baseline(record)
    if found is not None:
        mine, best = found
        if mine["loss"] - best["loss"] > (words.finite(mine["se"]) or 0.0):
            yield _beaten(record, mine, best)


def _beaten(record: SweepRecord, mine: Any, best: Any) -> Remark:
    sentence = (
        f"{str(best['model']).capitalize()} scores {words.number(best['loss'])} on the same rows, "
        f"the champion {words.number(mine['loss'])}"
    )
    tried = set(listing(record, ENCODING))
    if record.config.get("data.kind", "table") != "table" or tried.issuperset(ENCODINGS):
        return Remark("baselines", f"{sentence}: prefer it.", "warning")
    overrides = (f"{ENCODING}=[{','.join(ENCODINGS)}]",)
    sentence += ": another encoding of numbers may close the gap."
    return Remark("baselines", sentence, "warning", overrides, "try other encodings of numbers")


def _optimism(record: SweepRecord) -> Iterator[Remark]:
    """Say how the one honest score compares with the one that the choice was made by."""
    gap = words.finite(record.summary.get("optimism"))
    if gap is None:
        return
    noise = words.finite(champion_entry(record).get("test_loss_se")) or 0.0
    side = "above" if gap >= 0 else "below"
    sentence = f"Test loss lies {words.number(abs(gap))} {side} the validation loss of the choice"
    if abs(gap) <= noise:
        yield Remark("optimism", f"{sentence}, within one standard error.", "good")
        return
    why = ": choosing the best of many flatters." if gap > 0 else ": the test rows are easier."
    yield Remark("optimism", sentence + why)


def _production(record: SweepRecord) -> Iterator[Remark]:
    """Say whether the champion replaced the model in production, and why."""
    verdict = record.summary.get("registry")
    if isinstance(verdict, dict):
        severity = "good" if verdict.get("promoted") else "info"
        yield Remark("production", str(verdict.get("reason", "")), severity)


def _calibration(record: SweepRecord) -> Iterator[Remark]:
    error = calibration_error(record)
    if error is not None and error > MISCALIBRATED:
        sentence = (
            f"Its probabilities are off by {words.percent(error)} on average: rank by them, but do "
            "not read them as chances."
        )
        yield Remark("calibration", sentence)
