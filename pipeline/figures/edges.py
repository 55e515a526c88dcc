"""Whether the champion lies on an edge of the search space, and whether to widen the space there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipeline.core import language
from pipeline.core.records import Outcome
from pipeline.figures.findings import most_show
from pipeline.figures.remark import Remark, listing, setting
from pipeline.figures.trials import champion_entry, done_fits, failed_fits
from pipeline.ledger.read import SweepRecord

MANY_FAILED = 0.2
"""Share of fits that failed from which the space itself is in doubt (tuning_playbook: look at it)."""
NEAR_EDGE = 1.05
"""A learning rate within this factor of a limit lies on it: limits are rounded when typed."""

GROWN_OUT = "growing stops here"
"""In the reason of a decision: the space had nothing larger (`search/sentences.py`)."""
VALUES = "search.learning_rate.values"
AGAINST: Mapping[str, Mapping[str, str]] = {
    "deeper": {
        "overfitting": "it over-fits",
        "vanishing-gradients": "gradients vanish",
        "exploding-gradients": "gradients explode",
    },
    "wider": {"overfitting": "it over-fits"},
    "higher": {
        "rate-too-high": "it overshoots",
        "unsteady": "its validation loss jumps",
        "first-epoch": "it is best in the first epoch",
        "lucky-epoch": "one epoch stands out by chance",
        "dead-units": "units are dead",
        "saturation": "units are saturated",
    },
    "lower": {"rate-too-low": "its weights hardly move"},
}
"""For each step beyond an edge, the findings that advise against it: code to what was seen."""


def edges(record: SweepRecord) -> list[Remark]:
    """Return one remark for each edge that the champion lies on, or one that it lies on none."""
    listed = listing(record, "search.space.architectures")
    capacity = [] if listed else [*_depth(record), *_width(record)]
    remarks = [*capacity, *_size_limit(record), *_rate(record)]
    if remarks or listed:
        return remarks
    sentence = "The champion stands on no edge of the space"
    if any(GROWN_OUT in str(step["reason"]) for step in record.decisions):
        return [Remark("the space", f"{sentence}, though growing reached the end of it.")]
    return [Remark("the space", f"{sentence}.", "good")]


def _beyond(
    record: SweepRecord, topic: str, sentence: str, step: str, overrides: tuple[str, ...]
) -> Remark:
    """Return the remark on an edge: widen the space there, unless diagnosis is against it.

    Args:
        topic: Of the remark.
        sentence: Says that the champion lies on the edge, without a full stop.
        step: The step beyond it, a key of AGAINST.
        overrides: Arguments that widen the space.
    """
    for code, seen in AGAINST[step].items():
        shown, own = most_show(record, code)
        if shown:
            why = f"{seen} in {shown} of its {language.plural(own, 'fit')}"
            return Remark(topic, f"{sentence}, and {why}: no {step} one is needed.")
    if step == "higher" and many_diverged(record):
        return Remark(topic, f"{sentence}; too many fits diverged to try higher ones.")
    what = "rates beyond it" if topic == "learning rate" else f"{step} networks"
    return Remark(topic, f"{sentence}.", "warning", overrides, f"try {what}")


def _axis(record: SweepRecord, name: str) -> float | None:
    return language.finite(champion_entry(record).get(name))


def _depth(record: SweepRecord) -> Iterator[Remark]:
    layers, most = _axis(record, "layers"), setting(record, "search.space.layers_max")
    if layers is not None and most is not None and layers >= most > 0:
        sentence = f"The champion has {layers:g} layers, the most that were allowed"
        overrides = (f"search.space.layers_max={most + 2:g}",)
        yield _beyond(record, "depth", sentence, "deeper", overrides)


def _width(record: SweepRecord) -> Iterator[Remark]:
    units, most = _axis(record, "units"), setting(record, "search.space.units_max")
    listed = listing(record, "search.space.units")
    growth = setting(record, "search.growth") or 1.0
    most = max(listed) if listed else most
    if not units or most is None or not _axis(record, "layers"):
        return
    if units * growth > most or units >= most:
        sentence = f"The champion's {units:g} units are the widest step within {most:g}"
        wider: tuple[str, ...] = (f"search.space.units_max={most * 4:.0f}",)
        if listed:
            units_listed = ",".join(f"{value:.0f}" for value in [*listed, most * 2])
            wider = (
                f"search.space.units=[{units_listed}]",
                f"search.space.units_max={most * 2:.0f}",
            )
        yield _beyond(record, "width", sentence, "wider", wider)


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
            further = f"{key}={language.rate(limit * factor)}"
            if listed:
                further = f"{VALUES}={written(sorted([*listed, limit * factor]))}"
            step = "higher" if factor > 1 else "lower"
            yield _beyond(record, "learning rate", sentence, step, (further,))


def rates_up_to(record: SweepRecord, most: float) -> tuple[str, ...]:
    """Return overrides that leave out all learning rates above `most`; other limits move along."""
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


def many_diverged(record: SweepRecord) -> bool:
    """Return whether so many fits failed, some of them by their rate, that lower rates are needed."""
    failed = failed_fits(record)
    has_diverged = bool((failed["outcome"] == Outcome.diverged.value).any())
    return has_diverged and len(failed) / len(done_fits(record)) >= MANY_FAILED
