"""Fits are written by a process of its own: nothing is lost when it dies."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from pipeline.core.errors import StoreError
from pipeline.ledger import fitrun, fitwriter
from pipeline.ledger.fitrecord import FitRecord
from pipeline.ledger.fitwriter import FITS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

RATES = [0.001, 0.002, 0.003, 0.005]


def rounds(sweeps: Any) -> list[Any]:
    """Return two rounds of eight fits, one of which diverged."""
    return [
        sweeps.round(number, *(sweeps.trial(number + 1, rate=rate) for rate in RATES))
        for number in (0, 1)
    ]


def content(client: Any, sweep: str) -> list[Any]:
    """Return what the store holds of the fits, less ids, times and the order of writing."""
    (experiment,) = {client.get_run(sweep).info.experiment_id}
    own = {"model_id", "sweep", "mlflow.parentRunId"}
    found = []
    for run in client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{sweep}'"):
        tags = {name: value for name, value in run.data.tags.items() if name not in own}
        curve = [point.value for point in client.get_metric_history(run.info.run_id, "val_loss")]
        status = str(client.get_logged_model(run.data.tags["model_id"]).status)
        found.append([run.data.params, run.data.metrics, tags, curve, run.info.status, status])
    return sorted(found, key=str)


def test_a_fit_is_written_as_from_this_process(sweeps: Any, client: Any) -> None:
    """Runs, curves, tags and models are the same; weights read back."""
    here, there = sweeps.open(), sweeps.open()
    asked = rounds(sweeps)
    with pytest.MonkeyPatch.context() as direct:
        direct.setattr(FITS, "write", lambda store, record: record.write(store.client))
        sweeps.record(here, *asked)
    results = sweeps.record(there, *asked)
    assert content(client, there.run_id) == content(client, here.run_id)
    for result in results:
        saved = there.weights(result.fit)
        assert saved is not None
        assert all((a == b).all() for a, b in zip(saved, result.weights, strict=True))
    assert {done.result.epochs for done in there.done} == {3}


def test_when_the_process_dies_another_one_goes_on(
    sweeps: Any, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever it was at: every fit has one finished run, and what it left half done is buried."""
    ledger = sweeps.open()
    asked, last = rounds(sweeps)
    plan = sweeps.plan(asked)
    ledger.begin_round(asked, plan)
    ledger.record_stack(asked, plan.stacks[0], [sweeps.result(fit) for fit in asked.fits])
    until_written(client, ledger, 1)
    kill()
    ledger.flush()
    sweeps.record(ledger, last)
    assert caplog.text.count("started again") == 1
    ledger.end("FINISHED")
    (experiment,) = {client.get_run(ledger.run_id).info.experiment_id}
    runs = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{ledger.run_id}'")
    whole = [run.data.tags["fit_key"] for run in runs if run.info.status == "FINISHED"]
    assert len(whole) == len(set(whole)) == 16
    assert {run.info.status for run in runs} <= {"FINISHED", "KILLED"}
    assert {done.run_id for done in ledger.done} <= {run.info.run_id for run in runs}
    models = client.search_logged_models([experiment])
    assert {str(model.status) for model in models} <= {"READY", "FAILED"}
    resumed = sweeps.open(ledger.run_id)
    assert [done.fit for done in resumed.done] == [*asked.fits, *last.fits]


def until_written(client: Any, ledger: Any, runs: int, status: str = "") -> None:
    """Wait until so many fits have a run, of this state if one is given."""
    deadline = time.monotonic() + 600
    experiment = [ledger.store.experiment_id]
    words = f"tags.`mlflow.parentRunId` = '{ledger.run_id}'"
    words += f" AND attributes.status = '{status}'" if status else ""
    while len(client.search_runs(experiment, words)) < runs:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def kill() -> None:
    """Kill the process as the system does when memory runs out."""
    assert FITS.process is not None
    os.kill(FITS.process.popen.pid, signal.SIGKILL)


