"""Injure real sweeps: what each fault ends in, what is said of it, and whether anything is lost.

    python -m benchmarks.faults [NAME ...]        all, or some by name; needs root for the full disks

Each fault is injected for real into a sweep on wages: a server that is killed, frozen, or behind a
proxy that answers 500; a second writer that holds sqlite's lock; a full and a read-only file system;
an address space that ends; a process that is killed or stopped. Where the sweep stopped, the fault is
taken away and the sweep resumed. In the end every fit must be there with the score it has in the
undisturbed sweep. The last line on stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from benchmarks.harness.child import Task
from benchmarks.harness.outcome import left
from benchmarks.harness.places import Place, own_store, until
from benchmarks.harness.proxy import Proxy
from benchmarks.harness.start import Running, finished
from benchmarks.harness.trouble import ROOM
from benchmarks.harness.ward import LONGEST, WAGES, WORDS, Row, Ward, said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TROUBLE = "benchmarks.harness.trouble:"


def server_down_for_a_minute(ward: Ward) -> Row:
    """The server is killed in a round and comes back after 60 s."""
    place = ward.server.place(ward.folder / "minute", "minute")
    running = ward.sweep(place, *WAGES)
    running.wait_for("stack", LONGEST)
    ward.server.stop()
    running.wait(60)
    ward.server.start()
    return ward.judged("server down for a minute", running, place)


def server_down_for_good(ward: Ward) -> Row:
    """The server is killed and stays away."""
    place = ward.server.place(ward.folder / "gone", "gone")
    running = ward.sweep(place, *WAGES, "tracking.retry_seconds=10")
    running.wait_for("stack", LONGEST)
    ward.server.stop()
    row = ward.judged("server down for good (retry_seconds=10)", running, place)
    ward.server.start()
    return ward.resumed(row, place)


def server_frozen(ward: Ward) -> Row:
    """The server takes connections and answers nothing for 45 s."""
    place = ward.server.place(ward.folder / "frozen", "frozen")
    running = ward.sweep(place, *WAGES)
    running.wait_for("stack", LONGEST)
    ward.server.freeze(frozen=True)
    running.wait(45)
    ward.server.freeze(frozen=False)
    return ward.judged("server hangs for 45 s", running, place)


def _behind_proxy(
    ward: Ward, fault: str, *words: str, broken: float = 0.0, delay: float = 0.0
) -> Row:
    """Run a sweep whose server answers 500 for some seconds from the first stack on, or late."""
    with Proxy(ward.server.port) as proxy:
        name = fault.replace(" ", "-")
        place = ward.server.place(ward.folder / name, name, proxy.uri)
        proxy.delay = delay
        running = ward.sweep(place, *WAGES, *words)
        running.wait_for("stack", LONGEST)
        proxy.broken = broken > 0
        running.wait(broken)
        proxy.broken = False
        row = ward.judged(fault, running, place)
        return ward.resumed(row, place)


def sqlite_locked(ward: Ward, seconds: float, fault: str, *words: str) -> Row:
    """A second writer holds the database."""
    place = ward.place(fault.replace(" ", "-"))
    running = ward.sweep(place, *WAGES, *words)
    running.wait_for("stack", LONGEST)
    with closing(sqlite3.connect(place.database, isolation_level=None, timeout=60)) as other:
        other.execute("BEGIN IMMEDIATE")
        running.wait(seconds)
        other.execute("ROLLBACK")
    return ward.resumed(ward.judged(fault, running, place), place)


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    """Mount a file system; taken away in the end."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", *options, str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def disk_full(ward: Ward) -> Row:
    """The store's file system has no room left in the middle of the sweep; then it grows."""
    home = ward.folder / "full"
    room = ward.template.stat().st_size + 1_000_000
    with mounted(home, "-t", "tmpfs", "-o", f"size={room}", "tmpfs"):
        place = own_store(home / "sweep", ward.template)
        running = ward.sweep(place, *WAGES, "tracking.retry_seconds=10")
        row = ward.judged("disk full", running, place)
        subprocess.run(["mount", "-o", "remount,size=200m", str(home)], check=True)
        return ward.resumed(row, place)


def artefacts_read_only(ward: Ward) -> Row:
    """The folder of the artefacts can no longer be written."""
    place = ward.place("readonly")
    artefacts = place.database.parent / "artifacts"
    artefacts.mkdir()
    with mounted(artefacts, "--bind", str(artefacts)):
        running = ward.sweep(place, *WAGES, "tracking.retry_seconds=10")
        running.wait_for("stack", LONGEST)
        subprocess.run(["mount", "-o", "remount,ro,bind", str(artefacts)], check=True)
        row = ward.judged("artefact store unwritable", running, place)
        subprocess.run(["mount", "-o", "remount,rw,bind", str(artefacts)], check=True)
        return ward.resumed(row, place)


