"""What the tracking tests share: sweeps of made-up fits, and networks that need no Keras."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest

from pipeline.config.schema import TrackingConfig
from pipeline.core.records import (
    Capacity,
    Decision,
    Finding,
    Fit,
    FitResult,
    Outcome,
    Round,
    Stack,
    StackPlan,
    Trial,
)
from pipeline.core.statistics import Difference
from pipeline.ledger import location
from pipeline.ledger.facts import SweepFacts
from pipeline.ledger.ledger import open_ledger
from pipeline.search.decide import Evidence
from pipeline.search.ranking import Ranked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pipeline.ledger.ledger import Ledger

INPUTS = 3
ROWS = 20
WITHOUT_JOBS = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
"""A server's jobs are seven more processes that import MLflow; no sweep uses them."""


class FakeModel:
    """What the ledger uses of a keras.Model: weights, shapes and `save`."""

    def __init__(self, shapes: list[tuple[int, ...]]) -> None:
        """Start at zero."""
        self.weights = [np.zeros(shape, np.float32) for shape in shapes]
        self.inputs = [SimpleNamespace(shape=(None, INPUTS))]
        self.outputs = [SimpleNamespace(shape=(None, 1))]

    def set_weights(self, weights: list[np.ndarray]) -> None:
        """Take weights as Keras does: in the type of the variables."""
        self.weights = [np.asarray(weight, np.float32) for weight in weights]

    def save(self, path: Path) -> None:
        """Write an archive like Keras: weights in an order of its own, among other variables."""
        content = io.BytesIO()
        with h5py.File(content, "w") as file:
            for place, weight in reversed(list(enumerate(self.weights))):
                file[f"layers/dense_{place}/vars/0"] = weight
            file["layers/dropout/seed_generator/vars/0"] = np.array([1, 0], np.uint32)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("metadata.json", "{}")
            archive.writestr("config.json", "{}")
            archive.writestr("model.weights.h5", content.getvalue())


def shapes(trial: Trial) -> list[tuple[int, ...]]:
    """Return the shapes of a network's weights."""
    found, width = [], INPUTS
    for _ in range(trial.capacity["layers"]):
        units = trial.capacity["units"]
        found += [(width, units), (units,)]
        width = units
    return [*found, (width, 1), (1,)]


def build(trial: Trial) -> FakeModel:
    """Build a network, as a family does."""
    return FakeModel(shapes(trial))


def make_trial(layers: int = 1, units: int = 4, rate: float = 0.003, **nuisance: Any) -> Trial:
    """Make a trial."""
    capacity = Capacity(f"{layers}x{units}", (("layers", layers), ("units", units)))
    count = sum(int(np.prod(s)) for s in shapes(Trial(capacity, rate, 0)))
    return Trial(capacity, rate, count, tuple(sorted(nuisance.items())))


def make_round(number: int = 0, *trials: Trial, executions: int = 2) -> Round:
    """Make a round."""
    fits = [Fit(t, e, e, 30) for t in trials or [make_trial()] for e in range(executions)]
    return Round(number, "grow", tuple(fits), "because it pays")


def make_plan(asked: Round) -> StackPlan:
    """Pack a round into one stack."""
    return StackPlan((Stack(1, asked.fits, (8,), 0.125, 1000),), "stacked", "one stack")


def make_result(fit: Fit, outcome: Outcome = Outcome.completed, **changes: Any) -> FitResult:
    """Train a fit, so to speak: the same fit always gives the same numbers."""
    generator = np.random.default_rng([fit.seed, fit.trial.parameters, fit.fold])
    usable = outcome in {Outcome.completed, Outcome.dropped}
    val_loss = np.array([0.9, 0.5, 0.7]) + generator.random()
    result = FitResult(
        fit,
        outcome,
        {"loss": val_loss / 2, "val_loss": val_loss, "val_mae": val_loss / 3},
        best_epoch=1 if usable else -1,
        weights=[generator.random(s, np.float32) for s in shapes(fit.trial)] if usable else None,
        row_losses=generator.random(ROWS, np.float32) if usable else None,
        seconds=0.25,
        findings=(Finding("rate-too-low", "warning", "The loss hardly moves; try 0.01."),),
        message="" if usable else f"it {outcome}",
    )
    return replace(result, **changes)


