"""The task that trains a piece on a node of a Ray cluster, and the board for its progress.

The board is an actor beside the sweep: workers write their progress to it and read whether to stop.
Without the board the display has no progress, but no result is lost.
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
"""Without a call of its worker, a piece counts as not begun: the worker died, and Ray will restart it."""
CALL_SECONDS = 0.5
"""Between two calls of a worker to the board, which show that it is alive."""


@dataclass(frozen=True)
class RayResult:
    """The result of a task."""

    results: list[FitResult]
    worker: str
    """Its node and process."""
    began: float
    """Seconds by the worker's clock."""
    ended: float


@dataclass
class News:
    """The reports of the workers, by the number of the piece."""

    begun: dict[int, float] = field(default_factory=dict)
    """Seconds since a worker began it."""
    progress: dict[int, Progress] = field(default_factory=dict)
    """The last report of its worker."""


class ProgressBoard:
    """An actor: collects progress from the workers, and passes the sweep's request to stop to them.

    One for all rounds: a new actor would take a process from Ray's pool, which has just imported
    TensorFlow.
    """

    def __init__(self) -> None:
        """Start before the first round."""
        self.open(-1)

    def open(self, round_: int) -> None:
        """Begin a round; workers of other rounds have to stop."""
        self._round, self._reason = round_, ""
        self._begun: dict[int, float] = {}
        self._alive: dict[int, float] = {}
        self._progress: dict[int, Progress] = {}

    def begin(self, round_: int, piece: int) -> None:
        """Record that a worker has begun a piece, for the first time or after a restart."""
        if round_ == self._round:
            self._begun[piece] = self._alive[piece] = time.monotonic()

    def note(self, round_: int, piece: int, progress: Progress | None) -> str:
        """Record a worker's progress; return why it must stop, or an empty string."""
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
        """Return the reports of the workers."""
        now = time.monotonic()
        living = [at for at, seen in self._alive.items() if now - seen < SILENT_SECONDS]
        begun = {piece: now - self._begun[piece] for piece in living}
        return News(begun, self._progress)


class OnBoard:
    """The control of a worker: progress goes to the board, which returns when to stop.

    A thread calls the board. If the task itself waited for it, even for a millisecond, Ray would give its
    core to the next task, which would start a process.
    """

    def __init__(self, ray: Any, board: Any, round_: int, piece: int) -> None:
        """Begin a piece of a round."""
        self._ray, self._board, self._place = ray, board, (round_, piece)
        self._progress: Progress | None = None
        self._reason = ""
        self._over = threading.Event()
        board.begin.remote(round_, piece)
        threading.Thread(target=self._live, name="board", daemon=True).start()

    def close(self) -> None:
        """End the thread that calls the board."""
        self._over.set()

    def report(self, progress: Progress) -> None:
        """Keep progress for the board; does not wait."""
        self._progress = progress

    def stop_reason(self) -> str:
        """Return why to stop, as of the last answer of the board."""
        return self._reason

    def _live(self) -> None:
        while not self._over.wait(CALL_SECONDS):
            try:
                answer = self._board.note.remote(*self._place, self._progress)
                self._reason = self._reason or self._ray.get(answer, timeout=SILENT_SECONDS)
            except Exception:
                # The board died with the sweep's node, or is being started.
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
        place: Number of the round within the process of the sweep, and of the piece within the round.
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
