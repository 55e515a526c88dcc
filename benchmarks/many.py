"""Many sweeps started at once against one server: all complete, none lost or mixed up.

    python -m benchmarks.many [--sweeps 20]

Real processes: Postgres, an S3 store, MLflow, and sweeps of 50 fits that differ in their seed alone,
in one experiment. A sweep takes about 0.8 GB, and for its end as much again for the process that
checks its champion. The last line on stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.servers import ROOT, Tracking, query, tracking

FITS = 50
WORDS = [
    *("data=wages", "search=grid", "training.epochs=20", "training.executions=5", "verbose=false"),
    "search.space.architectures=[[8],[16],[32],[64],[16,16]]",
    *("search.learning_rate.values=[0.003,0.01]", "tracking.experiment=many"),
]
CHILDREN = """
    SELECT s.value, count(*), count(DISTINCT r.name), bool_and(r.status = 'FINISHED'),
      bool_and(above.value = s.value)
    FROM runs r JOIN tags s ON s.run_uuid = r.run_uuid AND s.key = 'sweep'
    JOIN tags k ON k.run_uuid = r.run_uuid AND k.key = 'fit_key'
    JOIN tags p ON p.run_uuid = r.run_uuid AND p.key = 'mlflow.parentRunId'
    JOIN tags above ON above.run_uuid = p.value AND above.key = 'sweep'
    WHERE r.lifecycle_stage = 'active' GROUP BY s.value
"""


def child(words: list[str]) -> None:
    """Run one sweep in this process and say how long its writer has worked."""
    sys.argv = ["sweep", *words]
    from pipeline.ledger.ledger import Ledger
    from pipeline.sweep import main as sweep

    end = Ledger.end

    def telling(ledger: Ledger, status: str, reason: str = "") -> None:
        end(ledger, status, reason)
        Path("writer.json").write_text(json.dumps([ledger.run_id, ledger.writer_seconds()]))

    Ledger.end = telling  # type: ignore[method-assign]
    raise SystemExit(sweep())


def started(home: Path, number: int, server: Tracking) -> subprocess.Popen[bytes]:
    """Start one sweep in a folder of its own."""
    home.mkdir()
    own = [f"seed={number}", f"tracking.uri={server.address}", "hydra.run.dir=out"]
    with (home / "stderr.log").open("wb") as errors:
        return subprocess.Popen(
            [sys.executable, "-m", "benchmarks.many", "--child", *WORDS, *own],
            cwd=home,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )


def main() -> None:
    """Start all, wait for all, look at the database."""
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sweeps", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="many-") as folder:
        home = Path(folder)
        with tracking(home, workers=4) as server:
            begun = time.monotonic()
            places = [home / str(number) for number in range(options.sweeps)]
            running = [started(place, n, server) for n, place in enumerate(places)]
            codes = [process.wait(3600) for process in running]
            found = counted(server, places, codes) | {"seconds": round(time.monotonic() - begun)}
    print(json.dumps(found))
    raise SystemExit(bool(found["faults"]))


def counted(server: Tracking, places: list[Path], codes: list[int]) -> dict[str, Any]:
    """Return what was recorded, and what is wrong with it."""
    faults = [f"sweep {number}: exit code {code}" for number, code in enumerate(codes) if code]
    sweeps = {parent: tuple(rest) for parent, *rest in query(server.database, CHILDREN)}
    writers = []
    for place in places:
        if not (place / "writer.json").exists():
            continue
        run_id, seconds = json.loads((place / "writer.json").read_text())
        writers.append(seconds / FITS)
        if sweeps.get(run_id) != (FITS, FITS, True, True):
            faults.append(f"{place.name}: {sweeps.get(run_id)}")
    return {
        "sweeps": len(sweeps),
        "fits": sum(count for count, *_ in sweeps.values()),
        "writer_seconds_a_fit": [round(f(writers), 3) for f in (min, statistics.median, max)],
        "faults": faults,
    }


if __name__ == "__main__":
    main()
