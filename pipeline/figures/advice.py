"""The verdict of a sweep: failures, edges, how sure the choice is, what more data would give."""

from __future__ import annotations

import math
import shlex
from typing import TYPE_CHECKING, Any

from pipeline.evaluation.paired import CONSTANT
from pipeline.evaluation.stand import CLEARLY, best, called, is_noise, stands
from pipeline.figures import words
from pipeline.figures.columns import OF_DATA
from pipeline.figures.edges import VALUES, edges, rates_up_to, written
from pipeline.figures.findings import all_findings
from pipeline.figures.predictions import calibration_error, calibration_noise
from pipeline.figures.remark import Remark, command_words, listing, setting
from pipeline.figures.sizes import leader_losses
from pipeline.figures.tables import groups, lowest
from pipeline.figures.trials import (
    capacities,
    champion_entry,
    done_fits,
    leader,
    scored_fits,
    trials,
)
from pipeline.figures.verdict import BUDGET, FINISHED, SMALLEST, prefers, status, was_cut
from pipeline.records import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.evaluation.stand import Stand
    from pipeline.tracking.read import SweepRecord

MANY_FAILED = 0.2
"""Share of fits that failed from which the space itself is in doubt (tuning_playbook: look at it)."""
NARROW_GAP = 0.05
"""Share of the validation loss by which training loss lies below it that is next to nothing."""
MISCALIBRATED = 0.1
"""Mean distance of claimed from observed probability that a reader of probabilities would notice; on few
rows a perfect model shows more (`calibration_noise`), and then nothing is said."""
KEPT_EPOCHS = {
    "first-epoch": "were best in their first epoch: the score is that of hardly trained weights.",
    "lucky-epoch": "are kept at an epoch that is far better than those around it: the score flatters.",
}
"""Findings on the epoch that is kept (`training/diagnose/symptoms.py`), of most of its fits."""
NAMED = 4
"""Capacities named in a sentence."""
ENCODING = "search.nuisance.encoding"
ENCODINGS = ("standard", "quantile", "piecewise")
"""Proposed to a champion that a baseline beats."""
SEVERE = "severe"
ORDER = {SEVERE: -1, "warning": 0, "info": 1, "good": 2}


def remarks(record: SweepRecord) -> list[Remark]:
    """Return everything worth saying about a sweep, the most urgent first."""
    found = [*severe(record), *_failures(record)]
    if champion_entry(record) and leader(record) is not None:
        found += edges(record)
        for look in (
            _sureness,
            _epochs,
            _kept,
            _fit,
            _optimism,
            _baseline,
            _calibration,
            _production,
        ):
            found += look(record)
    return sorted(found, key=lambda remark: ORDER[remark.severity])


def severe(record: SweepRecord) -> list[Remark]:
    """Return what is gravely wrong with the champion (the fits, where there is none): it comes first.

    A network whose units are dead makes every score below it void.
    """
    table = all_findings(record)
    if entry := champion_entry(record):
        table = table[table["trial"] == entry.get("trial")]
    fits = max(table["run_id"].nunique(), 1)
    found = []
    grave = table[
        (table["severity"] == SEVERE) & ~table["code"].isin(OF_DATA)
    ]  # those lead the page
    for code, group in groups(grave, "code"):
        if 2 * group["run_id"].nunique() > fits or not entry:
            said = str(group["sentence"].iloc[0])
            found.append(Remark(code.replace("-", " "), f"{said[:1].upper()}{said[1:]}.", SEVERE))
    return found


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
    """Say which capacities these rows tell apart from the best score, and what that decided."""
    table = capacities(record)
    if len(table) <= 1 or table["gap_se"].isna().all():
        return
    best_one = lowest(table, "loss")
    is_best = best_one["trial"] == champion_entry(record).get("trial")
    others = table[table["gap"] > 0]
    errors = max(setting(record, "search.one_se") or 1.0, CLEARLY)
    close = others[others["gap"] <= errors * others["gap_se"]]
    if close.empty:
        yield _clear(record, lowest(others, "gap") if len(others) else best_one, is_best=is_best)
        return
    names = words.listing([str(name) for name in close["capacity"].head(NAMED)])
    more = f" and {len(close) - NAMED} more" if len(close) > NAMED else ""
    decided = ", so size decided" if prefers(record) == SMALLEST and not is_best else ""
    sentence = (
        f"{names}{more} cannot be told apart from the best score, {best_one['capacity']}, on these "
        f"validation rows (at most {errors:g} standard errors){decided}."
    )
    overrides, purpose = _surer(record, lowest(close, "gap"))
    yield Remark("how sure", sentence, "info", overrides, purpose)


