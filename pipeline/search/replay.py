"""Feeding finished fits to a script of rounds: the next round is a pure function of the fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from pipeline.search.protocol import key

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.core.records import Round, Scored
    from pipeline.search.board import Walk

M = TypeVar("M")


class Replay(Generic[M]):
    """Brings a script to the first round that is not answered completely.

    The script of the last call is kept and fed on when the fits begin with what it was fed; else it
    starts over. So the answer depends on the fits alone, and costs a replay only after a change.
    """

    def __init__(self, start: Callable[[], tuple[Walk[None], M]]) -> None:
        """Take what starts the script: it returns the script and the memory that it writes to."""
        self._start = start
        self._fed: list[tuple[Round, list[Scored]]] = []
        self._script: Walk[None] | None = None
        self._memory: M
        self._asked: Round | None = None

    def to(self, finished: Sequence[Scored]) -> tuple[Round | None, M]:
        """Return the round to train next, None at the end, and the script's memory there."""
        answers = {key(scored.fit): scored for scored in finished if scored.outcome.is_done}
        if self._script is None or not self._is_continued_by(answers):
            self._script, self._memory = self._start()
            self._fed = []
            self._asked = next(self._script, None)
        while self._asked is not None and all(key(fit) in answers for fit in self._asked.fits):
            batch = [answers[key(fit)] for fit in self._asked.fits]
            self._fed.append((self._asked, batch))
            try:
                self._asked = self._script.send(batch)
            except StopIteration:
                self._asked = None
        return self._asked, self._memory

    def _is_continued_by(self, answers: dict[tuple[str, int], Scored]) -> bool:
        return all(
            (found := answers.get(key(scored.fit))) is not None
            and found.outcome == scored.outcome
            and (found.score == scored.score or not scored.outcome.is_ranked)
            for _, batch in self._fed
            for scored in batch
        )