@pytest.mark.rare
def test_a_process_that_dies_between_two_fits_is_missed_too(
    sweeps: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The next fit starts another one."""
    ledger = sweeps.open()
    kill()
    assert len(sweeps.record(ledger, *rounds(sweeps))) == len(ledger.done)
    assert caplog.text.count("started again") == 1


def test_a_fit_at_which_every_process_dies_ends_the_sweep_resumably(
    sweeps: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tried some times, then said: exit 5, and the rest of the sweep is not lost."""
    ledger = sweeps.open()
    with monkeypatch.context() as broken:
        broken.setattr(fitwriter, "MODULE", "pipeline.no_such_module")
        FITS.close()
        with pytest.raises(StoreError, match="died 3 times at"):
            sweeps.record(ledger, sweeps.round(0))
        with pytest.raises(StoreError):
            ledger.end("FAILED")
    sweeps.opened.remove(ledger)
    assert len(sweeps.open(ledger.run_id).finished()) == 2


def test_a_take_over_goes_on_after_the_store_failed(
    sweeps: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process had written a fit to its end and died before it could say so: written once."""
    ledger = sweeps.open()
    asked = sweeps.round(0)
    results = sweeps.record(ledger, asked)
    lost = ledger.done[0]
    found = fitrun.metrics(results[0], sweeps.facts)
    record = FitRecord(ledger.store.experiment_id, lost.place, results[0], found, 0)
    record.begun = True
    with monkeypatch.context() as failing:
        failing.setattr(
            fitwriter.resume, "bury", lambda *_: (_ for _ in ()).throw(OSError("locked"))
        )
        with pytest.raises(OSError, match="locked"):
            FITS.write(ledger.store, record)
    assert FITS.write(ledger.store, record).run_id == lost.run_id
    assert len(content(client, ledger.run_id)) == len(results)


@pytest.mark.rare
def test_a_process_that_cannot_be_started_is_started_later(
    sweeps: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more processes or memory for a moment."""
    tries = []

    def refuse_twice(*words: Any, **options: Any) -> Any:
        tries.append(words)
        if len(tries) <= 2:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return popen(*words, **options)

    popen = fitwriter.subprocess.Popen
    with monkeypatch.context() as short:
        short.setattr(fitwriter.subprocess, "Popen", refuse_twice)
        FITS.close()
        ledger = sweeps.open()
        assert len(sweeps.record(ledger, *rounds(sweeps))) == len(ledger.done)


def test_a_fit_at_which_the_store_failed_is_started_again(
    sweeps: Any, client: Any, workplace: Path
) -> None:
    """What was half written is buried, run and model; one run of it is whole."""
    ledger = sweeps.open(retry_seconds=120.0)
    asked = sweeps.round(0, executions=1)
    sweeps.record(ledger, sweeps.round(1, sweeps.trial(3), executions=1))
    (models,) = (workplace / "mlruns" / "artifacts").glob("*/models")
    kept = models.rename(models.with_name("kept"))
    models.touch()  # permissions do not bind root
    results = [sweeps.result(fit) for fit in asked.fits]
    ledger.record_stack(asked, sweeps.plan(asked).stacks[0], results)
    until_written(client, ledger, 1, "KILLED")
    models.unlink()
    kept.rename(models)
    ledger.flush()
    experiment = [ledger.store.experiment_id]
    runs = client.search_runs(experiment, f"tags.`mlflow.parentRunId` = '{ledger.run_id}'")
    states = sorted(run.info.status for run in runs)
    assert states.count("FINISHED") == 2
    assert set(states) == {"FINISHED", "KILLED"}
    found = [str(model.status) for model in client.search_logged_models(experiment)]
    assert found.count("READY") == 2
    assert set(found) == {"READY", "FAILED"}


@pytest.mark.rare
def test_a_process_without_work_gives_its_memory_back(
    sweeps: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And the next fit starts another one, without a word."""
    hurried = "import pipeline.ledger.writerprocess as p; p.IDLE_SECONDS = 0.2; p.main([])"
    ledger = sweeps.open()
    FITS.close()
    with monkeypatch.context() as short:
        popen = fitwriter.subprocess.Popen
        short.setattr(
            fitwriter.subprocess,
            "Popen",
            lambda words, **options: popen([*words[:2], "-c", hurried, *words[4:]], **options),
        )
        FITS.start(ledger.store.location)
        assert FITS.process is not None
        assert FITS.process.popen.wait(600) == 0
    caplog.clear()
    assert len(sweeps.record(ledger, *rounds(sweeps))) == len(ledger.done)
    assert not caplog.text


def test_a_bug_is_said_where_it_can_be_seen(sweeps: Any) -> None:
    """With the traceback of the process; it is not tried again."""
    ledger = sweeps.open()
    (fit, *_) = sweeps.round(0).fits
    place = fitrun.Place(ledger.run_id, 0, "grow", 0, 1, "key")
    record = FitRecord(ledger.store.experiment_id, place, sweeps.result(fit), {}, 0)
    record.ended = "late"  # type: ignore[assignment]
    with pytest.raises(RuntimeError, match="TypeError"):
        FITS.write(ledger.store, record)


ORPHAN = """
import os, signal, sys
from pipeline.ledger.fitwriter import FITS
from pipeline.ledger.location import resolve
FITS.start(resolve(None), forks=sys.argv[1] == "forks")
print(FITS.process.popen.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("kind", ["forks", "spawns"])
def test_it_does_not_outlive_a_killed_sweep(workplace: Path, kind: str) -> None:
    """Another process may continue the sweep at once."""
    ended = subprocess.run(
        [sys.executable, "-c", ORPHAN, kind],
        cwd=workplace,
        env=os.environ | {"PYTHONPATH": str(fitwriter.PACKAGE)},
        stdout=subprocess.PIPE,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(int(ended.stdout)).wait(60)