def _clear(record: SweepRecord, second: Any, *, is_best: bool) -> Remark:
    """Say that the best score stands alone, and whether that settles the choice."""
    sure = words.number(second.gap / second.gap_se, 2) if second.gap_se else "many"
    sentence = f"The next best capacity, {second.capacity}, is {sure} standard errors worse"
    if was_cut(record):
        return Remark("how sure", f"{sentence} of those tried before the search was cut.")
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


def _kept(record: SweepRecord) -> Iterator[Remark]:
    """Say when the champion was kept at an epoch that says little of it: the first one, or a lucky one."""
    table = all_findings(record)
    table = table[table["trial"] == champion_entry(record).get("trial")]
    fits = scored_fits(record)
    own = fits[fits["trial"] == champion_entry(record).get("trial")]
    for code, said in KEPT_EPOCHS.items():
        count = table.loc[table["code"] == code, "run_id"].nunique()
        if 2 * count > len(own) > 0:
            sentence = f"{count} of the champion's {words.plural(len(own), 'fit')} {said}"
            overrides = () if setting(record, "data.folds") is not None else ("data.folds=5",)
            purpose = "choose on every row instead of a few" if overrides else ""
            yield Remark("epochs", sentence, "warning", overrides, purpose)


def _fit(record: SweepRecord) -> Iterator[Remark]:
    """Say whether the champion over- or under-fits, and what more rows would probably give.

    Over-fitting is what diagnosis calls so, from thresholds and noise of its own: a page that says
    "healthy" above and "overfitting" below is not read on.
    """
    found = leader_losses(record)
    if found is None or found[1] <= 0:
        return
    gap = (found[1] - found[0]) / found[1]
    side = "below" if gap >= 0 else "above"
    start = (
        f"The champion's training loss lies {words.percent(abs(gap))} {side} its validation loss"
    )
    if _over_fits(record):
        sentence = (
            f"{start}: it over-fits. More rows, or search.nuisance.dropout, would probably help more "
            "than units."
        )
        yield Remark("more data", sentence)
    elif gap < NARROW_GAP:
        sentence = f"{start}: more rows of the same kind would give little; better columns might."
        yield Remark("more data", sentence)
    else:
        sentence = f"{start}, not more than noise and size explain. More rows would probably help a little."
        yield Remark("more data", sentence, "good")


def _over_fits(record: SweepRecord) -> bool:
    """Return whether diagnosis warns of over-fitting in most of the champion's fits."""
    table = all_findings(record)
    own = table[table["trial"] == champion_entry(record).get("trial")]
    warned = own[(own["code"] == "overfitting") & (own["severity"] == "warning")]
    fits = scored_fits(record)
    return bool(
        2 * warned["run_id"].nunique()
        > (fits["trial"] == champion_entry(record).get("trial")).sum()
    )


def _baseline(record: SweepRecord) -> Iterator[Remark]:
    """Say when something simpler does as well: a constant, or a baseline that beats the champion."""
    if is_noise(record.summary):
        (constant,) = (one for one in stands(record.summary) if one.model == CONSTANT)
        sentence = (
            f"No better than a constant prediction beyond noise ({constant.noise}): these columns tell "
            "nothing of the target that these rows could show. Check that rows and targets belong "
            "together, or get more rows."
        )
        yield Remark("no signal", sentence, "warning")
    found = best(record.summary)
    if found is not None and found.is_better:
        yield _beaten(record, found)


