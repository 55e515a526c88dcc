"""What MLflow costs: seconds a fit by step, share of a sweep, and large stores.

    python -m benchmarks.tracking [--fits 100] [--repeats 3] [--server] [--only steps|share|store]
        [--sweep data=mnist budget.fits=60]

    steps   made-up fits (2 x 100 units, 20 inputs, 4 curves of 50 epochs, model saved) recorded by
            the product's own ledger; median milliseconds of every step. Target: 60 ms a fit.
    share   the search of a real sweep with the ledger and with a writer that drops everything,
            alternately, each in a process of its own: wall and CPU time. Target: 10 %.
    store   a sweep of 1,000 fits, alone and among 20,000 runs: how long the runs table, the report's
            reading and a resume take. The runs are written straight into the database.

The last line on stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.commands import in_own_process
from benchmarks.harness.places import Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.core.records import Fit, FitResult, Trial
    from pipeline.ledger.fitrecord import FitRecord, Written
    from pipeline.ledger.ledger import Ledger
    from pipeline.ledger.store import Store
    from pipeline.search.ranking import Ranked

INPUTS, UNITS, LAYERS, EPOCHS = 20, 100, 2, 50
STACK = 20
SWEEP = ["data=wages", "training.executions=3"]
SMALL, LARGE = 1_000, 20_000


def shapes() -> list[tuple[int, ...]]:
    """Return the shapes of the weights of 2 x 100 units."""
    widths = [INPUTS, *[UNITS] * LAYERS, 1]
    pairs = itertools.pairwise(widths)
    return [shape for before, after in pairs for shape in ((before, after), (after,))]


def in_order(ledger: Ledger) -> list[Ranked]:
    """Return the trials, each with one fit, as they were recorded."""
    from pipeline.core.statistics import Difference
    from pipeline.search.decide import Evidence
    from pipeline.search.ranking import Ranked

    gap = Difference(0.0, 0.0, 0.0)
    return [
        Ranked(Evidence(one.fit.trial, {0: one}), 0.0, gap, stands=True, note="")
        for one in ledger.finished()
    ]


def build(trial: Trial) -> Any:
    """Build the network."""
    import keras

    del trial
    hidden = [keras.layers.Dense(UNITS, activation="relu") for _ in range(LAYERS)]
    return keras.Sequential([keras.Input((INPUTS,)), *hidden, keras.layers.Dense(1)])


def made_up(fit: Fit) -> FitResult:
    """Return a result with four curves and weights."""
    from pipeline.core.records import FitResult, Outcome

    generator = np.random.default_rng([fit.seed, int(fit.trial.learning_rate * 1e9)])
    curves = {n: generator.random(EPOCHS) for n in ("loss", "val_loss", "mae", "val_mae")}
    weights = [generator.random(shape, np.float32) for shape in shapes()]
    losses = generator.random(500, np.float32)
    return FitResult(fit, Outcome.completed, curves, EPOCHS // 2, weights, losses, 0.3)


def open_ledger(uri: str | None) -> Ledger:
    """Open a ledger for made-up fits."""
    from pipeline.config.schema import TrackingConfig
    from pipeline.ledger.facts import SweepFacts
    from pipeline.ledger.ledger import open_ledger as opened

    rows = {"train": 1400, "validation": 500}
    facts = SweepFacts("made up", {}, "f", "d", "y", "regression", rows, {"x": "number"})
    return opened(TrackingConfig(uri=uri), facts, build, elapsed=time.process_time)


def record(ledger: Ledger, fits: int) -> float:
    """Record made-up fits in stacks; return the sweep's own seconds, flushing included."""
    from pipeline.core.records import Capacity, Fit, Round, Stack, StackPlan, Trial

    capacity = Capacity("2x100", (("layers", LAYERS), ("units", UNITS)))
    spent = 0.0
    for number in range(-(-fits // STACK)):
        rates = [1e-4 * 1.1 ** (number * STACK + place) for place in range(STACK)]
        asked = Round(
            number,
            "grow",
            tuple(Fit(Trial(capacity, rate, 12_301), 0, 0, EPOCHS) for rate in rates),
        )
        stack = Stack(0, asked.fits)
        results = [made_up(fit) for fit in asked.fits]
        started = time.perf_counter()
        ledger.begin_round(asked, StackPlan((stack,), "stacked", "made up"))
        ledger.record_stack(asked, stack, results)
        ledger.flush()
        spent += time.perf_counter() - started
    return spent


def steps(fits: int, uri: str | None) -> dict[str, Any]:
    """Time every step of every fit."""
    from pipeline.ledger.fitwriter import FitWriter
    from pipeline.ledger.writer import Job

    times: dict[str, list[float]] = defaultdict(list)
    cpu = [0.0]

    def timed(name: str, step: Callable[[], None]) -> None:
        started, busy = time.perf_counter(), time.thread_time()
        step()
        times[name].append(time.perf_counter() - started)
        cpu[0] += time.thread_time() - busy

    def advance(self: Job) -> None:
        for step in self.steps[self.done :]:
            timed(self.name.split()[0], step)
            self.done += 1

    def write_here(self: FitWriter, store: Store, record: FitRecord) -> Written:
        del self  # in this process, where it is timed
        found: list[Written] = []
        timed("fit", lambda: found.append(record.write(store.client)))
        return found[0]

    Job.advance = advance  # type: ignore[method-assign]
    FitWriter.write = write_here  # type: ignore[method-assign]
    ledger = open_ledger(uri)
    spent = record(ledger, fits)
    writer_cpu, writer_wall = cpu[0], ledger.writer_seconds()
    started = time.perf_counter()
    ledger.rank(in_order(ledger), ledger.done[0].fit)
    ledger.flush()
    ranked = time.perf_counter() - started
    done = len(ledger.done)
    found = {
        "fits": done,
        "writer_ms_a_fit": round(1000 * writer_wall / done, 1),
        "writer_cpu_ms_a_fit": round(1000 * writer_cpu / done, 1),
        "elapsed_ms_a_fit": round(1000 * spent / done, 1),
        "rank_ms_a_fit": round(1000 * ranked / done, 1),
        "steps_ms": {name: round(1000 * statistics.median(v), 2) for name, v in times.items()},
        "artefact_kb": round(artefact_bytes(ledger) / 1000, 1),
    }
    ledger.end("FINISHED")
    return found


def artefact_bytes(ledger: Ledger) -> int:
    """Return the size of the files of one saved model."""
    from pipeline.ledger.files import download_model

    store = ledger.store
    with tempfile.TemporaryDirectory() as folder:
        path = download_model(store.client, store.location, ledger.done[0].model_id, folder)
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


class Measured(Exception):  # noqa: N818 - not an error: ends the process where the search ends
    """The search is over."""


def search_once(words: list[str], *, null: bool) -> dict[str, float]:
    """Run the search of one sweep; with `null` the writer drops what it is given."""
    from pipeline.config.compose import compose
    from pipeline.ledger.writer import Writer
    from pipeline.session import loop as runner

    search, put = runner.search, Writer.put
    found: dict[str, float] = {}

    def timed(sweep: Any, *rest: Any) -> Any:
        if null:
            Writer.put = lambda _self, _job: None  # type: ignore[method-assign]
        wall, cpu = time.perf_counter(), time.process_time()
        search(sweep, *rest)
        found["wall"] = time.perf_counter() - wall
        found["cpu"] = time.process_time() - cpu
        found["fits"] = len(sweep.ledger.done)
        found["fit_seconds"] = statistics.mean(done.result.seconds for done in sweep.ledger.done)
        Writer.put = put  # type: ignore[method-assign]
        raise Measured

    runner.search = timed
    output = Path("out")
    output.mkdir(exist_ok=True)
    try:
        runner.run(compose([*words, "verbose=false"]), output)
    except Measured:
        return found
    raise AssertionError("the sweep ended before its search")


def share(words: list[str], repeats: int) -> dict[str, Any]:
    """Compare searches with and without the writer, alternately."""
    times: dict[str, list[dict[str, float]]] = {"ledger": [], "null": []}
    for _ in range(repeats):
        for who, runs in times.items():
            runs.append(in_own_process("tracking", "--search", who, "--sweep", *words))
    median = {
        who: {key: statistics.median(run[key] for run in runs) for key in ("wall", "cpu")}
        for who, runs in times.items()
    }
    one = times["ledger"][0]
    return {
        "fits": one["fits"],
        "seconds_a_fit": round(one["fit_seconds"], 3),
        "wall_with": round(median["ledger"]["wall"], 2),
        "wall_without": round(median["null"]["wall"], 2),
        "share_wall": round(1 - median["null"]["wall"] / median["ledger"]["wall"], 3),
        "share_cpu": round(1 - median["null"]["cpu"] / median["ledger"]["cpu"], 3),
    }


def store() -> dict[str, Any]:
    """Fill a store and time what a person and a resume wait for."""
    ledger = open_ledger(None)
    record(ledger, SMALL)
    ledger.rank(in_order(ledger), ledger.done[0].fit)
    ledger.end("FINISHED")
    found = {str(SMALL): waits(ledger)}
    multiply(Path("mlruns/mlflow.db"), ledger.store.experiment_id, LARGE)
    return found | {str(LARGE): waits(ledger)}


def waits(ledger: Ledger) -> dict[str, float]:
    """Return the seconds of everything that grows with the store."""
    from pipeline.config.schema import TrackingConfig
    from pipeline.ledger.ledger import open_ledger as opened
    from pipeline.ledger.read import read_sweep

    client, sweep = ledger.store.client, ledger.run_id
    experiments = [ledger.store.experiment_id]
    fits = f"tags.sweep = '{sweep}' AND params.capacity != ''"
    facts = ledger._facts  # noqa: SLF001 - the same again

    def resume() -> None:
        words = {"which": sweep, "elapsed": time.process_time}
        opened(TrackingConfig(), facts, build, **words).end("FINISHED")

    return {
        "runs_table_s": timed(
            lambda: client.search_runs(
                experiments, fits, max_results=100, order_by=["metrics.`rank` ASC"]
            )
        ),
        "all_runs_table_s": timed(lambda: client.search_runs(experiments, max_results=100)),
        "read_sweep_s": timed(lambda: read_sweep(None, sweep)),
        "latest_s": timed(lambda: read_sweep(None, "latest")),
        "resume_s": timed(resume),
        "database_mb": round(Path("mlruns/mlflow.db").stat().st_size / 1e6, 1),
    }


def timed(work: Any) -> float:
    """Return the median seconds of three calls."""
    times = []
    for _ in range(3):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return round(statistics.median(times), 3)


def multiply(database: Path, experiment: str, runs: int) -> None:
    """Copy the runs of an experiment under new ids and sweeps until there are so many.

    Curves are not copied: no table of runs reads them.
    """
    tables = ("runs", "tags", "params", "latest_metrics")
    with sqlite3.connect(database) as db:
        db.execute(
            "CREATE TEMP TABLE original AS SELECT run_uuid FROM runs WHERE experiment_id = ?",
            [experiment],
        )
        (before,) = db.execute("SELECT count(*) FROM original").fetchone()
        for copy in range(1, -(-runs // before)):
            for table in tables:
                columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
                new = [
                    f"'{copy:04x}' || substr(run_uuid, 5)" if name == "run_uuid" else name
                    for name in columns
                ]
                if table == "tags":
                    new = [
                        f"CASE WHEN key IN ('sweep', 'mlflow.parentRunId') "
                        f"THEN '{copy:04x}' || substr(value, 5) ELSE value END"
                        if name == "value"
                        else one
                        for name, one in zip(columns, new, strict=True)
                    ]
                db.execute(  # the words are ours
                    f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(new)} "  # noqa: S608
                    f"FROM {table} WHERE run_uuid IN (SELECT run_uuid FROM original)"
                )
    db.close()


def main() -> None:
    """Measure, print a table and one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fits", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--server", action="store_true")
    parser.add_argument("--only", choices=["steps", "share", "store"])
    parser.add_argument("--sweep", nargs="+", default=SWEEP, help="words of the sweep for `share`")
    parser.add_argument("--search", choices=["ledger", "null"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.search:
        print(json.dumps(search_once(options.sweep, null=options.search == "null")))
        return
    found: dict[str, Any] = {}
    if options.only in {None, "share"}:
        found["share"] = share(options.sweep, options.repeats)
    home = tempfile.mkdtemp()
    os.chdir(home)
    if options.only in {None, "steps"}:
        found["steps"] = steps(options.fits, None)
        if options.server:
            server = Server(Path("server").absolute())
            server.start()
            found["steps_on_a_server"] = steps(options.fits, server.uri)
            server.stop()
    if options.only in {None, "store"}:
        Path("large").mkdir()  # MLflow keeps the first store's connection for this process
        os.chdir("large")
        found["store"] = store()
    for part, values in found.items():
        print(part, json.dumps(values, indent=1))
    print(json.dumps(found))
    shutil.rmtree(home)


if __name__ == "__main__":
    main()
