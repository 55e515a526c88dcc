"""Stacks on a Ray cluster: tasks that a dying node repeats elsewhere; the sweep keeps the ledger."""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from pipeline.compute.pieces import Piece, halves, pieces, standing
from pipeline.compute.ray_cluster import RETRIES, join, memory_of
from pipeline.compute.ray_task import News, RayResult
from pipeline.config.schema import ComputeConfig
from pipeline.core.control import Control
from pipeline.core.family import Family
from pipeline.core.records import Arrays, Fit, FitResult, Outcome, Stack, StackPlan
from pipeline.training.settings import Settings
from pipeline.training.sizes import cpu

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5
"""Between two checks of budget and signals."""
BOARD_SECONDS = 2.0
"""Between two readings of the board: the display takes 50 ms, during which finished pieces wait."""
GRACE_SECONDS = 3.0
"""For workers to reach a boundary once they have to stop."""
PATIENCE_SECONDS = 60.0
"""Without any piece in training, before a warning that the cluster has no room."""


def run_on_ray(
    plan: StackPlan,
    arrays_of: Callable[[Fit], Arrays],
    family: Family,
    settings: Settings,
    control: Control,
    config: ComputeConfig,
) -> Iterator[tuple[Stack, list[FitResult]]]:
    """Train as `local.run_here`, on the cluster: a stack comes in parts, the stack with those fits alone."""
    yield from _Round(plan, arrays_of, family, settings, control, config).results()


