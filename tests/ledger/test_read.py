"""A sweep read back whole: what figures, report and replay draw from."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from pipeline.core.errors import ConfigError
from pipeline.core.records import Outcome
from pipeline.core.statistics import mean_error
from pipeline.ledger.read import read_sweep
from pipeline.ledger.stackfile import FitCurves


def test_a_sweep_is_read_back_whole(sweeps: Any) -> None:
    """Fits, curves, row losses, decisions, configuration and links."""
    ledger = sweeps.open()
    results = sweeps.record(ledger, sweeps.round(0), sweeps.round(1, sweeps.trial(2, dropout=0.5)))
    ledger.record_decisions([sweeps.decision])
    ledger.rank(sweeps.ranked(ledger, results[0].fit.trial), results[1].fit)
    ledger.attach("summary.json", json.dumps({"status": "finished"}))
    ledger.attach("predictions.csv", "row,part,truth,prediction\n3,test,1.5,1.25\n")
    ledger.end("FINISHED")
    record = read_sweep(None, "latest")
    assert (record.run_id, record.status) == (ledger.run_id, "FINISHED")
    assert record.summary == {"status": "finished"}
    assert record.decisions[0]["reason"] == sweeps.decision.reason
    assert record.config["training.epochs"] == "30"
    assert record.predictions is not None
    assert record.predictions.iloc[0].to_list() == [3, "test", 1.5, 1.25]
    assert (record.digest, record.command) == ("digest-1", ("data=wages",))
    assert "mlflow ui --backend-store-uri sqlite:///" in record.ui_command
    assert record.provenance["rows"] == "60 train, 20 validation, 10 test"
    assert list(record.fits["trial"]) == [result.fit.trial.name for result in results]
    assert record.fits["rank"].tolist() == [2, 1, 3, 4]
    for row, result in zip(record.fits.itertuples(), results, strict=True):
        assert row.best_val_loss == result.best("val_loss")
        assert (row.best_epoch, row.epochs, row.execution) == (1, 3, result.fit.execution)
        assert row.findings[0]["code"] == "rate-too-low"
        losses = result.row_losses
        assert row.score_se == pytest.approx(mean_error(losses).se, rel=1e-5)
        curve = record.curves[row.run_id]
        assert curve["epoch"].tolist() == [0, 1, 2]
        np.testing.assert_array_equal(curve["val_loss"], result.curves["val_loss"])
        np.testing.assert_array_equal(record.row_losses[row.run_id], losses)


def test_an_interrupted_sweep_can_be_read_too(sweeps: Any) -> None:
    """No summary, a fit without a model, one that was cut."""
    ledger = sweeps.open()
    asked = sweeps.round(0, executions=3)
    outcomes = (Outcome.completed, Outcome.diverged, Outcome.cut)
    results = [sweeps.result(f, o) for f, o in zip(asked.fits, outcomes, strict=True)]
    ledger.record_stack(asked, sweeps.plan(asked).stacks[0], results)
    sweeps.abandon(ledger)
    record = read_sweep(None, ledger.run_id)
    assert (record.status, record.summary, record.predictions) == ("RUNNING", {}, None)
    assert record.fits["outcome"].tolist() == ["completed", "diverged", "cut"]
    assert record.fits["best_epoch"].tolist() == [1, -1, -1]
    assert record.fits["message"].tolist() == ["", "it diverged", "it cut"]
    assert len(record.curves) == 2


def test_a_sweep_that_has_just_begun_can_be_read(sweeps: Any) -> None:
    """An empty table is a table."""
    ledger = sweeps.open()
    record = read_sweep(None, "latest")
    assert record.run_id == ledger.run_id
    assert record.fits.empty
    assert record.decisions == []


def test_blocks_and_filters_are_also_layers_and_units(sweeps: Any) -> None:
    """One column for every family."""
    from dataclasses import replace

    from pipeline.core.records import Capacity

    ledger = sweeps.open()
    values = (("blocks", 2), ("filters", 16), ("layers", 2), ("units", 16))
    trial = replace(sweeps.trial(2, 16), capacity=Capacity("2b16", values))
    sweeps.record(ledger, sweeps.round(0, trial, executions=1))
    (row,) = read_sweep(None, "latest").fits.itertuples()
    assert (row.layers, row.units, row.blocks) == (2, 16, "2")


@pytest.mark.parametrize("sweep", ["f" * 32, "nonsense"])
def test_a_sweep_that_is_not_there_is_a_wrong_word(sweeps: Any, sweep: str) -> None:
    """One message."""
    with pytest.raises(ConfigError, match="no such run"):
        read_sweep(None, sweep)


def test_a_fit_is_not_a_sweep(sweeps: Any) -> None:
    """The message names the sweep that was meant."""
    ledger = sweeps.open()
    sweeps.record(ledger, sweeps.round(0, executions=1))
    with pytest.raises(ConfigError, match=f"it is a fit of sweep={ledger.run_id}"):
        read_sweep(None, ledger.done[0].run_id)


def test_an_empty_store_has_no_latest_sweep(workplace: Any) -> None:
    """One message."""
    with pytest.raises(ConfigError, match="holds no sweep yet"):
        read_sweep(None, "latest")


def test_a_store_in_which_epochs_began_with_nought_is_read_right(sweeps: Any, client: Any) -> None:
    """By its stacks' files where they say it; by the metric as it was where they are older still."""
    ledger = sweeps.open()
    (result,) = sweeps.record(ledger, sweeps.round(0, executions=1))
    (run,) = client.search_runs([ledger.store.experiment_id], "tags.fit_key != ''")
    assert run.data.metrics["best_epoch"] == result.best_epoch + 1
    client.log_metric(run.info.run_id, "best_epoch", result.best_epoch, step=99)
    assert read_sweep(None, "latest").fits["best_epoch"].tolist() == [result.best_epoch]
    assert FitCurves({}, None).best_epoch(3.0) == 3
    assert FitCurves({}, None, "not JSON").best_epoch(3.0) == 3
    sweeps.abandon(ledger)
    (done,) = sweeps.open(ledger.run_id).done
    assert done.result.best_epoch == result.best_epoch


def test_versions_of_an_older_sweep_are_read_from_its_tags(sweeps: Any, client: Any) -> None:
    """They are in `sweep.json` now."""
    ledger = sweeps.open()
    now = read_sweep(None, "latest").provenance
    assert "mlflow" in now["versions"]
    client.set_tag(ledger.run_id, "version.numpy-of-old", "1.2")
    assert "numpy-of-old 1.2" in read_sweep(None, "latest").provenance["versions"]
