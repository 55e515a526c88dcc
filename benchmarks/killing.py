"""Kill real sweeps at random moments, resume them, and compare with the uninterrupted one.

    python -m benchmarks.killing --kills 100 [--server] [--state FILE] [compute.workers=1 ...]
    python -m benchmarks.killing --terminate 20

A sweep runs once undisturbed. Then it runs again, is killed (SIGKILL, with all that it has started)
at random moments - half of them drawn over its whole life, half right after a step of its work:
compiling, a model save, the final test - and continued with `resume=auto` until it ends; as often as
it takes to reach the number of kills. Every fourth sweep makes its store itself. The sweeps are
forked from a process that has imported TensorFlow, so that kills fall into their own work.

With `--terminate` the signal is SIGTERM, and the time until the process is gone is what counts.
The last line on stdout is one JSON object; `--state` lets a long run go on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import tempfile
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.harness.child import WATCHED, Task
from benchmarks.harness.outcome import Difference, Left, difference, left, repeated
from benchmarks.harness.places import Place, Server, empty_store, is_over, is_sound, own_store
from benchmarks.harness.start import Running, finished, trace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WORDS = (
    *("data=wages", "training.epochs=20", "training.executions=5", "search.max_executions=8"),
    *("search.space.layers_max=2", "search.space.units_max=32", "verbose=false"),
)
LONGEST = 1800.0
MOMENTS = (
    *("begin", "open", "open", "compile", "compile", "chunk", "chunk", "chunk", "save", "save"),
    *("save", "stack", "stack", "round", "test", "test", "champion", "champion", "champion"),
    "report",
)
"""When SIGTERM comes, in this order, so that the sweep gets on meanwhile."""


@dataclass
class Tally:
    """What was seen over all kills."""

    kills: int = 0
    sweeps: int = 0
    fits_compared: int = 0
    stacks_repeated: int = 0
    fits_repeated: int = 0
    most_stacks_repeated_after_a_kill: int = 0
    broken_stores: int = 0
    killed_while: dict[str, int] = field(default_factory=dict)
    difference: Difference = field(default_factory=Difference)
    failures: list[str] = field(default_factory=list)


@dataclass
class State:
    """What a later call goes on from."""

    words: tuple[str, ...] = ()
    """Of the sweep: another one has other fits."""
    expected: Left | None = None
    seconds: float = 0.0
    """That the undisturbed sweep took."""
    tally: Tally = field(default_factory=Tally)

    def write(self, path: Path | None) -> None:
        """Keep it."""
        if path is not None:
            path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path | None) -> State:
        """Return what an earlier call kept."""
        if path is None or not path.exists():
            return cls()
        known = json.loads(path.read_text())
        tally = known["tally"]
        tally["difference"] = Difference(**tally["difference"])
        words = tuple(known.get("words", ()))
        return cls(words, Left(**known["expected"]), known["seconds"], Tally(**tally))


def kill_on_the_way(place: Place, words: tuple[str, ...], state: State, kills: int) -> None:
    """Run one sweep to its end, killing it on the way."""
    tally = state.tally
    while True:
        running = Running(Task((*words, *place.words, "resume=auto"), place.home))
        if tally.kills >= kills or not waited(running, state.seconds):
            code = running.wait(LONGEST)
            if code != 0:
                running.kill()
                tally.failures.append(f"exit {code}: {tail(place)}")
                print(tally.failures[-1], flush=True)
            return
        running.kill()
        tally.kills += 1
        last = trace(place.home)[-1].name
        tally.killed_while[last] = tally.killed_while.get(last, 0) + 1
        tally.broken_stores += not is_sound(place.database)
        if is_over(place):
            return


def waited(running: Running, seconds: float) -> bool:
    """Wait for a random moment; False when the sweep has ended before."""
    if random.choice((True, False)):
        running.wait(random.uniform(0.0, seconds))
    else:
        running.wait_for(random.choice([*WATCHED, "stack"]), seconds)
        running.wait(random.uniform(0.0, 0.2))
    return running.code is None


def tail(place: Place) -> str:
    """Return the end of what a sweep has printed."""
    return (place.home / "out.log").read_text(errors="replace")[-1500:]


def conclude(place: Place, state: State) -> None:
    """Compare a sweep that has ended with the undisturbed one."""
    tally = state.tally
    assert state.expected is not None
    found = difference(left(place), state.expected)
    tally.difference.add(found)
    tally.fits_compared += len(state.expected.scores)
    counts = repeated(trace(place.home))
    tally.stacks_repeated += sum(stacks for stacks, _ in counts)
    tally.fits_repeated += sum(fits for _, fits in counts)
    most = max((stacks for stacks, _ in counts), default=0)
    tally.most_stacks_repeated_after_a_kill = max(tally.most_stacks_repeated_after_a_kill, most)
    tally.broken_stores += not is_sound(place.database)
    print(
        f"{time.strftime('%H:%M:%S')} sweep {tally.sweeps}: {tally.kills} kills so far, "
        f"{len(counts)} processes, repeated (stacks, fits) {[c for c in counts if c[0]]}, "
        f"differences: {[f'{k}={v}' for k, v in vars(found).items() if v] or 'none'}",
        flush=True,
    )


@contextmanager
def places(folder: Path, *, server: bool) -> Iterator[Callable[[int], Place]]:
    """Yield what returns a fresh place for the sweep of a number."""
    if not server:
        template = empty_store(folder)
        yield lambda n: own_store(folder / f"sweep{n}", None if n % 4 == 1 else template)
        return
    running = Server(folder / "server")
    running.start()
    try:
        yield lambda n: running.place(folder / f"sweep{n}", f"killing-{n}")
    finally:
        running.stop()


def undisturbed(place: Place, words: tuple[str, ...], state: State) -> None:
    """Run once to the end, and once more for the time that it takes with compiled programs."""
    code, _ = finished((*words, *place.words), place.home)
    if code:
        raise SystemExit(f"the undisturbed sweep failed with {code}:\n{tail(place)}")
    state.expected = left(place)
    second = (*words, *place.words[:1], "tracking.experiment=again")
    state.seconds = finished(second, place.home)[1]
    print(f"undisturbed: {len(state.expected.scores)} fits, {state.seconds:.1f} s", flush=True)


def terminate(place: Place, words: tuple[str, ...], moments: int) -> list[dict[str, object]]:
    """Send SIGTERM at so many moments; return exit code and time to exit of each."""
    seen: list[dict[str, object]] = []
    for moment in [MOMENTS[i * len(MOMENTS) // moments] for i in range(moments)]:
        running = Running(Task((*words, *place.words, "resume=auto"), place.home))
        running.wait_for(moment, LONGEST)
        running.wait(random.uniform(0.0, 0.15))
        asked = time.monotonic()
        running.signal(signal.SIGTERM)
        code = running.wait(60)
        seconds = time.monotonic() - asked
        running.kill()
        seen.append({"during": moment, "exit": code, "seconds": round(seconds, 2)})
        print(f"  {moment:<9} exit {code}, {seconds:.2f} s", flush=True)
    return seen


def main() -> None:
    """Run the benchmark and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--terminate", type=int, default=0, help="send SIGTERM at so many moments")
    parser.add_argument("--server", action="store_true", help="through a real mlflow server")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--state", type=Path, help="file to go on from")
    parser.add_argument("words", nargs="*", help=f"added to {' '.join(WORDS)}")
    options = parser.parse_args()
    state, words = State.read(options.state), (*WORDS, *options.words)
    if state.expected is not None and state.words != words:
        parser.error(f"{options.state} is of another sweep: {' '.join(state.words)}")
    state.words = words
    random.seed(options.seed + state.tally.kills)
    with tempfile.TemporaryDirectory() as name, places(Path(name), server=options.server) as place:
        os.environ.setdefault("CAPACITY_SWEEP_CACHE", f"{name}/cache")
        if state.expected is None:
            undisturbed(place(0), words, state)
            state.write(options.state)
        assert state.expected is not None
        if options.terminate:
            here = place(1)
            seen = terminate(here, words, options.terminate)
            over = is_over(here)  # resumed once more it would be a new sweep
            code = 0 if over else finished((*words, *here.words, "resume=auto"), here.home)[0]
            found = difference(left(here), state.expected)
            print(json.dumps({"moments": seen, "then": code, "difference": vars(found)}))
            return
        tally = state.tally
        while tally.kills < options.kills and not tally.failures:
            tally.sweeps += 1
            here = place(tally.sweeps)
            kill_on_the_way(here, words, state, options.kills)
            conclude(here, state)
            state.write(options.state)
        print(json.dumps(asdict(tally)))


if __name__ == "__main__":
    main()
