"""Where sweeps are injured: their stores, how they ended, and what is lost after a resume."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.harness.child import Task
from benchmarks.harness.outcome import Left, difference, left
from benchmarks.harness.places import Place, Server, empty_store, own_store
from benchmarks.harness.start import Running, finished

if TYPE_CHECKING:
    from pathlib import Path

WORDS = (
    *("training.epochs=20", "training.executions=3", "search.max_executions=4"),
    *("search.space.layers_max=1", "search.space.units_max=32", "verbose=false"),
)
WAGES = ("data=wages",)
LONGEST = 600.0
NOTES = ("Trying again", "once more", "split in two")
"""In lines of a sweep that met trouble and went on."""


@dataclass
class Row:
    """One line of the table."""

    fault: str
    exit: int | None
    seconds: float
    said: str
    """The last line about it."""
    afterwards: str
    """What a resume brought, and what is lost."""


class Ward:
    """Where the sweeps are injured."""

    def __init__(self, folder: Path) -> None:
        """Prepare an empty store; the server starts when it is first asked for."""
        self.folder = folder
        self.template = empty_store(folder)
        self._server: Server | None = None
        self._expected: dict[tuple[str, ...], Left] = {}

    @property
    def server(self) -> Server:
        """A running server."""
        if self._server is None:
            self._server = Server(self.folder / "server")
            self._server.start()
        return self._server

    def place(self, name: str) -> Place:
        """Return a place with a store of its own."""
        return own_store(self.folder / name, self.template)

    def expected(self, *words: str) -> Left:
        """Return what the undisturbed sweep leaves."""
        if words not in self._expected:
            place = self.place(f"undisturbed{len(self._expected)}")
            code, _ = finished((*WORDS, *words, *place.words), place.home)
            if code:
                raise SystemExit(f"the undisturbed sweep ended with {code}: {said(place)}")
            self._expected[words] = left(place)
        return self._expected[words]

    def close(self) -> None:
        """Stop the server."""
        if self._server is not None:
            self._server.stop()

    def sweep(self, place: Place, *words: str, trouble: str = "", **environment: str) -> Running:
        """Start a sweep."""
        task = Task((*WORDS, *words, *place.words), place.home, environment, trouble)
        return Running(task)

    def judged(
        self, fault: str, running: Running, place: Place, words: tuple[str, ...] = WAGES
    ) -> Row:
        """Wait for the end of an injured sweep; say how it ended."""
        code = running.wait(LONGEST)
        seconds = time.monotonic() - running.began
        running.kill()
        return Row(fault, code, round(seconds, 1), said(place), self.lost(place, words, code))

    def lost(self, place: Place, words: tuple[str, ...], code: int | None) -> str:
        """Compare with the undisturbed sweep, after a resume where the sweep had stopped."""
        if code != 0:
            return ""
        found = difference(left(place), self.expected(*words))
        return f"different: {vars(found)}" if found else "nothing lost"

    def resumed(self, row: Row, place: Place, words: tuple[str, ...] = WAGES) -> Row:
        """Resume an injured sweep that has stopped."""
        if row.exit != 0:
            code, _ = finished((*WORDS, *words, *place.words, "resume=auto"), place.home)
            row.afterwards = f"resumed: exit {code}, {self.lost(place, words, code)}"
        return row


def said(place: Place) -> str:
    """Return what a sweep has said of its trouble, else its last line."""
    lines = (place.home / "out.log").read_text(errors="replace").splitlines()
    told = [
        line for line in lines if line.strip() and not line.startswith(("I0000", "WARNING: All"))
    ]
    ended_well = bool(told) and told[-1].startswith("champion ")
    notes = [line for line in told if any(word in line for word in NOTES)]
    chosen = notes[-1:] if ended_well and notes else told[-1:]
    return "".join(chosen).partition(" | ")[0].replace(str(place.home), "HOME")[:260]
