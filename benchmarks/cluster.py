"""A sweep on a real Ray cluster of nodes of one core: the same champion, though a node dies; the speed.

    python -m benchmarks.cluster [--short]

Equality: one sweep on this machine, one on three nodes (`--short`: two) of which one is killed in the
middle; every best_val_loss must be equal, bit by bit. Speed: the same round on one node and on two,
each kept to a core of its own, once the workers have imported. Sharing: two sweeps at once on two
nodes. Multirun: three data sets in turn.
The last line on stdout is one JSON object; the exit code is 1 when anything was lost or differs.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.nodes import Nodes, nodes

ROOT = Path(__file__).parent.parent
PATIENCE_SECONDS = 900.0
ON_RAY = ["compute=ray", "compute.address=auto"]
GRID = "search=grid"
SHORT = [
    *("data=wages", GRID, "training.epochs=120", "training.patience=119"),
    *("training.executions=3", "verbose=false"),
    *(
        "search.space.architectures=[[8],[16],[32],[16,16]]",
        "search.learning_rate.values=[0.003,0.01]",
    ),
]
"""24 fits."""
LONG = [
    *("data=wages", GRID, "training.epochs=60", "training.patience=30", "training.executions=4"),
    "search.space.architectures=[[16],[64],[128],[64,64],[128,128]]",
    *("search.learning_rate.values=[0.0003,0.001,0.003,0.01,0.03]", "verbose=false"),
]
"""100 fits."""
RATES = ",".join(f"{0.0003 * 1.1**step:.6f}" for step in range(24))
HEAVY = [
    *("data=mnist", "model=mlp", GRID, "training.epochs=80", "training.patience=79"),
    *("training.executions=4", "tracking.save_models=champion", "verbose=false"),
    *("search.space.architectures=[[64]]", f"search.learning_rate.values=[{RATES}]"),
]
"""96 equal fits, one program: what is left is sending, scheduling and recording. Long enough that the
process that imports TensorFlow to verify the champion, on the same two cores, is not what is measured."""
TABLES = ("wages", "titanic", "accounts")
LINE = re.compile(r"Ray: (\d+) tasks by (\d+) workers on (\d+) nodes(?:, (\d+) ms)?")
SCORES = """
    SELECT runs.name, latest_metrics.value FROM runs JOIN latest_metrics USING (run_uuid)
    JOIN tags ON tags.run_uuid = runs.run_uuid AND tags.key = 'fit_key'
    WHERE latest_metrics.key = 'best_val_loss' AND runs.lifecycle_stage = 'active'
"""


def start(home: Path, words: list[str], cluster: Nodes | None = None) -> subprocess.Popen[bytes]:
    """Start a sweep in a folder of its own, on this machine or on a cluster."""
    home.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"PYTHONPATH": str(ROOT), **(cluster.environment if cluster else {})}
    place = "hydra.sweep.dir=out" if "-m" in words else "hydra.run.dir=out"
    command = [sys.executable, "-m", "pipeline.sweep", *words, *(ON_RAY if cluster else []), place]
    with (home / "stderr.log").open("wb") as errors:
        return subprocess.Popen(
            command, cwd=home, env=environment, stdout=subprocess.DEVNULL, stderr=errors
        )


def ended(home: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait for the end of a sweep that must succeed."""
    code = process.wait(PATIENCE_SECONDS)
    if code:
        raise SystemExit(f"exit code {code}:\n{(home / 'stderr.log').read_text()[-3000:]}")


def scores(home: Path) -> dict[str, float]:
    """Return best_val_loss of every fit in the folder's store; ValueError for one recorded twice."""
    database = home / "mlruns" / "mlflow.db"
    if not database.exists():
        return {}
    try:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as opened:
            found = opened.execute(SCORES).fetchall()
    except sqlite3.OperationalError:  # the sweep is still making its tables
        return {}
    if len(dict(found)) != len(found):
        raise ValueError(f"{len(found) - len(dict(found))} fits were recorded twice")
    return dict(found)


def champion(home: Path, out: str = "out") -> str:
    """Return the trial that a sweep chose."""
    summary = json.loads((home / out / "summary.json").read_text())
    return str(summary["champion"]["trial"])


