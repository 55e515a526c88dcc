"""One sweep in a forked process, as `python -m pipeline.sweep` runs it, with its steps written down.

Nothing of the sweep is replaced: the functions named in `WATCHED` write one line to a file and go on.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WATCHED = {
    "open": "pipeline.session.loop:_open",
    "round": "pipeline.session.loop:train_round",
    "compile": "pipeline.training.stacked.on_tensorflow:Compiled.compile",
    "chunk": "pipeline.training.stacked.tile:Tile.advance",
    "save": "pipeline.ledger.fitwriter:FitWriter.write",
    "test": "pipeline.session.ending:evaluate",
    "champion": "pipeline.session.ending:save_champion",
    "report": "pipeline.session.ending:write_report",
}
"""Steps of a sweep by the function that takes them."""


@dataclass(frozen=True)
class Task:
    """One sweep to run."""

    words: tuple[str, ...]
    """Of the command line."""
    home: Path
    """Working directory; `out.log` and `trace.log` are there."""
    environment: dict[str, str] = field(default_factory=dict)
    trouble: str = ""
    """`module:function` that is called with this task before the sweep begins."""


def run(task: Task) -> None:
    """Run a sweep and leave with its exit code; called in a process of its own."""
    os.setsid()  # one kill takes the verifier along, as a machine that is taken away does
    os.chdir(task.home)
    os.environ.update(task.environment)
    with (task.home / "out.log").open("ab") as out:
        for stream in (1, 2):
            os.dup2(out.fileno(), stream)
    sys.argv = ["pipeline.sweep", *task.words]
    _forget_the_forker()
    _verify_late()
    trace = os.open(task.home / "trace.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for step, place in WATCHED.items():
        _watch(place, trace, step)
    _watch("pipeline.session.loop:_record", trace, "stack", _stack)
    os.write(trace, _line("begin"))
    if task.trouble:
        _attribute(task.trouble)(task)
    from pipeline.runtime.cli import exit_with
    from pipeline.sweep import main

    exit_with(main)


def _forget_the_forker() -> None:
    """Count time from the fork, and write to the streams of this process."""
    from pipeline.runtime import budget

    budget._LOADED, budget._AGE = time.monotonic(), 0.0  # noqa: SLF001 - of the forker
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)


def _verify_late() -> None:
    """Start the process that verifies the champion when it is needed, not with the sweep.

    It imports for 8 s; of a hundred sweeps that are killed early it would be most of the work. So the
    trial of a model before the search is left out.
    """
    from pipeline.models.artefact_proof import Proof
    from pipeline.models.verify import Verifier

    start, check, close = Verifier.__init__, Verifier.check, Verifier.close

    def late(self: Any, *args: Any) -> None:
        start(self)
        check(self, *args)

    def ended(self: Any) -> None:
        if hasattr(self, "_process"):
            close(self)

    Verifier.__init__ = lambda _: None  # type: ignore[method-assign]
    Verifier.check = late  # type: ignore[method-assign]
    Verifier.close = Verifier.release = ended  # type: ignore[method-assign]
    Proof.before_round = Proof.settle = lambda *_: None  # type: ignore[method-assign]


def _stack(sweep: Any, asked: Any, stack: Any, results: Any) -> str:
    """Say which stack was trained, and how many of its fits to their end."""
    del sweep
    return f"{asked.number}.{stack.number} {sum(one.outcome.is_done for one in results)}"


def _watch(place: str, trace: int, step: str, about: Callable[..., str] | None = None) -> None:
    """Let a function write a line before it works."""
    owner, name = _owner(place)
    function = getattr(owner, name)

    @functools.wraps(function)
    def watched(*args: Any, **kwargs: Any) -> Any:
        line = _line(step, about(*args, **kwargs) if about else "")
        with contextlib.suppress(OSError):  # the disk is full, on purpose
            os.write(trace, line)
        return function(*args, **kwargs)

    setattr(owner, name, watched)


def _line(step: str, about: str = "") -> bytes:
    return f"{time.monotonic():.3f} {os.getpid()} {step} {about}".strip().encode() + b"\n"


def _owner(place: str) -> tuple[Any, str]:
    module, _, path = place.partition(":")
    *owners, name = path.split(".")
    owner: Any = importlib.import_module(module)
    for part in owners:
        owner = getattr(owner, part)
    return owner, name


def _attribute(place: str) -> Any:
    owner, name = _owner(place)
    return getattr(owner, name)
