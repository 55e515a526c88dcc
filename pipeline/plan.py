"""`python -m pipeline.plan`: what a sweep with the same arguments would do, take and cost."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pipeline.runtime.cli import exit_with

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.data.columns import ColumnFact
    from pipeline.forecast.prospect import Prospect

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
        "New data: the real search, walked on plausible scores. How far growing pays is not known,\n"
        "hence the range; the sweep shows the time left and corrects itself."
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Print the plan of the sweep that the command line asks for; return the exit code."""
    from pipeline.config.launch import compose_for_plan

    config = compose_for_plan(sys.argv[1:] if argv is None else argv, PROGRAM, PURPOSE)
    from pipeline.forecast.prospect import prospect

    print("\n".join(lines(prospect(config))))
    return 0


def lines(plan: Prospect) -> Iterator[str]:
    """Yield a plan line by line."""
    yield from _data(plan)
    yield ""
    yield from _numbers(plan)
    yield ""
    yield BASIS[plan.forecast.basis]
    if plan.sweeps == 0:
        yield "No sweep has measured this machine yet: the seconds are a guess within a factor of 2."
    yield from _budget(plan)


def _data(plan: Prospect) -> Iterator[str]:
    """Say what is swept."""
    found, config = plan.outline, plan.config
    parts = ", ".join(f"{count:,} {part}" for part, count in found.rows.items() if count)
    about = "" if found.exact else "about "
    task = "regression" if found.regression else f"{found.outputs} classes"
    columns = f"{found.columns} columns"
    if found.used < found.columns:
        columns += f" ({found.used} used)"
    trained = config.training
    yield f"{found.name}: {about}{found.all_rows:,} rows ({parts}), {columns}, {plan.inputs:,} inputs"
    yield f"predict {found.target} ({task})"
    yield (
        f"search {config.search.kind}, engine {trained.engine}, up to {trained.epochs} epochs, "
        f"{plan.workers} {'stack' if plan.workers == 1 else 'stacks'} at once"
    )
    yield from found.few
    yield from _columns(found.facts)


def _columns(facts: Sequence[ColumnFact]) -> Iterator[str]:
    """Say what becomes of every column; of a wide table, of those that need attention."""
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
        if fact.attention is not Attention.dropped:
            yield f"  {fact.sentence}"


def _numbers(plan: Prospect) -> Iterator[str]:
    """Say how much there is to do and what it takes, with the range where there is one."""
    from pipeline.core.language import duration
    from pipeline.forecast.cut import cost

    forecast = plan.forecast
    likely, least, most = forecast.likely, forecast.shortest, forecast.longest
    smallest, largest = likely.parameters
    rows = [
        ("rounds", len(likely.legs), len(least.legs), len(most.legs)),
        ("trials", likely.trials, least.trials, most.trials),
        ("fits", likely.fits, least.fits, most.fits),
        ("stacks", likely.stacks, least.stacks, most.stacks),
    ]
    for name, value, low, high in rows:
        span = f"{min(low, value):,} to {max(high, value):,}" if low != high else ""
        yield _row(name, f"{value:,}", span)
    beyond = most.parameters[1]
    span = f"largest up to {beyond:,}" if beyond > largest else ""
    yield _row("parameters", f"{smallest:,} to {largest:,}", span)
    low_high = f"{duration(forecast.low)} to {duration(forecast.high)}"
    yield _row("time", duration(likely.seconds), low_high)
    price = plan.config.budget.cost_per_hour
    money = [cost(seconds, price) for seconds in (likely.seconds, forecast.low, forecast.high)]
    if None not in money:
        yield _row("cost", f"{money[0]:.2f}", f"{money[1]:.2f} to {money[2]:.2f}")


def _row(name: str, value: str, span: str) -> str:
    return f"  {name:<12}{value:>18}   {span}".rstrip()


def _budget(plan: Prospect) -> Iterator[str]:
    """Say which budget ends the likely sweep, and what it cuts."""
    budget, cut, path = plan.config.budget, plan.cut, plan.forecast.likely
    if budget.seconds is None and budget.fits is None and budget.cost is None:
        return
    if cut is None:
        yield "No budget ends it before it is done."
        return
    last = len(path.legs) - 1
    yield (
        f"{cut.budget} ends it in round {cut.leg} (the last would be {last}), "
        f"{path.legs[cut.leg].phase}: about {cut.fits:,} of {path.fits:,} fits are trained."
    )
    yield f"Cut: what is left of {', '.join(cut.phases)}."
    if cut.fits == 0:
        yield "That is too little for one usable trial: give it more, or fewer epochs (training.epochs)."
    else:
        yield "The best so far becomes the champion."


if __name__ == "__main__":
    exit_with(main)
