"""The capacity search walked to its end on scripted scores: which rounds it would ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.search.board import Board
from pipeline.search.protocol import key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipeline.core.records import Fit, Round, Scored
    from pipeline.search import Choice
    from pipeline.search.capacity import CapacitySearch


@dataclass(frozen=True)
class Walked:
    """A whole search."""

    rounds: tuple[Round, ...]
    choice: Choice | None


def walk(
    search: CapacitySearch,
    answer: Callable[[Fit], Scored],
    known: Mapping[tuple[str, int], Scored] | None = None,
) -> Walked:
    """Walk the real search.

    Args:
        search: As the sweep has it.
        answer: Scores a fit that has not been trained.
        known: Scores of fits that have been, by `protocol.key`.
    """
    finished = known or {}
    board = Board(search.config, search.executions)
    script = search.script(board)
    rounds: list[Round] = []
    try:
        asked = next(script)
        while True:
            rounds.append(asked)
            asked = script.send([finished.get(key(fit)) or answer(fit) for fit in asked.fits])
    except StopIteration as end:
        return Walked(tuple(rounds), end.value)
