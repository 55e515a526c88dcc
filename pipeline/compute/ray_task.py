"""What runs on the nodes of a Ray cluster: the task that trains a piece, and the board between.

Workers and sweep talk through the board, an actor beside the sweep: workers write how far they are
and read whether to stop. A board that is away costs the display its progress, never a result.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from pipeline.core.control import Progress
from pipeline.core.family import Family
from pipeline.core.records import Arrays, FitResult, Stack
from pipeline.training.settings import Settings
from pipeline.training.threads import prepare, use_cores

log = logging.getLogger(__name__)

SILENT_SECONDS = 30.0
"""Without one, a piece counts as not begun: its worker died, and Ray has yet to start it anew."""
ASK_SECONDS = 0.5
"""Between two looks of a worker at the board, which are its signs of life."""


@dataclass(frozen=True)
class RayResult:
    """What a task sends back."""

    results: list[FitResult]
    worker: str
    """Node and process that trained."""
    began: float
    """By the worker's clock."""
    ended: float


@dataclass
class News:
    """What the workers have reported, by the number of the piece."""

    begun: dict[int, float] = field(default_factory=dict)
    """Seconds since a worker began it."""
    progress: dict[int, Progress] = field(default_factory=dict)
    """Its last report."""


class ProgressBoard:
    """An actor: collects progress from the workers, passes the sweep's request to stop to them.

    One for all rounds: an actor that starts takes a process from Ray's pool, and would take one
    that has just imported TensorFlow.
    """

    def __init__(self) -> None:
        """Start before the first round."""
        self._round = -1
        self._reason = ""
        self._begun: dict[int, float] = {}
        self._alive: dict[int, float] = {}
        self._progress: dict[int, Progress] = {}

    def open(self, round_: int) -> None:
        """Begin a round; workers of another one have to stop."""
        self._round, self._reason = round_, ""
        self._begun, self._alive, self._progress = {}, {}, {}

    def begin(self, round_: int, piece: int) -> None:
        """Take note that a worker has begun a piece, for the first time or again."""
        if round_ == self._round:
            self._begun[piece] = self._alive[piece] = time.monotonic()

    def note(self, round_: int, piece: int, progress: Progress | None) -> str:
        """Take note of a worker's progress; return why it must stop, or an empty string."""
        if round_ != self._round:
            return "the round is over"
        self._alive[piece] = time.monotonic()
        if progress is not None:
            self._progress[piece] = progress
        return self._reason

    def stop(self, reason: str) -> None:
        """Have all workers stop."""
        self._reason = reason

    def read(self) -> News:
        """Return what the workers have reported."""
        now = time.monotonic()
        living = [at for at, seen in self._alive.items() if now - seen < SILENT_SECONDS]
        begun = {piece: now - self._begun[piece] for piece in living}
        return News(begun, self._progress)


class OnBoard:
    """The control of a worker: progress goes to the board, which says when to stop.

    A thread beside the training asks. A task that asked itself would wait, be it for a millisecond,
    and Ray gives the core of a task that waits to the next one: which then starts a process.
    """

    def __init__(self, ray: Any, board: Any, round_: int, piece: int) -> None:
        """Tell the board that a piece of a round begins."""
        self._ray, self._board, self._place = ray, board, (round_, piece)
        self._progress: Progress | None = None
        self._reason = ""
        self._over = threading.Event()
        board.begin.remote(round_, piece)
        threading.Thread(target=self._live, name="board", daemon=True).start()

    def close(self) -> None:
        """Give no more signs of life."""
        self._over.set()

    def report(self, progress: Progress) -> None:
        """Keep progress for the board; does not wait."""
        self._progress = progress

    def stop_reason(self) -> str:
        """Return why to stop as the board last said."""
        return self._reason

    def _live(self) -> None:
        while not self._over.wait(ASK_SECONDS):
            try:
                answer = self._board.note.remote(*self._place, self._progress)
                self._reason = self._reason or self._ray.get(answer, timeout=SILENT_SECONDS)
            except Exception:
                # The board died with the sweep's node, or is being started: nothing to hear.
                log.debug("the board did not answer", exc_info=True)


def train_piece(
    place: tuple[int, int],
    engine_name: str,
    stack: Stack,
    arrays: Arrays,
    family: Family,
    settings: Settings,
    board: Any,
) -> RayResult:
    """Train one piece with one core, or the GPU that Ray has assigned; imports the framework.

    Args:
        place: Number of the round within the process of the sweep, and of the piece within it.
        board: A handle of ProgressBoard.
    """
    import ray

    began = time.time()
    with contextlib.closing(OnBoard(ray, board, *place)) as control:
        use_cores(1)
        prepare(convolutional=family.convolutional)
        from pipeline.training.engine import engine, train

        results = train(engine(engine_name), stack, arrays, family, settings, control)
    worker = f"{ray.get_runtime_context().get_node_id()} {os.getpid()}"
    return RayResult(results, worker, began, time.time())
