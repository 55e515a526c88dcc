"""The rounds behind the one that is training: what the search would ask for, on plausible scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.forecast.continuation import Continuation, known_from
from pipeline.forecast.stacktime import Work
from pipeline.forecast.surface import surfaces
from pipeline.forecast.walk import walk
from pipeline.search.protocol import key
from pipeline.search.space import ladder
from pipeline.training.planner import plan_stacks

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from pipeline.core.records import Fit, Round, Scored
    from pipeline.forecast.stacktime import StackTime
    from pipeline.search.capacity import CapacitySearch
    from pipeline.training.planner import Limits

DRAWS = 2
"""Draws of the noise for each assumption."""


@dataclass(frozen=True)
class Outlook:
    """One way in which the search may go on after the present round."""

    likelihood: float
    rounds: tuple[Work, ...]
    fits: tuple[int, ...]
    """Of each round."""

    def within(self, fits: int | None) -> Work:
        """Return its work until so many fits are trained; None: all of it."""
        found = Work()
        left = float("inf") if fits is None else fits
        for work, count in zip(self.rounds, self.fits, strict=True):
            share = min(1.0, max(0.0, left / count)) if count else 1.0
            found += Work(work.fixed * min(1.0, share * count), work.training * share)
            left -= count
        return found


def outlooks(
    search: CapacitySearch,
    finished: Sequence[Scored],
    asked: Round,
    time: StackTime,
    limits: Limits,
    compiled: set[Hashable],
) -> list[Outlook]:
    """Return ways in which the search may go on.

    Args:
        search: That of the sweep.
        finished: Before the present round.
        asked: The present round.
        time: Predicts the seconds.
        limits: By which stacks are planned.
        compiled: Programs that the sweep has by the end of the present round.
    """
    done = {key(scored.fit): scored for scored in finished if scored.outcome.is_done}
    found = []
    for likelihood, answer in _answers(search, finished, time.workload.val_rows):
        rounds = walk(search, answer, done).rounds
        after = [one for one in rounds if one.number > asked.number]
        found.append(_outlook(likelihood, after, time, limits, set(compiled)))
    return found


def counted_outlook(
    rounds: Sequence[Round],
    asked: Round,
    time: StackTime,
    limits: Limits,
    compiled: set[Hashable],
) -> list[Outlook]:
    """Return the one way in which a search of known length goes on."""
    after = [one for one in rounds if one.number > asked.number]
    return [_outlook(1.0, after, time, limits, set(compiled))]


def _outlook(
    likelihood: float,
    rounds: Sequence[Round],
    time: StackTime,
    limits: Limits,
    compiled: set[Hashable],
) -> Outlook:
    works = tuple(
        time.of_round(plan_stacks(one.fits, time.workload, limits), compiled) for one in rounds
    )
    return Outlook(likelihood, works, tuple(len(one.fits) for one in rounds))


def _answers(
    search: CapacitySearch, finished: Sequence[Scored], val_rows: int
) -> list[tuple[float, Callable[[Fit], Scored]]]:
    """Return plausible scores for what is to come, each with its likelihood."""
    known = known_from(finished)
    if known is None:
        tables = surfaces(search.family, val_rows, ladder(search.config.learning_rate).first)
        return [(1.0 / len(tables), table.answer) for table in tables]
    return [
        (likelihood / DRAWS, Continuation(known, further, draw).answer)
        for further, likelihood in known.assumptions()
        for draw in range(DRAWS)
    ]
