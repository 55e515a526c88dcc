"""The background writer keeps order, tries again, and is never silent about what it could not do."""

from __future__ import annotations

import functools
import threading
import time
from typing import Any

import pytest

from pipeline.core.errors import StoreError
from pipeline.ledger import writer as module
from pipeline.ledger.location import resolve
from pipeline.ledger.writer import Job, Writer


class AwayError(OSError):
    """The store is away."""


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a maker of writers that hurry."""
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.01)
    made: list[Writer] = []

    def make_writer(**changes: Any) -> Writer:
        words: dict[str, Any] = {
            "location": resolve("http://ann:secret@host"),
            "retry_seconds": 60.0,
            "beat": lambda: None,
            "stopping": lambda: False,
        }
        made.append(Writer(**(words | changes)))
        return made[-1]

    yield make_writer
    for writer in made:
        writer.close()


def failing(times: int, error: BaseException, done: list[str]) -> Any:
    """Return a step that fails so often before it works."""
    left = [times]

    def step() -> None:
        if left[0]:
            left[0] -= 1
            raise error
        done.append("done")

    return step


def test_jobs_are_done_in_order_and_in_the_background(make: Any) -> None:
    """What is recorded first is in the store first; the sweep does not wait."""
    writer, done, gate = make(), [], threading.Event()
    writer.put(Job("wait", [gate.wait]))
    for number in range(50):
        writer.put(Job(str(number), [lambda number=number: done.append(number)]))
    assert done == []
    gate.set()
    writer.flush()
    assert done == list(range(50))


def test_between_rounds_what_makes_fits_safe_is_awaited_and_little_else(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of a stack is there before training goes on; the runs of a few fits may come later."""
    monkeypatch.setattr(module, "MOST_BEHIND", 2)
    writer, done, gate = make(), [], threading.Event()
    for number in range(4):
        writer.put(Job(str(number), [gate.wait], alone=False))
    writer.put(Job("stack", [lambda: done.append("stack")], first=True))
    waiting = threading.Thread(target=writer.catch_up)
    waiting.start()
    waiting.join(0.3)
    assert waiting.is_alive()  # four are too many
    assert done == ["stack"]  # it did not wait for them
    gate.set()
    waiting.join()
    gate.clear()
    writer.put(Job("late", [gate.wait]))
    writer.catch_up()
    gate.set()
    writer.flush()


def test_a_step_that_fails_is_tried_again_without_the_steps_before_it(make: Any) -> None:
    """A run that was created is not created twice because logging into it failed."""
    writer, done = make(), []
    steps = [lambda: done.append("create"), failing(3, AwayError("timed out"), done)]
    writer.put(Job("fit", steps))
    writer.put(Job("next", [lambda: done.append("next")]))
    writer.flush()
    assert done == ["create", "done", "next"]


def test_a_store_that_stays_away_ends_the_writer_loudly(make: Any) -> None:
    """Whatever is put or flushed afterwards says so; nothing is recorded out of order."""
    writer, done, gate = make(retry_seconds=0.1), [], threading.Event()
    writer.put(Job("fit", [gate.wait, failing(10**6, AwayError("refused"), done)]))
    writer.put(Job("later", [lambda: done.append("later")]))
    gate.set()
    with pytest.raises(StoreError, match="refused") as error:
        writer.flush()
    assert "secret" not in str(error.value)
    with pytest.raises(StoreError):
        writer.put(Job("even later", []))
    assert done == []


def test_a_mistake_of_ours_is_not_tried_again(make: Any) -> None:
    """A TypeError is a bug, not a server that is away."""
    writer, done = make(), []
    writer.put(Job("fit", [failing(1, TypeError("bug"), done)]))
    with pytest.raises(TypeError, match="bug"):
        writer.flush()
    assert done == []


def test_a_refusal_is_final(make: Any) -> None:
    """A run that somebody deleted does not come back by asking again."""
    from mlflow.exceptions import MlflowException

    writer, done = make(retry_seconds=60.0), []
    gone = MlflowException("Run not found", error_code=1000)
    gone.error_code = "RESOURCE_DOES_NOT_EXIST"
    writer.put(Job("fit", [failing(1, gone, done)]))
    started = time.monotonic()
    with pytest.raises(StoreError, match="Run not found"):
        writer.flush()
    assert time.monotonic() - started < 30


