"""Kill real sweeps at random moments, resume them, and compare with the uninterrupted one.

    python -m benchmarks.killing --kills 100 [--server] [-- data=wages training.epochs=40 ...]

A sweep runs once undisturbed. Then it runs again in a fresh store, is killed (SIGKILL) at random
moments - imports, training, MLflow writes and model saves alike - and continued with `resume=auto`
until it ends; as often as it takes to reach the number of kills. Printed: kills, sweeps, fits
trained again, runs left RUNNING, fits lost or doubled, champions and scores that differ, integrity
of the database. The last line on stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

WORDS = ["data=wages", "training.epochs=40", "verbose=false"]
AGAIN = re.compile(r"(\d+) recorded fits? (?:is|are) trained again")
ROOT = Path(__file__).parent.parent


@dataclass
class Tally:
    """What was seen over all kills."""

    kills: int = 0
    sweeps: int = 0
    fits: int = 0
    trained_again: int = 0
    most_trained_again: int = 0
    left_running: int = 0
    lost: int = 0
    doubled: int = 0
    scores_differ: int = 0
    champions_differ: int = 0
    broken_stores: int = 0
    seconds_undisturbed: float = 0.0
    failures: list[str] = field(default_factory=list)


def start(home: Path, words: list[str], uri: str) -> subprocess.Popen[bytes]:
    """Start the main job in a folder."""
    command = [sys.executable, "-m", "pipeline.sweep", *words, f"tracking.uri={uri}"]
    with (home / "stderr.log").open("ab") as errors:
        return subprocess.Popen(
            command,
            cwd=home,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )


def read(uri: str, experiment: str) -> tuple[str, dict[str, float], list[str]]:
    """Return the champion, best_val_loss of every done fit by name, and problems of the runs."""
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    found = client.get_experiment_by_name(experiment)
    if found is None:
        return "", {}, ["no experiment"]
    runs = client.search_runs([found.experiment_id], max_results=5000)
    problems = [f"{r.info.run_id} is RUNNING" for r in runs if r.info.status == "RUNNING"]
    scores: dict[str, float] = {}
    champion = ""
    for run in runs:
        outcome = run.data.tags.get("outcome")
        if outcome is None or outcome == "cut":
            continue
        name = run.info.run_name or ""
        if name in scores:
            problems.append(f"{name} is doubled")
        scores[name] = run.data.metrics.get("best_val_loss", float("nan"))
        if run.data.metrics.get("rank") == 1:
            champion = name
    return champion, scores, problems


@contextmanager
def store(home: Path, *, server: bool) -> Iterator[str]:
    """Yield the tracking URI of a fresh store, with a real server in front of it where asked."""
    home.mkdir(parents=True, exist_ok=True)
    database = f"sqlite:///{home}/store/mlflow.db"
    (home / "store").mkdir(exist_ok=True)
    if not server:
        yield database
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    artefacts = f"--artifacts-destination={home}/store/artifacts"
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--backend-store-uri", database),
        *(artefacts, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
    ]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(120):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}"
    finally:
        running.terminate()
        running.wait(30)


def undisturbed(home: Path, words: list[str], uri: str) -> tuple[float, Any]:
    """Run once to the end; return its seconds and what the store then holds."""
    begun = time.monotonic()
    code = start(home, words, uri).wait(1800)
    if code:
        raise SystemExit(f"the undisturbed sweep failed:\n{(home / 'stderr.log').read_text()}")
    return time.monotonic() - begun, read(uri, "killing")


def harass(
    home: Path, words: list[str], uri: str, longest: float, tally: Tally, kills: int
) -> None:
    """Run one sweep to its end, killing it on the way."""
    while True:
        process = start(home, [*words, "resume=auto"], uri)
        may_kill = tally.kills < kills
        try:
            code = process.wait(random.uniform(0.3, longest) if may_kill else 1800)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            tally.kills += 1
            continue
        if code:
            tally.failures.append((home / "stderr.log").read_text()[-2000:])
        return


def again(home: Path) -> list[int]:
    """Return how many recorded fits each process trained again, from the logs."""
    return [
        sum(map(int, AGAIN.findall(path.read_text(errors="replace"))))
        for path in home.rglob("sweep.log")
    ]


def main() -> None:
    """Run the benchmark and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--server", action="store_true", help="through a real mlflow server")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("words", nargs="*", default=WORDS)
    options = parser.parse_args()
    random.seed(options.seed)
    words = [*options.words, "tracking.experiment=killing"]
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "undisturbed"
        with store(home, server=options.server) as uri:
            tally.seconds_undisturbed, expected = undisturbed(home, words, uri)
        while tally.kills < options.kills and not tally.failures:
            tally.sweeps += 1
            home = Path(folder) / f"sweep{tally.sweeps}"
            with store(home, server=options.server) as uri:
                longest = 1.1 * tally.seconds_undisturbed
                harass(home, words, uri, longest, tally, options.kills)
                compare(read(uri, "killing"), expected, tally)
            counts = again(home)
            tally.trained_again += sum(counts)
            tally.most_trained_again = max([tally.most_trained_again, *counts])
            with sqlite3.connect(home / "store" / "mlflow.db") as database:
                if database.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                    tally.broken_stores += 1
            print(f"sweep {tally.sweeps}: {tally.kills} kills so far, {counts} again", flush=True)
    print(json.dumps(asdict(tally)))


def compare(found: Any, expected: Any, tally: Tally) -> None:
    """Count what differs from the undisturbed sweep."""
    champion, scores, problems = found
    tally.fits += len(scores)
    tally.left_running += sum("RUNNING" in problem for problem in problems)
    tally.doubled += sum("doubled" in problem for problem in problems)
    tally.lost += len(expected[1].keys() - scores.keys())
    same = scores.keys() & expected[1].keys()
    tally.scores_differ += sum(
        scores[name] != expected[1][name] and scores[name] == scores[name] for name in same
    )
    tally.champions_differ += champion != expected[0]


if __name__ == "__main__":
    main()