class _Round:
    """The pieces of one plan while they are trained."""

    def __init__(
        self,
        plan: StackPlan,
        arrays_of: Callable[[Fit], Arrays],
        family: Family,
        settings: Settings,
        control: Control,
        config: ComputeConfig,
    ) -> None:
        """Join the cluster and cut the plan into pieces; nothing is sent yet."""
        self._cluster = join(config)
        self._ray, self._board = self._cluster.ray, self._cluster.board
        self._engine, self._arrays_of = plan.engine, arrays_of
        self._family, self._settings = family, settings
        self._control, self._config = control, config
        self._number, self._slots = self._cluster.open_round(), self._cluster.slots()
        tile = cpu(convolutional=family.convolutional).members
        self._waiting = pieces(plan, self._slots, tile, compared=settings.drop_after > 0)
        self._sent = len(self._waiting)
        self._running: dict[Any, Piece] = {}
        self._back: list[tuple[Stack, list[FitResult]]] = []
        self._news = News()
        self._checked = self._board_read = self._idle_since = time.monotonic()
        self._reason, self._stopped_at = "", 0.0
        self._trained: list[tuple[str, float, float]] = []
        """Worker, beginning and end of every task that came back."""

    def results(self) -> Iterator[tuple[Stack, list[FitResult]]]:
        """Yield every piece as soon as it has come back."""
        try:
            while self._waiting or self._running or self._back:
                while self._back:
                    yield self._back.pop(0)
                self._advance()
            self._log_spread()
        finally:  # an error, or the caller wants no more
            for task in self._running:
                self._ray.cancel(task, force=True)

    def _advance(self) -> None:
        """Collect finished pieces, check board, budget and signals, and send waiting pieces."""
        if self._running:
            tasks = list(self._running)
            done, _ = self._ray.wait(tasks, timeout=POLL_SECONDS)
            for task in done:
                self._collect(task)
        if time.monotonic() - self._checked >= POLL_SECONDS:
            self._check()
        self._send()

    def _send(self) -> None:
        """Send waiting pieces, as many as `compute.workers` allows."""
        most = self._config.workers or len(self._waiting) + len(self._running)
        while self._waiting and len(self._running) < most and not self._reason:
            piece = self._waiting.pop(0)
            stack, cluster = piece.stack, self._cluster
            arrays = self._arrays_of(stack.fits[0])
            memory = memory_of(stack, arrays, self._family, self._settings)
            shared = cluster.put(arrays), cluster.put(self._family), self._settings, self._board
            sent = ((self._number, piece.number), self._engine, stack, *shared)
            self._running[cluster.train(self._slots, memory, sent)] = piece

    def _collect(self, task: Any) -> None:
        piece = self._running.pop(task)
        errors = self._ray.exceptions
        try:
            trained: RayResult = self._ray.get(task)
        except errors.TaskCancelledError:
            self._give_up(piece, Outcome.cut, self._reason)
        except errors.RayTaskError as error:
            raise error.cause from None
        except errors.RayError as error:
            self._lose(piece, error)
        else:
            self._trained.append((trained.worker, trained.began, trained.ended))
            self._back.append((piece.stack, trained.results))

    def _lose(self, piece: Piece, error: Exception) -> None:
        """Try the halves of a piece that kills its workers: its fits may be too many for one."""
        if self._reason:
            self._give_up(piece, Outcome.cut, self._reason)
            return
        reason = (str(error).splitlines() or [""])[0][:200]
        died = f"its worker died {RETRIES + 1} times: {type(error).__name__} {reason}"
        if len(piece.stack.fits) == 1:
            self._give_up(piece, Outcome.infeasible, died)
            return
        log.warning("stack %d is split in two: %s", piece.stack.number, died)
        self._waiting = [*halves(piece, self._sent), *self._waiting]
        self._sent += 2

    def _check(self) -> None:
        """Check budget and signals, read the board, and give up pieces that hang."""
        self._checked = now = time.monotonic()
        if not self._reason:
            self._reason, self._stopped_at = self._control.stop_reason(), now
            if self._reason:
                self._board.stop.remote(self._reason)
        if self._reason or now - self._board_read >= BOARD_SECONDS:
            self._read_board()  # pieces that have begun by now may end at their boundary
            for progress in standing(
                [*self._running.values(), *self._waiting], self._news.progress
            ):
                self._control.report(progress)
        if self._reason:
            self._stop(late=now - self._stopped_at > GRACE_SECONDS)
        else:
            self._cancel_hung()
        self._warn_if_idle(now)

    def _stop(self, *, late: bool) -> None:
        """Cut the pieces that have not begun; the others too where it is `late`."""
        for task, piece in list(self._running.items()):
            if late or piece.number not in self._news.begun:
                self._cancel(task, Outcome.cut, self._reason)
        for piece in self._waiting:
            self._give_up(piece, Outcome.cut, self._reason)
        self._waiting.clear()

    def _cancel_hung(self) -> None:
        longest = self._config.stack_seconds
        for task, piece in list(self._running.items()):
            if self._news.begun.get(piece.number, 0.0) > longest:
                message = f"its worker hung: longer than compute.stack_seconds={longest:g}"
                self._cancel(task, Outcome.infeasible, message)

    def _read_board(self) -> None:
        """Read the board; where it does not answer, its last news stay."""
        self._board_read = time.monotonic()
        try:
            self._news = self._ray.get(self._board.read.remote(), timeout=POLL_SECONDS)
        except (self._ray.exceptions.RayError, TimeoutError):
            log.debug("the board did not answer", exc_info=True)

    def _cancel(self, task: Any, outcome: Outcome, message: str) -> None:
        piece = self._running.pop(task)
        self._ray.cancel(task, force=True)
        self._give_up(piece, outcome, message)

    def _give_up(self, piece: Piece, outcome: Outcome, message: str) -> None:
        if outcome is Outcome.infeasible:
            log.warning("stack %d: %s", piece.stack.number, message)
        results = [
            FitResult(fit, outcome, {}, -1, None, None, 0.0, message=message)
            for fit in piece.stack.fits
        ]
        self._back.append((piece.stack, results))

    def _warn_if_idle(self, now: float) -> None:
        """Warn once a minute while no node takes a piece: the cluster is full, small or growing."""
        at_work = any(piece.number in self._news.begun for piece in self._running.values())
        if at_work or not self._running:
            self._idle_since = now
        elif now - self._idle_since > PATIENCE_SECONDS:
            self._idle_since = now
            wanted = "a CPU and a GPU" if self._slots.gpu else "a CPU"
            log.warning(
                "no node of the Ray cluster (%d alive) has %s and the memory for any of %d tasks; "
                "waiting",
                self._cluster.nodes(),
                wanted,
                len(self._running),
            )

    def _log_spread(self) -> None:
        """Log how the tasks were spread, and the idle time of workers between two: the cost of sending."""
        gaps = [
            max(0.0, began - ended)
            for (worker, _, ended), (same, began, _) in pairwise(sorted(self._trained))
            if worker == same
        ]
        between = ""
        if gaps:
            median = 1000 * statistics.median(gaps)
            between = f", {median:.0f} ms between two tasks of a worker (median)"
        workers = len({worker for worker, _, _ in self._trained})
        spread = len(self._trained), workers, self._cluster.nodes()
        log.info("Ray: %d tasks by %d workers on %d nodes%s", *spread, between)