def test_a_sweep_that_must_stop_does_not_wait_long(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After SIGTERM there are seconds, not minutes."""
    monkeypatch.setattr(module, "STOPPING_SECONDS", 0.1)
    writer, done = make(retry_seconds=600.0, stopping=lambda: True), []
    writer.put(Job("fit", [failing(10**6, AwayError("refused"), done)]))
    with pytest.raises(StoreError):
        writer.flush()


def test_a_sign_of_life_is_given_when_there_is_nothing_to_write(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stack may train for an hour; others must not think that the sweep is dead."""
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.02)
    beats = threading.Semaphore(0)
    make(beat=beats.release)
    for _ in range(3):
        assert beats.acquire(timeout=10)


def test_a_missed_sign_of_life_is_no_failure(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes again in ten seconds."""
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.01)
    beats = threading.Semaphore(0)

    def beat() -> None:
        beats.release()
        raise AwayError("for a moment")

    writer = make(beat=beat)
    for _ in range(3):
        assert beats.acquire(timeout=10)
    writer.flush()


def test_a_sweep_that_was_taken_over_stops_writing(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token is checked with every sign of life."""
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.01)
    beats = threading.Semaphore(0)

    def beat() -> None:
        beats.release()
        raise StoreError("taken over")

    writer = make(beat=beat)
    assert beats.acquire(timeout=10)
    deadline = time.monotonic() + 10
    while writer._error is None and time.monotonic() < deadline:
        time.sleep(0.01)
    with pytest.raises(StoreError, match="taken over"):
        writer.put(Job("fit", []))


def test_jobs_that_need_not_be_alone_are_written_together(make: Any) -> None:
    """A server answers several at once; what must be alone waits for them, and they for it."""
    writer, order = make(), []
    meeting = threading.Barrier(3, timeout=10)
    writer.put(Job("stack", [lambda: order.append("stack")]))
    for _ in range(3):
        steps = [meeting.wait, lambda: order.append("fit")]
        writer.put(Job("fit", steps, alone=False))
    writer.put(Job("decisions", [lambda: order.append("decisions")]))
    writer.flush()
    assert order == ["stack", "fit", "fit", "fit", "decisions"]


def test_the_file_of_a_stack_does_not_wait_for_the_fits_of_the_one_before(make: Any) -> None:
    """With it the stack is safe; files keep their order."""
    writer, order, begun, go_on = make(), [], threading.Event(), threading.Event()
    writer.put(Job("fit 0", [begun.set, go_on.wait]))
    begun.wait(10)
    for name in ("fit 1", "file 1", "fit 2", "file 2"):
        step = functools.partial(order.append, name)
        writer.put(Job(name, [step], first=name.startswith("file")))
    go_on.set()
    writer.flush()
    assert order == ["file 1", "file 2", "fit 1", "fit 2"]


def test_a_failure_among_several_is_not_lost(make: Any) -> None:
    """One of them cannot be written: the sweep hears of it."""
    writer, done, gate = make(retry_seconds=0.0), [], threading.Event()
    for number in range(6):
        step = failing(1, AwayError("refused"), done) if number == 4 else lambda: done.append("ok")
        writer.put(Job("fit", [gate.wait, step], alone=False))
    gate.set()
    with pytest.raises(StoreError, match="refused"):
        writer.flush()


def test_time_passes_once_however_many_are_written_at_once(make: Any) -> None:
    """Plans are made from it: three fits side by side for a moment are not three moments."""
    writer, meeting = make(), threading.Barrier(3, timeout=60)
    began = time.perf_counter()
    for _ in range(3):
        writer.put(Job("fit", [meeting.wait, lambda: time.sleep(0.2)], alone=False))
    writer.flush()
    assert 0.2 <= writer.busy_seconds <= time.perf_counter() - began