def memory_ends(ward: Ward) -> Row:
    """The system refuses memory: a stack of large networks does not fit."""
    words = (
        *("data=wages", "search=grid", "search.space.architectures=[[8],[3000,3000]]"),
        *("search.learning_rate.values=[0.003]", "training.executions=4", "training.epochs=2"),
        *("tracking.save_models=champion", "champion=single"),
    )
    place = ward.place("memory")
    task = Task((*words, "verbose=false", *place.words), place.home, {ROOM: str(2_600_000_000)})
    task = Task(task.words, task.home, task.environment, f"{TROUBLE}little_memory")
    running = Running(task)
    code = running.wait(LONGEST)
    running.kill()
    found = left(place)
    kept = f"{len(found.scores)} fits recorded, champion {found.champion or 'none'}"
    seconds = round(time.monotonic() - running.began, 1)
    return Row("out of memory for a stack", code, seconds, said(place), kept)


def diverging(ward: Ward) -> Row:
    """One learning rate is far too large."""
    place = ward.place("diverging")
    words = (
        *("data=wages", "search=grid", "search.space.architectures=[[16]]", "training.epochs=5"),
        *("search.learning_rate.values=[0.01,1000]", "training.optimizer=sgd"),
        *("search.learning_rate.high=1000", "training.executions=2", "verbose=false"),
    )
    code, seconds = finished((*words, *place.words), place.home)
    found = left(place)
    kept = f"{len(found.scores)} fits recorded, champion {found.champion or 'none'}"
    return Row("a fit diverges", code, round(seconds, 1), said(place), kept)


def verifier(ward: Ward, number: signal.Signals, fault: str) -> Row:
    """The process that verifies the saved champion dies, or hangs."""
    place = ward.place(f"verifier-{number.name}")
    running = ward.sweep(place, *WAGES, trouble=f"{TROUBLE}impatient_verifier")
    running.wait_for("champion", LONGEST)
    until(lambda: bool(_verifiers(running.pid)) or running.code is not None, LONGEST)
    for process in _verifiers(running.pid):
        process.send_signal(number)
    return ward.judged(fault, running, place)


def _verifiers(pid: int) -> list[psutil.Process]:
    found = psutil.Process(pid).children(recursive=True) if psutil.pid_exists(pid) else []
    return [each for each in found if "artefact_verify" in " ".join(each.cmdline())]


def clock_back(ward: Ward) -> Row:
    """The wall clock is set back by a day."""
    place = ward.place("clock")
    running = ward.sweep(place, *WAGES, trouble=f"{TROUBLE}clock_set_back")
    return ward.judged("clock set back by a day", running, place)


def data_changed(ward: Ward) -> Row:
    """The file changes under the sweep, which is then killed and resumed."""
    place = ward.place("data")
    table = place.home / "table.csv"
    shutil.copy(Path("data/hourly_wages.csv"), table)
    before = table.read_bytes()
    words = ("data=table", f"data.path={table}", "data.target=wage")
    running = ward.sweep(place, *words)
    running.wait_for("stack", LONGEST)
    rows = list(csv.reader(before.decode().splitlines()))
    rows[1][0] = "5.2"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    running.wait(2)
    running.kill()
    code, seconds = finished((*WORDS, *words, *place.words, f"resume={_sweep(place)}"), place.home)
    row = Row("data file changed under a sweep", code, round(seconds, 1), said(place), "")
    table.write_bytes(before)
    return ward.resumed(row, place, words)


def _sweep(place: Place) -> str:
    """Return the id of the one sweep in a store."""
    with closing(sqlite3.connect(place.database)) as database:
        words = "SELECT run_uuid FROM tags WHERE key = 'kind' AND value = 'sweep'"
        return str(database.execute(words).fetchone()[0])


FAULTS: dict[str, Callable[[Ward], Row]] = {
    "minute": server_down_for_a_minute,
    "gone": server_down_for_good,
    "frozen": server_frozen,
    "500": lambda ward: _behind_proxy(ward, "server answers 500 for 20 s", broken=20.0),
    "500-for-good": lambda ward: _behind_proxy(
        ward, "server answers 500 for good", "tracking.retry_seconds=5", broken=40.0
    ),
    "slow": lambda ward: _behind_proxy(ward, "server slow: 0.3 s an answer", delay=0.3),
    "locked": lambda ward: sqlite_locked(ward, 20.0, "sqlite locked for 20 s"),
    "locked-for-good": lambda ward: sqlite_locked(
        ward, 60.0, "sqlite locked for good", "tracking.retry_seconds=5"
    ),
    "disk": disk_full,
    "readonly": artefacts_read_only,
    "memory": memory_ends,
    "diverging": diverging,
    "verifier-dies": lambda ward: verifier(ward, signal.SIGKILL, "the verifying process is killed"),
    "verifier-hangs": lambda ward: verifier(ward, signal.SIGSTOP, "the verifying process hangs"),
    "clock": clock_back,
    "data": data_changed,
}


def main() -> None:
    """Run the faults and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(FAULTS), help=", ".join(FAULTS))
    options = parser.parse_args()
    rows = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        os.environ.setdefault("CAPACITY_SWEEP_CACHE", str(folder / "cache"))
        ward = Ward(folder)
        stack.callback(ward.close)
        for name in options.names:
            row = FAULTS[name](ward)
            rows.append(asdict(row))
            print(
                f"| {row.fault} | {row.exit} | {row.seconds} | {row.said} | {row.afterwards} |",
                flush=True,
            )
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