def _beaten(record: SweepRecord, found: Stand) -> Remark:
    sentence = (
        f"{found.words.capitalize()} has {called(record.summary)} {words.number(found.value)} on the "
        f"same rows, the champion {words.number(found.own)} ({found.noise})"
    )
    tried = set(listing(record, ENCODING))
    if record.config.get("data.kind", "table") != "table" or tried.issuperset(ENCODINGS):
        return Remark("baselines", f"{sentence}: prefer it.", "warning")
    overrides = (f"{ENCODING}=[{','.join(ENCODINGS)}]",)
    sentence += ": another encoding of numbers may close the gap."
    return Remark("baselines", sentence, "warning", overrides, "try other encodings of numbers")


def _optimism(record: SweepRecord) -> Iterator[Remark]:
    """Say how the one honest score compares with the one that the choice was made by.

    A rise has two causes: the choice took what happened to do well on the validation rows, or the test
    rows are harder. A baseline has chosen nothing: what it rises by is the rows' doing.
    """
    gap = words.finite(record.summary.get("optimism"))
    if gap is None:
        return
    side = "above" if gap >= 0 else "below"
    sentence = f"Test loss lies {words.number(abs(gap))} {side} the validation loss of the choice"
    name, more, error = _more_than_baselines(record)
    if name and more > CLEARLY * error:
        why = f"{words.number(more)} more than that of {name}, which chose nothing"
        yield Remark(
            "optimism", f"{sentence}, a rise of {why}: choosing the best of many flatters."
        )
    elif abs(gap) <= CLEARLY * _own_noise(record):
        yield Remark("optimism", f"{sentence}, within noise.", "good")
    elif gap < 0:
        yield Remark("optimism", f"{sentence}: the test rows are easier.")
    elif name:
        sentence += (
            f", and that of {name}, which chose nothing, rises no less beyond noise: the test"
        )
        yield Remark("optimism", f"{sentence} rows are harder.")
    else:
        why = "the choice was made on the validation rows, or the test rows are harder"
        yield Remark("optimism", f"{sentence}: {why}.")


def _more_than_baselines(record: SweepRecord) -> tuple[str, float, float]:
    """Return the baseline that moves most with the champion, and how much more the champion rises."""
    beside = dict(record.summary.get("optimism_beside") or {})
    known = [
        (float(one["more_se"]), str(name).replace("_", " "), float(one["more"]))
        for name, one in beside.items()
        if words.finite(one.get("more")) is not None and words.finite(one.get("more_se"))
    ]
    if not known:
        return "", 0.0, math.inf
    error, name, more = min(known)
    return name, more, error


def _own_noise(record: SweepRecord) -> float:
    """Return the standard error of test minus validation loss: scores of different rows."""
    entry = champion_entry(record)
    beside = dict(record.summary.get("baselines") or {}).get(str(entry.get("kind")), {})
    before = beside.get("val_loss_se", entry.get("val_loss_se"))
    return math.hypot(*(words.finite(e) or 0.0 for e in (entry.get("test_loss_se"), before)))


def _production(record: SweepRecord) -> Iterator[Remark]:
    """Say whether the champion replaced the model in production, and why."""
    verdict = record.summary.get("registry")
    if isinstance(verdict, dict):
        severity = "good" if verdict.get("promoted") else "info"
        yield Remark("production", str(verdict.get("reason", "")), severity)


def _calibration(record: SweepRecord) -> Iterator[Remark]:
    error, perfect = calibration_error(record), calibration_noise(record)
    if error is not None and perfect is not None and error > max(MISCALIBRATED, perfect):
        sentence = (
            f"Its probabilities are off by {words.percent(error)} on average: rank by them, but do "
            "not read them as chances."
        )
        yield Remark("calibration", sentence)
