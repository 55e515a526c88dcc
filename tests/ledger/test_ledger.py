"""One parent run, one child run a fit, read back through a client of another program."""

from __future__ import annotations

import json
import math
import random
import shutil
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.config.choices import SaveModels
from pipeline.core import language
from pipeline.core.records import Objective, Outcome
from pipeline.ledger.files import local_folder
from pipeline.ledger.fitrun import MOST_METRICS, metrics
from pipeline.ledger.read import read_sweep


def fits_of(client: Any, sweep: str) -> list[Any]:
    """Return the runs of the fits of a sweep in the recorded order."""
    (experiment,) = {client.get_run(sweep).info.experiment_id}
    runs = client.search_runs([experiment], f"tags.sweep = '{sweep}' AND tags.fit_key != ''")
    return sorted(runs, key=lambda run: (int(run.data.tags["round"]), run.data.tags["position"]))


def history(client: Any, run: Any, key: str) -> list[tuple[int, float]]:
    """Return a curve."""
    found = client.get_metric_history(run.info.run_id, key)
    return sorted((metric.step, metric.value) for metric in found)


def test_every_fit_is_a_child_run_with_its_curves(sweeps: Any, client: Any) -> None:
    """Curves by epoch from 1, the best values as metrics of their own, at the best epoch's step."""
    ledger = sweeps.open()
    results = sweeps.record(ledger, sweeps.round(0), sweeps.round(1, sweeps.trial(2)))
    ledger.end("FINISHED")
    runs = fits_of(client, ledger.run_id)
    assert len(runs) == len(results) == 4
    for run, result in zip(runs, results, strict=True):
        assert run.info.status == "FINISHED"
        assert run.info.run_name == language.trial(result.fit.name)
        val_loss = result.curves["val_loss"].tolist()
        assert history(client, run, "val_loss") == list(enumerate(val_loss, start=1))
        assert history(client, run, "best_val_loss") == [(2, val_loss[1])]
        assert run.data.metrics["best_epoch"] == 2
        assert run.data.metrics["epochs"] == 3
        assert run.data.metrics["parameters"] == result.fit.trial.parameters
        assert run.data.metrics["best_val_rmse"] == pytest.approx(math.sqrt(val_loss[1]) * 5.0)
        assert (run.info.end_time - run.info.start_time) == 250


@pytest.mark.parametrize("metric", ["val_loss", "val_rmse"])
def test_a_root_of_another_curve_is_written_only_as_the_objective(sweeps: Any, metric: str) -> None:
    """Points are most of what MLflow costs; the best RMSE in the target's unit is always there."""
    (fit, *_) = sweeps.round(0).fits
    result = sweeps.result(fit)
    roots = {name: np.sqrt(result.curves["val_loss"]) for name in ("rmse", "val_rmse")}
    found = metrics(
        replace(result, curves=result.curves | roots),
        replace(sweeps.facts, objective=Objective(metric)),
    )
    assert {"val_loss", "best_val_rmse"} < found.keys()
    assert found.keys() & set(roots) == ({metric} & set(roots))


def test_the_runs_table_has_columns_that_mean_something(sweeps: Any, client: Any) -> None:
    """Capacity, its axes, rate, nuisance values, execution, round and phase."""
    ledger = sweeps.open()
    trial = sweeps.trial(2, 8, 0.01, dropout=0.1, encoding="robust")
    sweeps.record(ledger, sweeps.round(3, trial, executions=1))
    (run,) = fits_of(client, ledger.run_id)
    params = run.data.params
    assert len(params) <= 30
    assert params["capacity"] == "2x8"
    assert (params["layers"], params["units"], params["learning_rate"]) == ("2", "8", "0.01")
    assert (params["dropout"], params["encoding"]) == ("0.1", "robust")
    assert (params["round"], params["phase"], params["execution"]) == ("3", "grow", "0")
    tags = run.data.tags
    assert tags["trial"] == trial.name
    assert tags["sweep"] == ledger.run_id
    assert tags["diagnosis"] == "rate-too-low"
    assert "The loss hardly moves" in tags["mlflow.note.content"]


