"""Fits written by a process of its own: the same ledger, and nothing lost when it dies."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from mlflow.exceptions import MlflowException

from pipeline.ledger import fitrun, hands, recorder, scribe, scribe_process
from pipeline.ledger.modeljob import Written

if TYPE_CHECKING:
    from pathlib import Path

RATES = [0.001, 0.002, 0.003, 0.005]


def rounds(sweeps: Any) -> list[Any]:
    """Return two rounds of eight fits, one of which diverged."""
    return [
        sweeps.round(number, *(sweeps.trial(number + 1, rate=rate) for rate in RATES))
        for number in (0, 1)
    ]


def scribe_of(ledger: Any) -> scribe.Scribe:
    """Return a ledger's process, started and ready."""
    ledger._hands.waiting(hands.BEHIND)
    found: scribe.Scribe = ledger._hands._scribe
    until_ready(found, True)
    return found


def until_ready(process: scribe.Scribe, ready: bool) -> None:
    """Wait until a process is ready, or is known to have died."""
    deadline = time.monotonic() + 120
    while process.ready is not ready:
        assert time.monotonic() < deadline, f"the process does not get {ready=}"
        time.sleep(0.02)


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


def test_a_process_of_its_own_writes_the_same_ledger(sweeps: Any, client: Any) -> None:
    """Runs, curves, tags and models are those that the sweep itself writes; weights read back."""
    here, there = sweeps.open(), sweeps.open()
    asked = rounds(sweeps)
    sweeps.record(here, *asked)
    process = scribe_of(there)
    results = sweeps.record(there, *asked)
    assert process.ready
    assert content(client, there.run_id) == content(client, here.run_id)
    for result in results:
        saved = there.weights(result.fit)
        assert saved is not None
        assert all((a == b).all() for a, b in zip(saved, result.weights, strict=True))
    assert {done.metrics["epochs"] for done in there.done} == {3.0}


def test_a_short_sweep_starts_no_process(sweeps: Any) -> None:
    """An import costs more than it saves."""
    ledger = sweeps.open()
    sweeps.record(ledger, sweeps.round(0))
    assert ledger._hands._scribe._process is None


def test_when_the_process_dies_the_sweep_writes_on(
    sweeps: Any, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever it was at: every fit has one finished run, and what it left half done is buried."""
    ledger = sweeps.open()
    process = scribe_of(ledger)
    asked, last = rounds(sweeps)
    plan = sweeps.plan(asked)
    ledger.begin_round(asked, plan)
    ledger.record_stack(asked, plan.stacks[0], [sweeps.result(fit) for fit in asked.fits])
    os.kill(process._process.pid, signal.SIGKILL)
    ledger.flush()
    sweeps.record(ledger, last)
    until_ready(process, False)
    assert caplog.text.count("writes by itself again") == 1
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


def test_a_process_that_dies_between_two_fits_is_missed_too(
    sweeps: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """From there on the sweep is slower: it says why, though no fit was lost."""
    ledger = sweeps.open()
    process = scribe_of(ledger)
    os.kill(process._process.pid, signal.SIGKILL)
    until_ready(process, False)
    assert caplog.text.count("writes by itself again") == 1
    assert len(sweeps.record(ledger, *rounds(sweeps))) == len(ledger.done)
    assert caplog.text.count("writes by itself again") == 1


def test_an_end_that_was_asked_for_is_no_death(
    sweeps: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A sweep that has written everything says nothing of its process."""
    process = scribe_of(sweeps.open())
    process.close()
    until_ready(process, False)
    assert "writes by itself again" not in caplog.text


def test_taking_over_goes_on_after_the_store_failed(
    sweeps: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process had written a fit to its end and died before it could say so: written once."""
    ledger = sweeps.open()
    asked = sweeps.round(0)
    results = sweeps.record(ledger, asked)
    lost = ledger.done[0]
    place = fitrun.Place(ledger.run_id, 0, "grow", 0, 1, lost.key)
    result, experiment = replace(results[0], weights=None), ledger.store.experiment_id
    page = recorder.FitPage(experiment, sweeps.facts, place, result, None, 0)

    def gone(page: Any) -> None:
        ledger._hands._scribe.ready = False
        raise scribe.GoneError(scribe.GONE)

    monkeypatch.setattr(ledger._hands._scribe, "ready", True)
    monkeypatch.setattr(ledger._hands._scribe, "write", gone)
    with monkeypatch.context() as failing:
        failing.setattr(hands.resume, "bury", lambda *_: (_ for _ in ()).throw(OSError("locked")))
        with pytest.raises(OSError, match="locked"):
            ledger._hands.write(page)
    ledger._hands.write(page)
    assert page.written.run_id == lost.run_id
    assert len(content(client, ledger.run_id)) == len(results)


def test_a_process_that_cannot_be_started_is_done_without(
    sweeps: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more processes or memory: slower, but nothing is lost."""
    ledger = sweeps.open()

    def refuse(*_: Any, **__: Any) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(scribe.subprocess, "Popen", refuse)
    ledger._hands.waiting(hands.BEHIND)
    assert "no process of its own" in caplog.text
    assert len(sweeps.record(ledger, *rounds(sweeps))) == len(ledger.done)


class Failing:
    """A client of a store that fails at the second call."""

    def __init__(self) -> None:
        """Answer."""
        self.calls: list[str] = []

    def create_run(self, *_: Any, **__: Any) -> Any:
        """Answer."""
        self.calls.append("create_run")
        return SimpleNamespace(info=SimpleNamespace(run_id="r1"))

    def log_batch(self, *_: Any) -> None:
        """Fail once."""
        self.calls.append("log_batch")
        if self.calls.count("log_batch") == 1:
            raise OSError("the disk is full")

    def set_terminated(self, *_: Any) -> None:
        """Answer."""
        self.calls.append("set_terminated")


def test_a_step_that_failed_there_is_tried_again_without_those_before(sweeps: Any) -> None:
    """The sweep learns how far the process came, and the error in a form that travels."""
    (fit, *_) = sweeps.round(0).fits
    result = replace(sweeps.result(fit), weights=None)
    page = recorder.FitPage(
        "1", sweeps.facts, fitrun.Place("s", 0, "grow", 0, 1, "key"), result, None, 0
    )
    client: Any = Failing()
    page.written, error = scribe_process.write(page, client)
    assert isinstance(error, MlflowException)
    assert "the disk is full" in str(error)
    assert (page.written.run_id, page.written.steps) == ("r1", 1)
    assert scribe_process.write(page, client)[1] is None
    assert client.calls == ["create_run", "log_batch", "log_batch", "set_terminated"]


def test_a_bug_is_met_again_where_it_can_be_seen(sweeps: Any) -> None:
    """Only errors of the store travel."""
    page: Any = SimpleNamespace(advance=lambda _: 1 / 0, written=Written())
    with pytest.raises(ZeroDivisionError):
        scribe_process.write(page, client=None)  # type: ignore[arg-type]


ORPHAN = """
import os, signal, sys
from pipeline.ledger.location import resolve
from pipeline.ledger.scribe import Scribe
scribe = Scribe(resolve(None))
scribe.start()
print(scribe._process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_it_does_not_outlive_a_killed_sweep(workplace: Path) -> None:
    """Another process may continue the sweep at once."""
    ended = subprocess.run(
        [sys.executable, "-c", ORPHAN],
        cwd=workplace,
        env=os.environ | {"PYTHONPATH": str(scribe.PACKAGE)},
        stdout=subprocess.PIPE,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(int(ended.stdout)).wait(60)