def equality(home: Path, words: list[str], count: int = 3) -> dict[str, Any]:
    """Compare a sweep on this machine with one on a cluster of so many nodes that loses one."""
    here, there = home / "here", home / "there"
    ended(here, start(here, words))
    fits = len(scores(here))
    with nodes(count) as cluster:
        process, at = start(there, words, cluster), 0
        while process.poll() is None and at < fits // 3:
            time.sleep(0.1)
            at = max(at, len(scores(there)))  # none where the database was busy
        cluster.kill()
        killed = time.monotonic()
        ended(there, process)
        after = time.monotonic() - killed
    mine, theirs = scores(here), scores(there)
    return {
        "fits": fits,
        "recorded_when_a_node_was_killed": at,
        "seconds_to_the_end_from_there": round(after, 1),
        "lost": len(mine.keys() - theirs.keys()),
        "different": sum(theirs.get(name) != score for name, score in mine.items()),
        "champions": [champion(here), champion(there)],
        "ray": ray_line(there),
    }


def speed(home: Path, words: list[str]) -> dict[str, Any]:
    """Time the same round on one node and on two; the run before it has warmed the workers."""
    found: dict[str, Any] = {}
    for count in (1, 2):
        place = home / f"nodes-{count}"
        with nodes(count, pinned=True) as cluster:
            ended(place, start(place, ["-m", "seed=0,1", *words], cluster))
        found[f"seconds_on_{count}"] = seconds = round_seconds(place / "out" / "1")
        found[f"ray_on_{count}"] = ray_line(place, "out/1")
        found["times"] = round(found["seconds_on_1"] / seconds, 2)
    return found


def sharing(home: Path, words: list[str]) -> dict[str, Any]:
    """Run two sweeps at once on two nodes; each should take about as long."""
    with nodes(2) as cluster:
        places = [home / "one", home / "two"]
        running = [(place, start(place, words, cluster)) for place in places]
        for place, process in running:
            ended(place, process)
    return {
        "seconds": [round_seconds(place / "out") for place in places],
        "fits": [len(scores(place)) for place in places],
        "champions": [champion(place) for place in places],
    }


def multirun(home: Path) -> dict[str, Any]:
    """Sweep three tables in turn in one process; each gets its champion."""
    words = ["-m", f"data={','.join(TABLES)}", GRID, "training.epochs=20", "verbose=false"]
    with nodes(2) as cluster:
        ended(home, start(home, words, cluster))
    return {name: champion(home, f"out/{number}") for number, name in enumerate(TABLES)}


def round_seconds(folder: Path) -> float:
    """Return the seconds from the first round's line in the log to the cluster's."""
    lines = (folder / "sweep.log").read_text().splitlines()
    first = next(line for line in lines if ": round 0 " in line)
    last = next(line for line in lines if LINE.search(line))
    begin, end = (datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S,%f") for line in (first, last))  # noqa: DTZ007
    return round((end - begin).total_seconds(), 1)


def ray_line(home: Path, out: str = "out") -> dict[str, int | None]:
    """Return what the sweep's log says of the cluster."""
    found = LINE.search((home / out / "sweep.log").read_text())
    if found is None:
        return {}
    names = ("tasks", "workers", "nodes", "ms_between_two_tasks")
    return dict(zip(names, (int(part) if part else None for part in found.groups()), strict=True))


def main() -> None:
    """Run what was asked for and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--short", action="store_true", help="equality alone, 24 small fits on two nodes"
    )
    parser.add_argument("--only", choices=["equality", "speed", "sharing", "multirun"])
    options = parser.parse_args()
    words = SHORT if options.short else LONG
    wanted = [options.only] if options.only else ["equality", "speed", "sharing", "multirun"]
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="cluster-") as folder:
        home = Path(folder)
        if "equality" in wanted:
            found["equality"] = equality(home / "equality", words, 2 if options.short else 3)
        if options.short:
            wanted = []
        if "speed" in wanted:
            found["speed"] = speed(home / "speed", HEAVY)
        if "sharing" in wanted:
            found["sharing"] = sharing(home / "sharing", words)
        if "multirun" in wanted:
            found["multirun"] = multirun(home / "multirun")
    for part, values in found.items():
        print(part, json.dumps(values, indent=1))
    print(json.dumps(found))
    same = found.get("equality", {"lost": 0, "different": 0, "champions": []})
    raise SystemExit(bool(same["lost"] or same["different"] or len(set(same["champions"])) > 1))


if __name__ == "__main__":
    main()
