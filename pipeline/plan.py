"""`python -m pipeline.plan`: rounds, seconds and cost of a sweep with the same arguments."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pipeline.runtime.cli import exit_with

if TYPE_CHECKING:
    from pipeline.data.columns import ColumnFact
    from pipeline.forecast.timemodel import Prospect

PROGRAM = "pipeline.plan"
PURPOSE = (
    "Says what python -m pipeline.sweep with the same arguments would do: rounds, trials, fits, seconds,"
    " money, and what a budget would cut. Trains nothing, writes nothing."
)


MOST_COLUMNS = 30
"""Columns that are listed one by one."""
BASIS = {
    "remembered": "This very sweep ran on this machine before: the same rounds again.",
    "grown": "This sweep ran on this machine before, on other rows of the same table.",
    "counted": "Counted from the space; early stopping makes the seconds vary.",
    "simulated": (
        "New data: the real search, walked on plausible scores from a table that needs a small network to "
        "one that rewards size. The sweep shows the time left, in a range that narrows."
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Print the plan of the sweep that the command line describes; return the exit code."""
    from pipeline.config.launch import compose_for_plan

    config = compose_for_plan(sys.argv[1:] if argv is None else argv, PROGRAM, PURPOSE)
    from pipeline.forecast.timemodel import prospect

    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in lines(prospect(config)):
        print(line if columns is None else wrapped(line, columns))
    return 0


def wrapped(line: str, columns: int) -> str:
    """Return a line with breaks between words, for a terminal of `columns` characters."""
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.fill(line, columns - 1, subsequent_indent=indent, break_on_hyphens=False)


def lines(plan: Prospect) -> Iterator[str]:
    """Yield a plan line by line."""
    yield from _data(plan)
    yield ""
    yield from _numbers(plan)
    yield ""
    yield BASIS[plan.forecast.basis]
    if plan.times.rates.sweeps == 0:
        yield "No sweep has measured this machine yet: the seconds are a guess within a factor of 2."
    yield from _budget(plan)


def _data(plan: Prospect) -> Iterator[str]:
    """Yield the lines on the table, the target and the search."""
    from pipeline.config.choices import Task
    from pipeline.core.language import plural
    from pipeline.data.fewrows import few_rows

    outline, config, workers = plan.outline, plan.times.config, plan.times.limits.workers
    dataset = outline.dataset
    parts = ", ".join(f"{count:,} {part}" for part, count in outline.rows.items() if count)
    about = "" if outline.digest else "about "
    task = "regression" if dataset.regression else f"{dataset.outputs} classes"
    numbers = [label for label in dataset.classes or () if type(label) in {int, float}]
    if len(numbers) > 2 and config.data.task is Task.auto and config.data.kind == "table":  # noqa: PLR2004
        task += "; if they count or rate something, data.task=regression predicts the number"
    columns = plural(len(dataset.columns), "column")
    if len(dataset.used) < len(dataset.columns):
        columns += f" ({len(dataset.used)} used)"
    trained = config.training
    inputs = plural(plan.inputs, "input")
    yield f"{dataset.name}: {about}{outline.all_rows:,} rows ({parts}), {columns}, {inputs}"
    yield f"predict {dataset.target} ({task})"
    yield (
        f"search {config.search.kind}, engine {trained.engine}, up to {trained.epochs} epochs, "
        f"{workers} {'stack' if workers == 1 else 'stacks'} at once"
    )
    yield from () if outline.growth else few_rows(dataset).lines
    yield from dataset.table_notes
    yield from _columns(dataset.facts)


def _columns(facts: Sequence[ColumnFact]) -> Iterator[str]:
    """Yield a line for every column; in a wide table only for those that need attention."""
    from pipeline.data.columns import TARGET, Attention, attention

    columns = [fact for fact in facts if fact.kind != TARGET]
    urgent = attention(facts)
    shown = columns if len(columns) <= MOST_COLUMNS else attention(columns)[:MOST_COLUMNS]
    if not shown:
        return
    yield ""
    wide = min(24, max(len(fact.name) for fact in shown))
    for fact in shown:
        changes = f"   ({fact.hint})" if fact.hint else ""
        yield f"  {fact.name:<{wide}}  {fact.kind:<8}  {fact.what}{changes}"
    if len(shown) < len(columns):
        yield f"  ... {len(columns) - len(shown)} more"
    for fact in urgent[:MOST_COLUMNS]:
        if fact.attention is not Attention.dropped or fact.note:
            yield f"  {fact.sentence}"


def _numbers(plan: Prospect) -> Iterator[str]:
    """Yield the numbers of rounds, trials, fits, seconds and money, as ranges where they are not known."""
    from pipeline.core.language import duration
    from pipeline.runtime.budget import SECONDS_AN_HOUR

    forecast, price = plan.forecast, plan.times.config.budget.cost_per_hour
    ways = forecast.ways
    counts = {
        "rounds": [len(way.rounds) for way in ways],
        "trials": [way.trials for way in ways],
        "fits": [way.fits for way in ways],
        "stacks": [sum(round_.stacks for round_ in way.rounds) for way in ways],
    }
    for name, numbers in counts.items():
        yield _row(name, f"{min(numbers):,}", f"{max(numbers):,}")
    smallest = min(way.parameters[0] for way in ways)
    yield _row("parameters", f"{smallest:,}", f"{max(way.parameters[1] for way in ways):,}")
    yield _row("time", duration(round(forecast.low)), duration(round(forecast.high)))
    compiling = [way.compiling for way in ways]
    if max(compiling) >= 1.0:
        span = _span(duration(round(min(compiling))), duration(round(max(compiling))))
        yield f"  {'compiling':<12}{span} of it the first time, none where the programs are on the disk"
    if price is not None:
        money = (
            f"{seconds / SECONDS_AN_HOUR * price:.2f}" for seconds in (forecast.low, forecast.high)
        )
        yield _row("cost", *money)


def _row(name: str, low: str, high: str) -> str:
    return f"  {name:<12}{_span(low, high)}"


def _span(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"


def _budget(plan: Prospect) -> Iterator[str]:
    """Yield the lines on the budget that ends the likely sweep, and on the phases that it cuts."""
    budget, cut, rounds = plan.times.config.budget, plan.cut, plan.forecast.likely.rounds
    if budget.seconds is None and budget.fits is None and budget.cost is None:
        return
    if cut is None:
        yield "The budget lasts: the search is likely to be done before it ends."
        return
    yield (
        f"{cut.budget} ends it in round {cut.round} (the last would be {len(rounds) - 1}), "
        f"{rounds[cut.round].phase}: about {cut.fits:,} of {plan.forecast.likely.fits:,} fits are trained."
    )
    phases = dict.fromkeys(round_.phase for round_ in rounds[cut.round :])
    yield f"Cut: what is left of {', '.join(phases)}."
    if cut.fits == 0:
        yield "That is too little for one usable trial: give it more, or fewer epochs (training.epochs)."
    else:
        yield "The best so far becomes the champion."


if __name__ == "__main__":
    exit_with(main)
