"""One run a trial, between the sweep and its fits; nothing that is resumed or read depends on it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipeline.core.errors import ConfigError
from pipeline.core.records import Outcome
from pipeline.ledger import fitwriter, trialrows
from pipeline.ledger.read import read_sweep


def rows_of(client: Any, ledger: Any) -> list[Any]:
    """Return the rows of a sweep, the champion's first."""
    words = f"tags.`mlflow.parentRunId` = '{ledger.run_id}' AND tags.kind = 'trial'"
    experiments = [ledger.store.experiment_id]
    return list(client.search_runs(experiments, words, order_by=["metrics.place"]))


def fits_below(client: Any, row: Any) -> set[str]:
    """Return the ids of the fits below a row."""
    words = f"tags.`mlflow.parentRunId` = '{row.info.run_id}'"
    return {run.info.run_id for run in client.search_runs([row.info.experiment_id], words)}


def history(client: Any, row: Any, key: str) -> list[tuple[int, float]]:
    """Return a curve."""
    return [(point.step, point.value) for point in client.get_metric_history(row.info.run_id, key)]


def test_a_row_says_what_came_of_a_trial(sweeps: Any, client: Any) -> None:
    """Place, mean score, its error, size, rate, mean curve with epochs from 1; its fits below it."""
    ledger = sweeps.open()
    trial = sweeps.trial(2, rate=0.00948683, dropout=0.5)
    first, second = sweeps.record(ledger, sweeps.round(0, trial))
    ledger.record_decisions([replace(sweeps.decision, capacity="2x4")])
    ledger.rank(sweeps.ranked(ledger, trial), first.fit)
    ledger.end("FINISHED")
    (row,) = rows_of(client, ledger)
    assert (row.info.run_name, row.info.status) == ("1. 2x4 lr 0.0095", "FINISHED")
    assert row.data.params == {
        "capacity": "2x4",
        "layers": "2",
        "units": "4",
        "parameters": str(trial.parameters),
        "learning_rate": "0.0095",
        "dropout": "0.5",
    }
    scores = [result.best("val_loss") for result in (first, second)]
    metrics = row.data.metrics
    assert metrics["score"] == pytest.approx(np.mean(scores), rel=1e-3)
    assert (metrics["place"], metrics["score_se"], metrics["executions"]) == (1, 0.12, 2)
    bar = [value for _, value in history(client, row, trialrows.SPREAD)]
    assert bar == pytest.approx([np.mean(scores) + k * 0.123 for k in (-1, 0, 1)])
    assert [value for _, value in history(client, row, trialrows.SIZE)] == [1.613] * 3
    assert (metrics["parameters"], metrics["best_epoch"], metrics["seconds"]) == (
        trial.parameters,
        2,  # the second, which has index 1
        0.5,
    )
    tags = row.data.tags
    assert (tags["trial"], tags["why"], tags["verdict"]) == (trial.name, "why", "better")
    mean = np.mean([result.curves["val_loss"] for result in (first, second)], axis=0)
    for key in ("val_loss", "val_loss by epoch"):
        steps, values = zip(*history(client, row, key), strict=True)
        assert steps == (1, 2, 3)
        assert values == pytest.approx(mean)
    assert fits_below(client, row) == {done.run_id for done in ledger.done}


def test_a_mean_curve_goes_as_far_as_half_of_the_executions(sweeps: Any, client: Any) -> None:
    """Three executions of 2, 3 and 5 epochs: three epochs, the last of two executions."""
    ledger = sweeps.open()
    asked = sweeps.round(0, executions=3)
    curves = [np.arange(length) + 1.0 for length in (2, 3, 5)]
    results = [
        replace(sweeps.result(fit), curves={"loss": curve, "val_loss": curve}, best_epoch=0)
        for fit, curve in zip(asked.fits, curves, strict=True)
    ]
    ledger.record_stack(asked, sweeps.plan(asked).stacks[0], results)
    ledger.rank(sweeps.ranked(ledger, asked.fits[0].trial), asked.fits[0])
    ledger.flush()
    assert history(client, rows_of(client, ledger)[0], "val_loss") == [(1, 1), (2, 2), (3, 3)]


