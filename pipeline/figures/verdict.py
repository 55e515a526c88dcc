"""The answer in three sentences, whatever the sweep came to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.core import language
from pipeline.core.records import Outcome
from pipeline.evaluation.stand import is_noise, sentence
from pipeline.figures.remark import setting
from pipeline.figures.tables import lowest
from pipeline.figures.trials import (
    capacities,
    champion_entry,
    done_fits,
    is_varied,
    objective,
    prefers,
    scored_fits,
    trials,
)
from pipeline.search.sentences import is_selection, size, within

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.ledger.read import SweepRecord

FINISHED = "finished"
"""The status of a sweep that came to its own end."""
RESUME = "Everything finished is kept: resuming goes on from here with the command below."
BUDGET = "budget"
"""The status of a sweep that a limit ended; its champion is the best so far."""


def status(record: SweepRecord) -> str:
    """Return how the sweep ended: finished, budget, killed, failed or running."""
    return str(record.summary.get("status") or record.status).lower()


def was_cut(record: SweepRecord) -> bool:
    """Return whether something other than the sweep itself ended it."""
    return status(record) != FINISHED


def answer(record: SweepRecord) -> tuple[str, str, str]:
    """Return what to use, why, and how good it is; or what is known when nothing was chosen."""
    entry = champion_entry(record)
    if not entry:
        return _without_champion(record)
    why = _why(record, entry)
    if was_cut(record):
        why = f"{status_words(record)} before the search was over; so far, {_lower(why)}"
    return _use(record, entry), why, _how_good(record, entry)


def name(record: SweepRecord) -> str:
    """Return what the sweep is of, for people."""
    return str(record.summary.get("experiment") or record.config.get("data.name", "sweep"))


def headline(record: SweepRecord) -> str:
    """Return the answer in a few words: `2 hidden layers of 64 units`."""
    entry = champion_entry(record)
    if not entry:
        return "No usable network" if trials(record).empty else "No choice yet"
    if is_selection(entry):
        return f"The average of {language.plural(int(str(entry['networks'])), 'network')}"
    return network(entry)


def network(entry: dict[str, object]) -> str:
    """Return a champion's architecture in words."""
    if widths := entry.get("widths"):
        sizes = [str(width) for width in widths] if isinstance(widths, list | tuple) else []
        return f"{language.plural(len(sizes), 'hidden layer')} of {language.listing(sizes)} units"
    if "blocks" in entry:
        blocks = language.plural(int(str(entry["blocks"])), "convolutional block")
        return f"{blocks}, {entry.get('filters')} filters"
    layers = int(language.finite(entry.get("layers")) or 0)
    if layers == 0:
        return "No hidden layer: the linear model"
    return (
        f"{language.plural(layers, 'hidden layer')} of {language.count(entry.get('units'))} units"
    )


def score(entry: dict[str, object]) -> tuple[object, object]:
    """Return a champion's objective and its standard error."""
    if "score" not in entry:  # sweeps of versions that had no other objective in their summary
        return entry.get("val_loss"), entry.get("val_loss_se")
    return entry["score"], entry.get("score_se")


def _use(record: SweepRecord, entry: dict[str, object]) -> str:
    metric = objective(record).metric
    fits = scored_fits(record)
    own = fits[fits["trial"] == entry.get("trial")]
    seeds = f" over {language.plural(len(own), 'seed')}" if len(own) else ""
    if is_noise(record.summary):
        use = "No network is better than a constant prediction beyond noise; the best found is"
    else:
        use = "Use"
    found: dict[str, Any] = entry
    which = f"{_lower(network(found))} ({size(found)}) at"
    if is_selection(found):
        which = f"{size(found)}; of the networks alone {_lower(network(found))} is chosen, at"
    return (
        f"{use} {which} learning rate {language.rate(entry.get('learning_rate'))}: {metric} "
        f"{language.with_error(*score(entry))}{seeds}."
    )


def _why(record: SweepRecord, entry: dict[str, object]) -> str:
    table = capacities(record)
    if len(table) <= 1:
        return "It is the only capacity with a usable trial, so nothing says that another is worse."
    best = lowest(table, "loss")
    tried = f"of {len(table)} capacities tried"
    rule, is_best = prefers(record), best["trial"] == entry.get("trial")
    if rule == "knee":
        other = f"{best['capacity']} scores best, {language.with_error(best['score'], best['se'])}"
        which = "which scores best too" if is_best else other
        return f"It is the knee of loss against size {tried}, as search.prefer=knee asks; {which}."
    if rule == "best" and is_best:
        return f"It has the best score {tried}, as search.prefer=best asks."
    allowed = within(setting(record, "search.one_se") or 1.0)
    if is_best:
        return f"It has the best score {tried}, and nothing smaller is {allowed} of it."
    smaller = int(best["parameters"]) > (language.finite(entry.get("parameters")) or 0)
    rank = f"the smallest network {allowed} of" if smaller else "chosen over"
    return (
        f"It is {rank} the best score {tried}: {best['capacity']} with "
        f"{language.count(best['parameters'])} parameters scores "
        f"{language.with_error(best['score'], best['se'])}."
    )


