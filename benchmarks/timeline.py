"""Where the seconds of a default sweep go.

    python -m benchmarks.timeline [--tree ../other-checkout] [--runs 5] [--cold] [--words data=titanic ...]

Runs `python -m pipeline.sweep` as a user does, each time in an empty folder with a new sqlite store, and
prints for every run and for their medians:

    wall, cpu       seconds of the command; processor seconds of it and of the processes it starts
    start           until the first round begins (imports, reading, opening the store)
    train, between  of all rounds: a stack in training; everything else between the first and the choice
    end             from the choice of the champion to the exit
    trace, wait     waiting for programs, summed over threads: traced anew, traced or found on the disk
    examine         diagnoses, summed over threads

With `--tree` the code of another checkout runs under the same interpreter: what it lacks is left out.
`--cold` empties the cache of programs before every run. The last line on stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.commands import ROOT

PLACES = {
    "pipeline.session.loop:train_round": "round",
    "pipeline.session.loop:finish": "finish",
    "pipeline.session.ending:finish": "finish",
    "pipeline.training.stacked.engine:train_stack": "train",
    "pipeline.training.stacked.programs:Programs.get": "wait",
    "pipeline.training.stacked.on_tensorflow:Compiled.traced": "trace",
    "pipeline.training.diagnose:examine": "examine",
    # in the layout of 1aed060
    "pipeline.runner:train_round": "round",
    "pipeline.ending:finish": "finish",
    "pipeline.training.stacked.engine:StackedEngine.train": "train",
    "pipeline.training.stacked.programs:Program.compiled": "trace",
}
"""Functions whose calls are timed, by `module:path`."""
PROGRAM = """
import functools, importlib.machinery, json, runpy, sys, time
where, began, places = sys.argv.pop(1), float(sys.argv.pop(1)), json.loads(sys.argv.pop(1))
calls = {}
def timed(function, name):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        started = time.time() - began
        try:
            return function(*args, **kwargs)
        finally:
            calls.setdefault(name, []).append((started, time.time() - began))
    return inner
class Finder(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        wanted = {key.partition(":")[2]: step for key, step in places.items() if key.startswith(name + ":")}
        if not wanted:
            return None
        spec = super().find_spec(name, path, target)
        if spec is None:
            return None
        run = spec.loader.exec_module
        def exec_module(module):
            run(module)
            for key, step in wanted.items():
                *owners, last = key.split(".")
                owner = functools.reduce(lambda found, name: getattr(found, name, None), owners, module)
                if hasattr(owner, last):
                    setattr(owner, last, timed(getattr(owner, last), step))
        spec.loader.exec_module = exec_module
        return spec
sys.meta_path.insert(0, Finder)
try:
    runpy.run_module("pipeline.sweep", run_name="__main__", alter_sys=True)
finally:
    with open(where, "w") as file:
        json.dump(calls, file)
"""
"""Runs a sweep and writes [start, end] of every call, in seconds after the command began."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, default=ROOT)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--words", nargs="*", default=[])
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder, "cache")
        if not asked.cold:
            run(asked.tree, asked.words, cache)  # fills the cache
        found = []
        for _ in range(asked.runs):
            if asked.cold:
                cache = Path(tempfile.mkdtemp(dir=folder))
            found.append(run(asked.tree, asked.words, cache))
            print(found[-1], file=sys.stderr)
    medians = {key: round(statistics.median(one[key] for one in found), 1) for key in found[0]}
    print(json.dumps({"tree": asked.tree.name, "cold": asked.cold, "runs": len(found), **medians}))


def run(tree: Path, words: list[str], cache: Path) -> dict[str, float]:
    """Run one sweep; return its seconds by step."""
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder, "calls.json")
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
        said = subprocess.run(
            [sys.executable, "-c", PROGRAM, where, str(began), json.dumps(PLACES), *words],
            cwd=folder,
            env=os.environ
            | {"PYTHONPATH": str(tree.resolve()), "CAPACITY_SWEEP_CACHE": str(cache)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        wall, after = time.time() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        if said.returncode:
            raise SystemExit(f"the sweep ended with {said.returncode}:\n{said.stderr[-3000:]}")
        calls = json.loads(where.read_text())
    rounds, (finish, _) = calls["round"], calls["finish"][0]
    first = rounds[0][0]
    seconds = {
        "wall": wall,
        "cpu": sum(
            getattr(after, part) - getattr(before, part) for part in ("ru_utime", "ru_stime")
        ),
        "start": first,
        "train": union(calls["train"]),
        "between": finish - first - union(calls["train"]),
        "end": wall - finish,
    }
    for step in ("trace", "wait", "examine"):
        seconds[step] = sum(end - start for start, end in calls.get(step, []))
    return {key: round(value, 1) for key, value in seconds.items()}


def union(spans: list[tuple[float, float]]) -> float:
    """Return for how long at least one of these calls was running."""
    total, until = 0.0, 0.0
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total


if __name__ == "__main__":
    main()
