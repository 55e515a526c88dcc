"""The answer of a sweep in three sentences, also where it has no champion."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import Any

from pipeline.config.choices import Prefer
from pipeline.core import language
from pipeline.core.records import Outcome
from pipeline.evaluation.stand import METRICS, is_noise, plainly, sentence
from pipeline.figures.remark import arguments
from pipeline.figures.tables import lowest
from pipeline.figures.trials import (
    capacities,
    champion_entry,
    champion_fits,
    done_fits,
    is_varied,
    objective,
    rule,
    trials,
)
from pipeline.ledger.read import SweepRecord
from pipeline.search.sentences import is_selection, size, within

FINISHED = "finished"
"""The status of a sweep that came to its own end."""
BUDGET = "budget"
"""The status of a sweep that a limit ended; its champion is the best so far."""
RESUME = "Everything finished is kept: resuming goes on from here with the command below."
STATUS = {
    FINISHED: "This sweep finished",
    BUDGET: "This sweep's budget ended",
    "running": "This sweep is still running, or was killed without a word,",
    "killed": "This sweep was interrupted",
    "failed": "This sweep failed",
}
"""How a sweep ended, as the beginning of a sentence."""
MOST_NAMED = 4
"""Capacities named in a sentence."""


def status(record: SweepRecord) -> str:
    """Return how the sweep ended: finished, budget, killed, failed or running."""
    return str(record.summary.get("status") or record.status).lower()


def was_cut(record: SweepRecord) -> bool:
    """Return whether something other than the sweep itself ended it."""
    return status(record) != FINISHED


def answer(record: SweepRecord) -> tuple[str, str, str]:
    """Return three sentences: what to use, why, how good it is; without a champion what is known."""
    entry = champion_entry(record)
    if not entry:
        return _without_champion(record)
    why = _why(record, entry)
    if was_cut(record):
        why = f"{_ended(record)} before the search was over; so far, {_lower(why)}"
    return _use(record, entry), why, _how_good(record, entry)


def below_headline(record: SweepRecord) -> tuple[str, ...]:
    """Return the sentences of the answer that stand below the headline.

    The first one is left out where the headline says the same: for a single network that is better than
    a constant prediction.
    """
    sentences, entry = answer(record), champion_entry(record)
    is_said = entry and entry["networks"] == 1 and not is_noise(record.summary)
    return sentences[1:] if is_said else sentences


def name(record: SweepRecord) -> str:
    """Return the display name of the sweep: its experiment or data set."""
    return str(record.summary.get("experiment") or record.config.get("data.name", "sweep"))


def headline(record: SweepRecord) -> str:
    """Return the answer in a few words: `2 hidden layers of 64 units`."""
    entry = champion_entry(record)
    if not entry:
        return "No usable network" if trials(record).empty else "No choice yet"
    if is_selection(entry):
        return f"The average of {language.plural(entry['networks'], 'network')}"
    return network(entry)


def network(entry: dict[str, Any]) -> str:
    """Return a champion's architecture: `2 hidden layers of 64 units`."""
    if widths := entry.get("widths"):
        depth = language.plural(len(widths), "hidden layer")
        return f"{depth} of {language.listing(widths)} units"
    if "blocks" in entry:
        blocks = language.plural(int(entry["blocks"]), "convolutional block")
        return f"{blocks}, {entry.get('filters')} filters"
    layers = int(language.finite(entry.get("layers")) or 0)
    if layers == 0:
        return "No hidden layer: the linear model"
    return (
        f"{language.plural(layers, 'hidden layer')} of {language.count(entry.get('units'))} units"
    )


def score(entry: dict[str, Any]) -> str:
    """Write a champion's objective and its standard error."""
    # sweeps of versions that had no other objective in their summary have no `score`
    key = "score" if "score" in entry else "val_loss"
    return language.with_error(entry.get(key), entry.get(f"{key}_se"))


def _use(record: SweepRecord, entry: dict[str, Any]) -> str:
    seeds = len(champion_fits(record))
    over = f" over {language.plural(seeds, 'seed')}" if seeds else ""
    use = "Use"
    if is_noise(record.summary):
        use = "No network is better than a constant prediction beyond noise; the best found is"
    which = f"{_lower(network(entry))} ({size(entry)}) at"
    if is_selection(entry):
        which = f"{size(entry)}; of the networks alone {_lower(network(entry))} is chosen, at"
    return (
        f"{use} {which} learning rate {language.rate(entry.get('learning_rate'))}: "
        f"{objective(record).metric} {score(entry)}{over}."
    )


def _why(record: SweepRecord, entry: dict[str, Any]) -> str:
    table = capacities(record)
    if len(table) <= 1:
        return "It is the only capacity with a usable trial, so nothing says that another is worse."
    best = lowest(table, "loss")
    scores = f"{best['capacity']} scores {language.with_error(best['score'], best['se'])}"
    tried = f"of {len(table)} capacities"
    choice, is_best = rule(record), best["trial"] == entry.get("trial")
    if choice.prefer is Prefer.knee:
        which = "which scores best too" if is_best else f"the best, {scores}"
        return f"It is the knee of loss against size {tried}, as search.prefer=knee asks; {which}."
    if choice.prefer is Prefer.best and is_best:
        return f"It has the best score {tried}, as search.prefer=best asks."
    allowed = within(choice.one_se)
    if is_best:
        return f"It has the best score {tried}, and nothing smaller is {allowed} of it."
    smaller = int(best["parameters"]) > (language.finite(entry.get("parameters")) or 0)
    rank = f"the smallest network {allowed} of" if smaller else "chosen over"
    return f"It is {rank} the best {tried}: {scores}."