def _how_good(record: SweepRecord, entry: dict[str, object]) -> str:
    if language.finite(entry.get("test_loss")) is None:
        start = "No test rows were kept, so its score on unseen data is not known"
    else:
        metrics = "".join(f", {text}" for text in _metrics(entry))
        loss = language.with_error(entry.get("test_loss"), entry.get("test_loss_se"))
        start = f"On test rows that nothing had seen its loss is {loss}{metrics}"
    beside = sentence(record.summary)
    return f"{start}; {beside}." if beside else f"{start}."


def _metrics(entry: dict[str, object]) -> list[str]:
    """Return the test metrics that people ask for first, named."""
    found = entry.get("test_metrics")
    metrics = found if isinstance(found, dict) else {}
    said = []
    if language.finite(metrics.get("accuracy")) is not None:
        rate = language.finite(metrics.get("base_rate"))
        always = (
            "" if rate is None else f" (the most frequent class alone: {language.percent(rate)})"
        )
        said.append(f"accuracy {language.percent(metrics['accuracy'])}{always}")
    if language.finite(metrics.get("auc")) is not None:
        said.append(f"AUC {language.number(metrics['auc'])}")
    if language.finite(metrics.get("rmse")) is not None:
        said.append(f"RMSE {language.number(metrics['rmse'])} in the target's own unit")
    return said


def _without_champion(record: SweepRecord) -> tuple[str, str, str]:
    fits = done_fits(record)
    table = trials(record)
    ended = status_words(record)
    if not len(fits):
        return f"{ended} before its first fit.", "There is nothing to compare.", RESUME
    counts = fits["outcome"].value_counts()
    told = language.listing([f"{count:,} {name}" for name, count in counts.items()])
    if table.empty:
        first = f"No trial was usable: of {language.plural(len(fits), 'fit')}, {told}."
        return first, _what_failed(record), _again(record)
    best = lowest(capacities(record), "loss")
    first = (
        f"{ended} before it chose a champion, after {language.plural(len(fits), 'fit')} ({told})."
    )
    so_far = (
        f"Best so far: {best['capacity']} at learning rate {language.rate(best['learning_rate'])}, "
        f"{objective(record).metric} {language.with_error(best['score'], best['se'])}."
    )
    return first, so_far, _again(record)


def status_words(record: SweepRecord) -> str:
    """Return how the sweep ended, as the beginning of a sentence."""
    ended = status(record)
    return {
        FINISHED: "This sweep finished",
        BUDGET: "This sweep's budget ended",
        "running": "This sweep is still running, or was killed without a word,",
        "killed": "This sweep was interrupted",
        "failed": "This sweep failed",
    }.get(ended, f"This sweep ended ({ended})")


def _what_failed(record: SweepRecord) -> str:
    fits = done_fits(record)
    failed = fits[fits["outcome"] != Outcome.completed.value]
    rates = failed["learning_rate"]
    span = language.rate(rates.min())
    if is_varied(rates):
        span = f"{span} to {language.rate(rates.max())}"
    return (
        f"Learning rates {span} were tried on {language.listing(_capacities(failed))}; "
        "the diagnoses below say what happened to each."
    )


def _capacities(fits: pd.DataFrame, most: int = 4) -> list[str]:
    names = [str(name) for name in fits["capacity"].unique()]
    return names if len(names) <= most else [*names[:most], f"{len(names) - most} more"]


def _again(record: SweepRecord) -> str:
    if status(record) == FINISHED or trials(record).empty:
        return "See what to run next below."
    return RESUME


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def parameters_shown(entry: dict[str, Any]) -> tuple[str, str]:
    """Return the parameters of a champion, and of how many networks they are: empty for one."""
    networks = entry["networks"]
    if networks == 1:
        return language.count(entry.get("parameters")), ""
    if entry.get("kind") == "greedy":
        return language.count(entry.get("total_parameters")), f"in {networks} networks"
    return language.count(entry.get("parameters")), f"\N{MULTIPLICATION SIGN} {networks} networks"