@pytest.mark.parametrize(
    ("outcome", "status", "is_done", "has_model"),
    [
        (Outcome.completed, "FINISHED", True, True),
        (Outcome.dropped, "FINISHED", True, True),
        (Outcome.diverged, "FAILED", True, False),
        (Outcome.infeasible, "FAILED", True, False),
        (Outcome.cut, "KILLED", False, False),
    ],
)
def test_a_run_ends_truthfully(
    sweeps: Any, client: Any, outcome: Outcome, status: str, is_done: bool, has_model: bool
) -> None:
    """The table of outcomes in docs/architecture.md."""
    ledger = sweeps.open()
    asked = sweeps.round(0, executions=1)
    result = sweeps.result(asked.fits[0], outcome)
    ledger.record_stack(asked, sweeps.plan(asked).stacks[0], [result])
    ledger.flush()
    (run,) = fits_of(client, ledger.run_id)
    assert run.info.status == status
    assert run.data.tags["outcome"] == outcome.value
    assert (len(ledger.finished()), len(ledger.done)) == (is_done,) * 2
    assert bool(run.outputs and run.outputs.model_outputs) == has_model
    if outcome is not Outcome.completed:
        assert run.data.tags.get("message", "") == result.message


def test_a_fit_that_was_cut_stands_until_it_is_done(sweeps: Any, client: Any) -> None:
    """Ranked and readable with its curve, never finished; trained again, the new numbers count."""
    ledger = sweeps.open()
    asked = sweeps.round(0, executions=2)
    done, other = (sweeps.result(fit) for fit in asked.fits)
    cut = replace(other, outcome=Outcome.cut, message="the budget has ended")
    ledger.record_stack(asked, sweeps.plan(asked).stacks[0], [done, cut])
    assert [scored.fit for scored in ledger.finished()] == [done.fit]
    assert [scored.score for scored in ledger.standing()] == [
        one.best("val_loss") for one in (done, cut)
    ]
    ledger.rank(sweeps.ranked(ledger, cut.fit.trial), cut.fit)
    ledger.flush()
    runs = {run.data.tags["outcome"]: run for run in fits_of(client, ledger.run_id)}
    assert runs["cut"].info.status == "KILLED"
    assert [runs[name].data.metrics["rank"] for name in ("cut", "completed")] == [1, 2]
    record = read_sweep(None, ledger.run_id)
    np.testing.assert_array_equal(
        record.curves[runs["cut"].info.run_id].val_loss, cut.curves["val_loss"]
    )
    ledger.end("KILLED")
    sweeps.opened.remove(ledger)
    again = sweeps.open(ledger.run_id)
    assert [scored.fit for scored in again.standing()] == [done.fit]
    better = replace(
        other, curves={"loss": other.curves["loss"], "val_loss": np.array([0.3, 0.1, 0.2])}
    )
    again.record_stack(asked, sweeps.plan(asked).stacks[0], [done, better])
    again.flush()
    record = read_sweep(None, ledger.run_id)
    losses = {tuple(one.val_loss) for one in record.curves.values()}
    assert tuple(better.curves["val_loss"]) in losses
    assert tuple(cut.curves["val_loss"]) not in losses


def test_a_fit_that_never_ran_is_recorded(sweeps: Any, client: Any) -> None:
    """Too large to try: no curve, no epoch, and still a run that says why."""
    ledger = sweeps.open()
    asked = sweeps.round(0, executions=1)
    result = sweeps.result(asked.fits[0], Outcome.infeasible, curves={}, seconds=0.0)
    ledger.record_stack(asked, sweeps.plan(asked).stacks[0], [result])
    ledger.flush()
    (run,) = fits_of(client, ledger.run_id)
    assert run.data.tags["message"] == "it infeasible"
    assert "best_val_loss" not in run.data.metrics
    (scored,) = ledger.finished()
    assert math.isnan(scored.score)