def make_ranked(ledger: Ledger, *trials: Trial) -> list[Ranked]:
    """Rank trials in this order, by all of their fits that have a score."""
    found = []
    for trial in trials:
        own = [one for one in ledger.standing() if one.fit.trial == trial]
        known = {at: one for at, one in enumerate(own) if np.isfinite(one.score)}
        gap = Difference(0.0, 0.0, 0.0)
        found.append(Ranked(Evidence(trial, known), 0.123, gap, stands=True, note="why"))
    return found


FACTS = SweepFacts(
    name="wages",
    config={"training.epochs": "30", "data.name": "wages", "budget.seconds": "60"},
    fingerprint="fingerprint-1",
    digest="digest-1",
    target="wage",
    task="regression",
    rows={"train": 60, "validation": ROWS, "test": 10},
    columns={"age": "number", "sex": "category"},
    target_scales=(5.0,),
    source="wages.csv",
    command=("data=wages",),
    headline={"engine": "stacked"},
)

DECISION = Decision(0, "grow", "1x4", 0.5, 0.1, "better", "1x4 gains 0.1 over linear, 2 SE.")


class Sweeps:
    """Opens ledgers in one working directory, and closes what a test leaves open."""

    facts = FACTS
    decision = DECISION
    trial = staticmethod(make_trial)
    round = staticmethod(make_round)
    plan = staticmethod(make_plan)
    result = staticmethod(make_result)
    ranked = staticmethod(make_ranked)
    build = staticmethod(build)

    def __init__(self) -> None:
        """Start without a ledger."""
        self.opened: list[Ledger] = []

    def open(
        self,
        which: str = "no",
        facts: SweepFacts = FACTS,
        build: Callable[[Trial], Any] = build,
        **tracking: Any,
    ) -> Ledger:
        """Open a ledger."""
        settings = TrackingConfig(**{"retry_seconds": 5.0, **tracking})
        ledger = open_ledger(settings, facts, build, which=which, elapsed=lambda: 2.0)
        self.opened.append(ledger)
        return ledger

    def abandon(self, ledger: Ledger) -> None:
        """Do what a killed process does: nothing more, and its locks are gone."""
        ledger.flush()
        ledger._closing.close()
        self.opened.remove(ledger)

    def record(self, ledger: Ledger, *rounds: Round) -> list[FitResult]:
        """Record whole rounds; return their results."""
        results = []
        for asked in rounds:
            plan = make_plan(asked)
            ledger.begin_round(asked, plan)
            found = [make_result(fit) for fit in asked.fits]
            ledger.record_stack(asked, plan.stacks[0], found)
            ledger.flush()
            results += found
        return results


@pytest.fixture
def sweeps(workplace: Path) -> Any:
    """Return an opener of ledgers in an empty working directory with a ready store."""
    opener = Sweeps()
    yield opener
    for ledger in list(opener.opened):
        opener.abandon(ledger)


@pytest.fixture
def client(workplace: Path) -> Any:
    """Return a fresh client of the store, as another program would have."""
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{workplace / 'mlruns' / 'mlflow.db'}")


def free_port() -> int:
    """Return a port that nobody uses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, migrated_store: Path) -> Iterator[str]:
    """Return the address of a running server with an empty store."""
    home = tmp_path_factory.mktemp("server")
    shutil.copy(migrated_store, home / "mlflow.db")
    process, address = started_server(home)
    try:
        with pytest.MonkeyPatch.context() as patient:
            patient.setattr(location, "PROBE_SECONDS", 60.0)  # a busy machine is no dead server
            yield address
    finally:
        ended(process)


def started_server(home: Path, tries: int = 3) -> tuple[subprocess.Popen[bytes], str]:
    """Return a server that answers, and its address; its port may be taken before it gets there."""
    for _ in range(tries):
        port = free_port()
        command = [
            sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
            "--workers", "1", "--backend-store-uri", f"sqlite:///{home}/mlflow.db",
            "--artifacts-destination", str(home / "artefacts"),
        ]  # fmt: skip
        with (home / "server.log").open("wb") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=home, start_new_session=True, env=WITHOUT_JOBS
            )
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 240
        while process.poll() is None and time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{address}/health", timeout=2):  # noqa: S310
                    return process, address
            except OSError:
                time.sleep(0.1)
        ended(process)
    raise TimeoutError((home / "server.log").read_text())


def ended(process: subprocess.Popen[bytes]) -> None:
    """Kill a server and its workers."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
