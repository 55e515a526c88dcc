"""How waiting grows with the runs in a shared store: MLflow on Postgres, filled with sweeps of 50 fits.

    python -m benchmarks.scale [--runs 10000 100000]

The rows are written by SQL, as many and as long as a real fit's (curves are left out: no table of
runs reads them); then a client asks the server what people, a resume and a writing sweep ask.
The last line on stdout is one JSON object of seconds, the median of three, by runs in the store.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2

from benchmarks.servers import tracking

if TYPE_CHECKING:
    from collections.abc import Callable

FITS = 50
TAGS = ("trial", "capacity", "phase", "round", "position", "stack", "execution", "fit_key", "fit")
PARAMS = ("capacity", "layers", "units", "parameters", "learning_rate", "execution", "fold", "seed")
METRICS = ("loss", "mae", "val_loss", "best_val_loss", "best_epoch", "epochs", "seconds", "rank")
NEW_SWEEP = (
    "tags.kind = 'sweep' AND attributes.status != 'FINISHED' AND tags.fingerprint = 'new'"
    " AND tags.data_digest = 'new'"
)
RUNS = """
    INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status,
      start_time, end_time, source_version, lifecycle_stage, artifact_uri, experiment_id)
    SELECT lpad(to_hex(i), 32, '0'), 'fit ' || i, 'UNKNOWN', '', '', 'bench', 'FINISHED', i, i, '',
      'active', 'mlflow-artifacts:/1/' || i, %(experiment)s FROM generate_series(%(begin)s, %(end)s) i
"""
OF_A_RUN = """
    INSERT INTO tags (key, value, run_uuid) SELECT key, {value}, lpad(to_hex(i), 32, '0')
    FROM generate_series(%(begin)s, %(end)s) i, unnest(%(keys)s) key
"""
METRIC_ROWS = """
    INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid)
    SELECT key, (i * 7919) %% 1000, i, 0, false, lpad(to_hex(i), 32, '0')
    FROM generate_series(%(begin)s, %(end)s) i, unnest(%(keys)s) key
"""
SWEEP_OF = f"'f' || lpad(to_hex((i - 1) / {FITS}), 31, '0')"


def fill(database: str, experiment: int, begin: int, end: int) -> float:
    """Add runs with these numbers; return the seconds that Postgres took."""
    started = time.perf_counter()
    span: dict[str, Any] = {"experiment": experiment, "begin": begin, "end": end}
    connection = psycopg2.connect(database)
    with connection, connection.cursor() as cursor:
        cursor.execute(RUNS, span)
        plain = OF_A_RUN.format(value="'a value of usual length'")
        cursor.execute(plain, span | {"keys": list(TAGS)})
        cursor.execute(plain.replace("INTO tags", "INTO params"), span | {"keys": list(PARAMS)})
        own = OF_A_RUN.format(value=SWEEP_OF)
        cursor.execute(own, span | {"keys": ["sweep", "mlflow.parentRunId"]})
        cursor.execute(OF_A_RUN.format(value="'completed'"), span | {"keys": ["outcome"]})
        cursor.execute(METRIC_ROWS, span | {"keys": list(METRICS)})
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    connection.close()
    return time.perf_counter() - started


def waits(address: str, experiment: str, runs: int) -> dict[str, float]:
    """Return the seconds of what grows with the store."""
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, RunTag

    client = MlflowClient(address)
    sweep = "f" + f"{runs // FITS // 2:x}".zfill(31)

    def write_a_fit() -> None:
        run = client.create_run(experiment, tags={"sweep": sweep, "mlflow.parentRunId": sweep})
        metrics = [Metric(name, 1.0, 0, step) for name in METRICS for step in range(20)]
        params = [Param(name, "1") for name in PARAMS]
        client.log_batch(run.info.run_id, metrics, params, [RunTag(name, "1") for name in TAGS])
        client.set_terminated(run.info.run_id)
        client.delete_run(run.info.run_id)

    ranked = f"tags.sweep = '{sweep}' AND params.capacity != ''"
    return {
        "runs_table_of_a_sweep": timed(
            lambda: client.search_runs(
                [experiment], ranked, max_results=100, order_by=["metrics.`rank` ASC"]
            )
        ),
        "children_for_a_resume": timed(
            lambda: client.search_runs(
                [experiment], f"tags.sweep = '{sweep}' AND tags.fit_key != ''"
            )
        ),
        "resume_auto": timed(lambda: client.search_runs([experiment], NEW_SWEEP, max_results=50)),
        "latest_100_runs": timed(lambda: client.search_runs([experiment], max_results=100)),
        "write_a_fit": timed(write_a_fit),
    }


def timed(work: Callable[[], object]) -> float:
    """Return the median seconds of three calls, after one that warms the caches."""
    times = []
    for _ in range(4):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return round(statistics.median(times[1:]), 3)


def main() -> None:
    """Fill, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, nargs="+", default=[10_000, 100_000])
    options = parser.parse_args()
    found: dict[int, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="scale-") as folder, tracking(Path(folder)) as server:
        from mlflow import MlflowClient

        experiment = MlflowClient(server.address).create_experiment(uuid.uuid4().hex)
        before = 0
        for runs in sorted(options.runs):
            seconds = fill(server.database, int(experiment), before + 1, runs)
            before = runs
            found[runs] = {
                "filled_in": round(seconds, 1),
                **waits(server.address, experiment, runs),
            }
            found[runs]["database_mb"] = megabytes(server.database)
            print(runs, json.dumps(found[runs]), flush=True)
    print(json.dumps(found))


def megabytes(database: str) -> float:
    """Return the size of the database."""
    connection = psycopg2.connect(database)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        (size,) = cursor.fetchone()
    connection.close()
    return round(size / 1e6, 1)


if __name__ == "__main__":
    main()