def test_infinity_and_nan_stay_out_of_the_charts(sweeps: Any, client: Any) -> None:
    """MLflow would draw them as 1.8e308 and as 0; the file of the stack keeps them."""
    ledger = sweeps.open()
    asked = sweeps.round(0, executions=1)
    broken = {"loss": np.array([1.0, np.nan]), "val_loss": np.array([2.0, np.inf])}
    result = sweeps.result(asked.fits[0], Outcome.diverged, curves=broken)
    ledger.record_stack(asked, sweeps.plan(asked).stacks[0], [result])
    ledger.flush()
    (run,) = fits_of(client, ledger.run_id)
    assert history(client, run, "loss") == [(1, 1.0)]
    assert history(client, run, "val_loss") == [(1, 2.0)]
    assert run.data.tags["diverged"] == "1"


def test_a_user_with_many_metrics_keeps_a_readable_table(sweeps: Any, client: Any) -> None:
    """At most 30 metric keys a run; those that decide are among them."""
    ledger = sweeps.open()
    asked = sweeps.round(0, executions=1)
    result = sweeps.result(asked.fits[0])
    extra = {f"val_own_{number}": np.ones(3) for number in range(40)}
    result = replace(result, curves=extra | result.curves)
    ledger.record_stack(asked, sweeps.plan(asked).stacks[0], [result])
    ledger.flush()
    (run,) = fits_of(client, ledger.run_id)
    assert len(run.data.metrics) <= MOST_METRICS
    assert {"val_loss", "loss", "best_val_loss", "best_epoch", "seconds"} <= set(run.data.metrics)


def test_the_score_is_lower_is_better_whatever_the_objective(sweeps: Any) -> None:
    """A metric that is maximised is handed on with its sign turned, now and on resume."""
    from pipeline.core.records import Direction

    facts = replace(sweeps.facts, objective=Objective("val_mae", Direction.max))
    ledger = sweeps.open(facts=facts)
    results = sweeps.record(ledger, sweeps.round(0))
    expected = [-result.best("val_mae") for result in results]
    assert [scored.score for scored in ledger.finished()] == expected
    ledger.end("KILLED")
    again = sweeps.open(ledger.run_id, facts)
    assert [scored.score for scored in again.finished()] == expected


def test_the_file_of_a_store_has_all_when_a_sweep_has_ended(sweeps: Any, tmp_path: Path) -> None:
    """A person copies mlflow.db, and not the write-ahead log that stays while anyone has it open."""
    ledger = sweeps.open()
    with closing(sqlite3.connect(ledger.store.location.database)) as other:
        assert other.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)
        sweeps.record(ledger, sweeps.round(0, executions=1))
        ledger.end("FINISHED")
        copy = shutil.copy(ledger.store.location.database, tmp_path / "copy.db")
    with closing(sqlite3.connect(copy)) as connection:
        (found,) = connection.execute(
            "SELECT status FROM runs WHERE run_uuid = ?", (ledger.run_id,)
        )
    assert found == ("FINISHED",)


def test_the_parent_run_says_what_was_swept(sweeps: Any, client: Any, workplace: Path) -> None:
    """Data set, configuration, command, decisions, files; what no person reads is one of those."""
    ledger = sweeps.open()
    ledger.record_decisions([sweeps.decision])
    ledger.attach("report.html", "<p>report</p>")
    ledger.end("FINISHED")
    run = client.get_run(ledger.run_id)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "sweep wages"
    (found,) = run.inputs.dataset_inputs
    assert (found.dataset.name, found.dataset.digest) == ("wages", "digest-1")
    assert run.data.params == {"engine": "stacked"}
    tags = run.data.tags
    assert (tags["kind"], tags["fingerprint"]) == ("sweep", "fingerprint-1")
    assert tags["command"] == "data=wages"
    assert tags["mlflow.note.content"].startswith("Looks for the right-sized network for `wage`")
    own = {name for name in tags if not name.startswith("mlflow.")}
    assert own == {
        "kind",
        "sweep",
        "fingerprint",
        "data_digest",
        "command",
        "claim",
        "alive",
        "seconds",
    }
    files = {file.path for file in client.list_artifacts(ledger.run_id)}
    assert files == {"sweep.json", "decisions.json", "report.html"}
    path = client.download_artifacts(ledger.run_id, "sweep.json", str(workplace))
    start = json.loads(Path(path).read_text())
    assert start["config"]["training.epochs"] == "30"
    assert start["ran_on"]["version.mlflow"]