def test_names_say_what_differs_from_the_champion(sweeps: Any, client: Any) -> None:
    """Long names are cut off in MLflow's lists; only the first curves are drawn together."""
    ledger = sweeps.open()
    trials = [sweeps.trial(1, 4 + more, encoding="standard") for more in range(7)]
    trials.append(sweeps.trial(1, 4, encoding="piecewise"))
    results = sweeps.record(ledger, sweeps.round(0, *trials, executions=1))
    ledger.rank(sweeps.ranked(ledger, *trials), results[0].fit)
    ledger.flush()
    rows = rows_of(client, ledger)
    names = [row.info.run_name for row in rows]
    assert (names[0], names[1]) == ("1. 1x4 lr 0.003", "2. 1x5 lr 0.003")
    assert names[-1] == "8. 1x4 lr 0.003 piecewise"
    drawn = ["val_loss by epoch" in row.data.metrics for row in rows]
    assert drawn == [True] * 6 + [False] * 2
    colours = [row.data.tags["mlflow.runColor"] for row in rows]
    assert colours == [*trialrows.COLOURS, trialrows.OTHERS, trialrows.OTHERS]


def test_a_trial_without_a_score_is_last_and_failed(sweeps: Any, client: Any) -> None:
    """Nothing is hidden; MLflow sorts what has no score behind the others."""
    ledger = sweeps.open()
    good, bad = sweeps.trial(1), sweeps.trial(2, rate=1.0)
    asked = sweeps.round(0, bad, good, executions=1)
    results = [sweeps.result(asked.fits[0], Outcome.diverged), sweeps.result(asked.fits[1])]
    ledger.record_stack(asked, sweeps.plan(asked).stacks[0], results)
    ledger.rank(sweeps.ranked(ledger, good), asked.fits[1])
    ledger.flush()
    rows = rows_of(client, ledger)
    assert [row.info.status for row in rows] == ["FINISHED", "FAILED"]
    assert (rows[1].info.run_name, rows[1].data.tags["why"]) == ("2. 2x4 lr 1", "diverged")
    assert "score" not in rows[1].data.metrics


@pytest.mark.parametrize("written", [0, 1, 2])
def test_rows_of_an_end_that_was_killed_are_written_anew(
    sweeps: Any, client: Any, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    """Whatever was there of them: every fit is known, none twice, and there is one row a trial."""
    ledger = sweeps.open()
    trials = [sweeps.trial(1), sweeps.trial(2)]
    results = sweeps.record(ledger, sweeps.round(0, *trials))
    jobs = trialrows.TrialRows.jobs
    with monkeypatch.context() as killed:
        killed.setattr(trialrows.TrialRows, "jobs", lambda *words: list(jobs(*words))[:written])
        ledger.rank(sweeps.ranked(ledger, *trials), results[0].fit)
        sweeps.abandon(ledger)
    known = {done.run_id for done in ledger.done}
    assert len(rows_of(client, ledger)) == written
    again = sweeps.open(ledger.run_id)
    assert {done.run_id for done in again.done} == known
    again.rank(sweeps.ranked(again, *reversed(trials)), results[2].fit)
    again.end("FINISHED")
    rows = rows_of(client, again)
    assert [row.data.tags["capacity"] for row in rows] == ["2x4", "1x4"]
    assert set.union(*(fits_below(client, row) for row in rows)) == known
    assert set(read_sweep(None, ledger.run_id).fits["run_id"]) == known


def test_a_row_whose_writing_was_cut_off_is_written_again(
    sweeps: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process had written it and died before it could say so: nothing of it is there twice."""
    ledger = sweeps.open()
    results = sweeps.record(ledger, sweeps.round(0))
    ask, lost = fitwriter.WriterProcess.ask, []

    def dying(process: Any, task: Any) -> Any:
        answer = ask(process, task)
        if isinstance(task[2], trialrows.RowRecord) and not lost:
            lost.append(answer)
            raise EOFError
        return answer

    monkeypatch.setattr(fitwriter.WriterProcess, "ask", dying)
    ledger.rank(sweeps.ranked(ledger, results[0].fit.trial), results[0].fit)
    ledger.flush()
    (row,) = rows_of(client, ledger)
    assert [answer.run_id for answer in lost] == [row.info.run_id] == [ledger.champion_row]
    assert [step for step, _ in history(client, row, "val_loss")] == [1, 2, 3]
    assert fits_below(client, row) == {done.run_id for done in ledger.done}
    ranks = [client.get_metric_history(done.run_id, "rank") for done in ledger.done]
    assert [[point.value for point in points] for points in ranks] == [[1.0], [2.0]]


def test_a_row_is_no_sweep(sweeps: Any, client: Any) -> None:
    """The message names the sweep that was meant."""
    ledger = sweeps.open()
    (result,) = sweeps.record(ledger, sweeps.round(0, executions=1))
    ledger.rank(sweeps.ranked(ledger, result.fit.trial), result.fit)
    ledger.flush()
    with pytest.raises(ConfigError, match=f"it is a trial of sweep={ledger.run_id}"):
        read_sweep(None, rows_of(client, ledger)[0].info.run_id)
