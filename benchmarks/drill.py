"""The nightly story with real servers: preempted, continued elsewhere, promoted or not.

    python -m benchmarks.drill [--short]

Starts Postgres, an S3-compatible store, an MLflow server and a webhook on loopback, then the sweep
of deploy/kubernetes/cronjob.yaml as the CronJob would. It is told to stop (SIGTERM) twice, as on a
spot node, each time continued in an empty directory and an environment that hold nothing but the
addresses of server and webhook. Then new rows arrive, and a second night challenges the champion.
Printed: fits repeated, the promotion decision, the webhook's JSON. The last line on stdout is one
JSON object; the exit code is 0 when all of it went as it must.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from benchmarks.servers import ROOT, MissingServerError, Tracking, query, tracking, webhook

TABLE = ROOT / "data" / "hourly_wages.csv"
FIRST_NIGHT = 400
"""Rows of the first night; the second has them all."""
OWN = {"budget.seconds": "1800", "tracking.experiment": "nightly"}
SHORT = {
    "budget.seconds": "300",
    "training.epochs": "150",
    "training.patience": "149",
    "training.executions": "1",
    "search": "grid",
    "search.space.architectures": "[[8],[8,8],[8,8,8]]",
    "search.learning_rate.values": "[0.003,0.01]",
}
"""Few fits, long enough to be interrupted."""
INTERRUPTED = 143
SECONDS_TO_END = 30.0
"""What a preempted node leaves a process is 30 s to two minutes."""
AGAIN = re.compile(r"(\d+) recorded fits? (?:is|are) trained again")
FITS = """
    SELECT count(*) FROM tags JOIN runs USING (run_uuid)
    WHERE key = 'outcome' AND value {} 'cut' AND lifecycle_stage = 'active'
"""
STACKS = """
    SELECT count(*) FROM tags t JOIN tags r ON r.run_uuid = t.run_uuid AND r.key = 'round'
    JOIN tags s ON s.run_uuid = t.run_uuid AND s.key = 'sweep'
    JOIN tags o ON o.run_uuid = t.run_uuid AND o.key = 'outcome' AND o.value <> 'cut'
    WHERE t.key = 'stack' GROUP BY s.value, r.value, t.value ORDER BY 1 DESC LIMIT 1
"""


@dataclass
class Stop:
    """One preemption."""

    exit_code: int
    seconds_to_exit: float
    recorded: int
    """Fits in the store afterwards."""
    cut: int
    """Fits that were training: begun anew by the next process."""
    repeated: int = 0
    """Recorded fits that the next process trained again, because their stack was unfinished."""


@dataclass
class Night:
    """One night, from its first process to the champion."""

    stops: list[Stop] = field(default_factory=list)
    exit_code: int = -1
    seconds: float = 0.0
    largest_stack: int = 0
    told: list[dict[str, Any]] = field(default_factory=list)

    @property
    def promoted(self) -> bool:
        """Whether the webhook says that the champion went into production."""
        return bool(self.told) and bool(self.told[-1].get("registry", {}).get("promoted"))


def main() -> None:
    """Run the drill and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="one preemption, a tiny sweep")
    parser.add_argument("--keep", type=Path, help="an empty folder for all logs")
    options = parser.parse_args()
    own = OWN | (SHORT if options.short else {})
    stops = 1 if options.short else 2
    with tempfile.TemporaryDirectory(prefix="drill-") as folder:
        home = options.keep or Path(folder)
        home.mkdir(parents=True, exist_ok=True)
        table = home / "table.csv"
        lines = TABLE.read_text().splitlines(keepends=True)
        try:
            with tracking(home) as server, webhook() as (hook, told):
                table.write_text("".join(lines[: FIRST_NIGHT + 1]))
                first = night(home / "first", words(table, own), server, (hook, told), stops)
                table.write_text("".join(lines))
                second = night(home / "second", words(table, own), server, (hook, told), 0)
                production = in_production(server)
        except MissingServerError as missing:
            raise SystemExit(f"the drill cannot be held: {missing}") from None
    tell(first, second, production)