def test_rank_puts_the_champion_first(sweeps: Any, client: Any) -> None:
    """Then its trial's other executions, then the other trials, then what cannot be ranked."""
    ledger = sweeps.open()
    small, large = sweeps.trial(1), sweeps.trial(2)
    asked = sweeps.round(0, large, small, executions=2)
    results = [sweeps.result(fit) for fit in asked.fits]
    results[1] = sweeps.result(asked.fits[1], Outcome.diverged)
    ledger.record_stack(asked, sweeps.plan(asked).stacks[0], results)
    champion = asked.fits[3]
    ledger.rank(sweeps.ranked(ledger, small, large), champion)
    ledger.end("FINISHED")
    runs = sorted(fits_of(client, ledger.run_id), key=lambda run: run.data.metrics["rank"])
    assert [run.info.run_name for run in runs] == [
        language.trial(fit.name)
        for fit in (champion, asked.fits[2], asked.fits[0], asked.fits[1])
    ]  # fmt: skip
    assert [run.data.metrics["rank"] for run in runs] == [1, 2, 3, 4]


def test_models_are_saved_where_they_are_looked_for(sweeps: Any, client: Any) -> None:
    """A LoggedModel of the run, ready, with signature and the metrics of the best epoch."""
    ledger = sweeps.open()
    (result,) = sweeps.record(ledger, sweeps.round(0, executions=1))
    (run,) = fits_of(client, ledger.run_id)
    (output,) = run.outputs.model_outputs
    model = client.get_logged_model(output.model_id)
    assert (model.name, model.source_run_id, str(model.status)) == (
        "1x4 lr 0_003 #0",
        run.info.run_id,
        "READY",
    )
    linked = {metric.key: metric.value for metric in model.metrics}
    assert linked["val_loss"] == linked["best_val_loss"] == result.best("val_loss")
    assert {metric.step for metric in model.metrics} == {result.best_epoch + 1}
    saved = ledger.weights(result.fit)
    assert saved is not None
    for one, other in zip(saved, result.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_only_the_models_that_are_wanted_are_kept(sweeps: Any, client: Any) -> None:
    """tracking.save_models=best: the best fit of each trial, and the champion's own."""
    facts = replace(sweeps.facts, save_models=SaveModels.best)
    ledger = sweeps.open(facts=facts)
    results = sweeps.record(ledger, sweeps.round(0, sweeps.trial(1), sweeps.trial(2)))
    assert all(done.model_id == "" for done in ledger.done)
    worse = max(results[:2], key=lambda result: result.best("val_loss"))
    wanted = ledger.unsaved_models(worse.fit)
    best = min(results[2:], key=lambda result: result.best("val_loss"))
    assert worse.fit in wanted
    assert best.fit in wanted
    assert len(wanted) == 3
    for result in results:
        if result.fit in wanted:
            ledger.save_model(result.fit, result.weights)
    ledger.flush()
    assert ledger.unsaved_models(worse.fit) == []
    runs = fits_of(client, ledger.run_id)
    assert sum(bool(run.outputs and run.outputs.model_outputs) for run in runs) == 3
    saved = ledger.weights(best.fit)
    assert saved is not None
    np.testing.assert_array_equal(saved[0], best.weights[0])


def test_building_networks_does_not_disturb_the_random_state(sweeps: Any) -> None:
    """Keras draws the seeds of new layers from Python's generator; training must not notice."""

    def greedy(trial: Any) -> Any:
        random.random()  # noqa: S311
        return sweeps.build(trial)

    ledger = sweeps.open(build=greedy)
    random.seed(5)
    expected = random.Random(5).random()  # noqa: S311
    sweeps.record(ledger, sweeps.round(0))
    assert random.random() == expected  # noqa: S311


def test_secrets_of_the_uri_and_the_command_are_not_stored(
    sweeps: Any, client: Any, workplace: Path
) -> None:
    """Nothing in the store holds the password."""
    facts = replace(
        sweeps.facts,
        source="s3://ann:hunter2@bucket/wages.csv",
        command=("tracking.uri=http://ann:hunter2@host",),
        config={"tracking.uri": "http://ann:hunter2@host"},
    )
    ledger = sweeps.open(facts=facts)
    sweeps.record(ledger, sweeps.round(0))
    ledger.end("FINISHED")
    for path in (workplace / "mlruns").rglob("*"):
        if path.is_file():
            assert b"hunter2" not in path.read_bytes(), path


def test_an_experiment_that_exists_is_joined_unaltered(sweeps: Any, client: Any) -> None:
    """Its artefact location and its tags stay what they were."""
    place = "file:///tmp/elsewhere"
    experiment = client.create_experiment("shared", artifact_location=place, tags={"team": "red"})
    ledger = sweeps.open(experiment="shared")
    found = client.get_experiment(experiment)
    assert ledger.store.experiment_id == experiment
    assert (found.artifact_location, found.tags) == (place, {"team": "red"})


def test_a_deleted_experiment_is_a_wrong_configuration(sweeps: Any, client: Any) -> None:
    """The message says how to bring it back."""
    from pipeline.core.errors import ConfigError

    client.delete_experiment(client.create_experiment("gone"))
    with pytest.raises(ConfigError, match=r"mlflow experiments restore"):
        sweeps.open(experiment="gone")


def test_an_outer_run_is_not_joined(
    sweeps: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLFLOW_RUN_ID of a surrounding job would attach our runs to its own."""
    monkeypatch.setenv("MLFLOW_RUN_ID", "f" * 32)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "theirs")
    monkeypatch.setenv("MLFLOW_ACTIVE_MODEL_ID", "m-theirs")
    ledger = sweeps.open()
    sweeps.record(ledger, sweeps.round(0, executions=1))
    assert client.get_experiment_by_name("theirs") is None
    (run,) = fits_of(client, ledger.run_id)
    assert run.data.tags["mlflow.parentRunId"] == ledger.run_id


def test_weights_that_are_still_to_be_written_are_waited_for(sweeps: Any) -> None:
    """A round ends before the runs of its last fits are there; whoever reads them waits."""
    ledger = sweeps.open()
    asked = sweeps.round(0)
    results = [sweeps.result(fit) for fit in asked.fits]
    plan = sweeps.plan(asked)
    ledger.begin_round(asked, plan)
    ledger.record_stack(asked, plan.stacks[0], results)
    saved = ledger.weights(results[-1].fit)
    assert saved is not None
    for one, expected in zip(saved, results[-1].weights, strict=True):
        assert np.array_equal(one, expected)


def test_what_is_made_beside_the_first_round_is_kept_before_a_fit_is_shown(
    sweeps: Any, client: Any
) -> None:
    """So a fit that has a run has its encoders, whenever the sweep is killed."""
    ledger, asked, free = sweeps.open(), sweeps.round(0), threading.Event()
    ledger.attach("serving/encoder", lambda: b"whole" if free.wait(60) else b"")
    stack = sweeps.plan(asked).stacks[0]
    ledger.record_stack(asked, stack, [sweeps.result(fit) for fit in stack.fits])
    assert not fits_of(client, ledger.run_id)
    free.set()
    ledger.flush()
    assert len(fits_of(client, ledger.run_id)) == len(stack.fits)
    folder = local_folder(client.get_run(ledger.run_id).info.artifact_uri)
    assert folder is not None
    assert (folder / "serving" / "encoder").read_bytes() == b"whole"


def test_a_question_that_goes_first_does_not_wait_for_the_rows_of_trials(sweeps: Any) -> None:
    """The champion is saved and verified while they are written."""
    ledger, free, done = sweeps.open(), threading.Event(), list[str]()
    ledger.attach("slow", lambda: b"free" if free.wait(60) else b"")
    ledger.attach("row", lambda: done.append("row") or b"")  # type: ignore[func-returns-value]
    threading.Timer(0.5, free.set).start()
    ledger.ask("model", lambda: done.append("model"), first=True)
    ledger.flush()
    assert done == ["model", "row"]