def _how_good(record: SweepRecord, entry: dict[str, Any]) -> str:
    start = "No test rows were kept, so its score on unseen data is not known"
    if language.finite(entry.get("test_loss")) is not None:
        loss = language.with_error(entry.get("test_loss"), entry.get("test_loss_se"))
        start = f"Test {', '.join([*_metrics(entry), f'loss {loss}'])}"
    beside = sentence(record.summary)
    return f"{start}; {beside}." if beside else f"{start}."


def _metrics(entry: dict[str, Any]) -> list[str]:
    """Return the most common test metrics as texts: `accuracy 91 %`, `AUC 0.95`, `RMSE 3.2`."""
    metrics = dict(entry.get("test_metrics") or {})
    said = []
    if language.finite(metrics.get("accuracy")) is not None:
        rate = language.finite(metrics.get("base_rate"))
        always = "" if rate is None else f" (most frequent class {language.percent(rate)})"
        said.append(f"accuracy {language.percent(metrics['accuracy'])}{always}")
    return said + [
        f"{METRICS[f'val_{name}']} {language.number(metrics[name])}"
        for name in ("auc", "rmse")
        if language.finite(metrics.get(name)) is not None
    ]


def average(record: SweepRecord) -> tuple[str, str]:
    """Return a sentence on the score of the average over seeds, and the command that saves that average."""
    plain = plainly(record.summary)
    theirs = None if plain is None else plain.beside.get("ensemble")
    if plain is None or theirs is None or champion_entry(record).get("kind") != "single":
        return "", ""
    said, own = (plain.written(value) for value in (theirs, plain.own))
    networks = language.plural(len(champion_fits(record)), "network")
    sentence = (
        f"The average of its {networks}, one a seed, has {plain.part} {plain.label} {said}; the saved "
        f"one, of the median seed, {own}. To save the average instead, without a new search:"
    )
    return sentence, command(record, {"champion": "ensemble", "resume": record.run_id})


def command(record: SweepRecord, overrides: dict[str, str]) -> str:
    """Return the sweep's own command line with some settings changed."""
    dropped = {*overrides, "resume"}
    if status(record) == BUDGET:  # used up: it would end the resumed sweep at once
        dropped |= {f"budget.{name}" for name in ("seconds", "fits", "cost")}
    kept = [argument for argument in arguments(record) if argument.split("=", 1)[0] not in dropped]
    changed = [f"{key}={value}" for key, value in overrides.items()]
    return shlex.join(["python", "-m", "pipeline.sweep", *kept, *changed])


def _without_champion(record: SweepRecord) -> tuple[str, str, str]:
    fits, table, ended = done_fits(record), trials(record), _ended(record)
    advice = "See what to run next below." if not was_cut(record) or table.empty else RESUME
    if not len(fits):
        return f"{ended} before its first fit.", "There is nothing to compare.", RESUME
    counts = fits["outcome"].value_counts()
    outcomes = language.listing(f"{count:,} {name}" for name, count in counts.items())
    made = language.plural(len(fits), "fit")
    if table.empty:
        return f"No trial was usable: of {made}, {outcomes}.", _what_failed(record), advice
    best = lowest(capacities(record), "loss")
    so_far = (
        f"Best so far: {best['capacity']} at learning rate {language.rate(best['learning_rate'])}, "
        f"{objective(record).metric} {language.with_error(best['score'], best['se'])}."
    )
    return f"{ended} before it chose a champion, after {made} ({outcomes}).", so_far, advice


def _ended(record: SweepRecord) -> str:
    return STATUS.get(status(record), f"This sweep ended ({status(record)})")


def _what_failed(record: SweepRecord) -> str:
    fits = done_fits(record)
    failed = fits[fits["outcome"] != Outcome.completed.value]
    rates = failed["learning_rate"]
    span = language.rate(rates.min())
    if is_varied(rates):
        span = f"{span} to {language.rate(rates.max())}"
    names = first_names(failed["capacity"].unique())
    return f"Learning rates {span} were tried on {names}; the diagnoses below say what happened to each."


def first_names(names: Iterable[str]) -> str:
    """Join names of capacities as a sentence does, at most `MOST_NAMED` and then how many more."""
    first, more = [*names][:MOST_NAMED], len([*names]) - MOST_NAMED
    return language.listing([*first, f"{more} more"] if more > 0 else first)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def parameters_shown(entry: dict[str, Any]) -> tuple[str, str]:
    """Return a champion's parameters, and a note on the number of networks: empty for one."""
    networks = entry.get("networks", 1)
    if networks == 1:
        return language.count(entry.get("parameters")), ""
    if entry.get("kind") == "greedy":
        return language.count(entry.get("total_parameters")), f"in {networks} networks"
    return language.count(entry.get("parameters")), f"\N{MULTIPLICATION SIGN} {networks} networks"