def words(table: Path, own: dict[str, str]) -> list[str]:
    """Return the words of the CronJob, its table and sizes replaced."""
    manifest = yaml.safe_load((ROOT / "deploy" / "kubernetes" / "cronjob.yaml").read_text())
    pod = manifest["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    named = dict(word.split("=", 1) for word in pod["containers"][0]["args"])
    named |= {"data": "table", "data.path": str(table), "data.target": "wage", **own}
    return [f"{key}={value}" for key, value in named.items()]


def night(
    home: Path,
    overrides: list[str],
    server: Tracking,
    hook: tuple[str, list[dict[str, Any]]],
    stops: int,
) -> Night:
    """Run one night: as many preemptions as asked for, then to the end."""
    address, told = hook
    found, begun, heard = Night(), time.monotonic(), len(told)
    for attempt in range(stops + 1):
        place = home / f"machine-{attempt}"
        before = count(server, "<>")
        process = start(place, overrides, server.address, address)
        if attempt < stops:
            found.stops.append(preempt(process, server, before, place))
        else:
            found.exit_code = process.wait(3600)
        if attempt:
            found.stops[attempt - 1].repeated = repeated(place)
        if process.returncode not in {0, INTERRUPTED}:
            raise SystemExit(f"exit code {process.returncode}:\n{_log(place)[-3000:]}")
    found.seconds = time.monotonic() - begun
    found.largest_stack = query(server.database, STACKS)[0][0]
    found.told = told[heard:]
    return found


def start(place: Path, overrides: list[str], server: str, hook: str) -> subprocess.Popen[bytes]:
    """Start the sweep on a new machine: an empty directory, and nothing but two addresses."""
    place.mkdir(parents=True)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(place),
        "PYTHONPATH": str(ROOT),
        "MLFLOW_TRACKING_URI": server,
        "NOTIFY_URL": hook,
    }
    command = [sys.executable, "-m", "pipeline.sweep", *overrides, "hydra.run.dir=out"]
    with (place / "stderr.log").open("wb") as errors:
        return subprocess.Popen(
            command, cwd=place, env=environment, stdout=subprocess.DEVNULL, stderr=errors
        )


def preempt(process: subprocess.Popen[bytes], server: Tracking, before: int, place: Path) -> Stop:
    """Wait for fits of this process in the store, then take the machine away."""
    while count(server, "<>") == before:
        if process.poll() is not None:
            raise SystemExit(f"it ended before it could be interrupted:\n{_log(place)[-3000:]}")
        time.sleep(0.1)
    cut = count(server, "=")
    process.send_signal(signal.SIGTERM)
    begun = time.monotonic()
    code = process.wait(SECONDS_TO_END)
    seconds = time.monotonic() - begun
    return Stop(code, round(seconds, 1), count(server, "<>"), count(server, "=") - cut)


def count(server: Tracking, which: str) -> int:
    """Return how many fits the store holds: done (`<>`) or cut (`=`)."""
    try:
        return int(query(server.database, FITS.format(which))[0][0])
    except Exception as error:  # the first sweep makes nothing before its migrations
        if "does not exist" in str(error):
            return 0
        raise


def repeated(place: Path) -> int:
    """Return how many recorded fits a process trained again, from its log."""
    return sum(map(int, AGAIN.findall((place / "out" / "sweep.log").read_text(errors="replace"))))


def in_production(server: Tracking) -> int:
    """Return the version of the registered model that carries the alias champion."""
    words = (
        "SELECT version FROM registered_model_aliases WHERE name = 'wages' AND alias = 'champion'"
    )
    return int(query(server.database, words)[0][0])


def tell(first: Night, second: Night, production: int) -> None:
    """Print what was seen; exit with 1 when something is not as it must be."""
    for number, one in enumerate((first, second), start=1):
        print(f"night {number}: exit {one.exit_code}, {one.seconds:.0f} s")
        for stop in one.stops:
            print(
                f"  SIGTERM: exit {stop.exit_code} after {stop.seconds_to_exit} s, {stop.recorded} fits "
                f"recorded, {stop.cut} cut; the next machine repeated {stop.repeated} recorded fits "
                f"(largest stack {one.largest_stack})"
            )
        for message in one.told:
            print(f"  webhook: {json.dumps(message)}")
    verdict = second.told[-1]["registry"] if second.told else {}
    print(f"promotion: {verdict.get('reason')} In production: version {production}.")
    faults = [*_faults(first), *_faults(second)]
    if not first.promoted:
        faults.append("the first champion was not promoted")
    if production != (2 if second.promoted else 1):
        faults.append(f"version {production} is in production")
    print(json.dumps({"first": asdict(first), "second": asdict(second), "faults": faults}))
    raise SystemExit(1 if faults else 0)


def _faults(one: Night) -> list[str]:
    """Return what is not as it must be."""
    found = [f"exit code {one.exit_code}"] if one.exit_code else []
    if len(one.told) != 1:
        found.append(f"{len(one.told)} messages instead of one")
    for stop in one.stops:
        if stop.exit_code != INTERRUPTED:
            found.append(f"SIGTERM ended with {stop.exit_code}")
        if stop.repeated > one.largest_stack:
            found.append(f"{stop.repeated} fits repeated: more than a stack")
    return found


def _log(place: Path) -> str:
    return (place / "stderr.log").read_text(errors="replace")


if __name__ == "__main__":
    main()
