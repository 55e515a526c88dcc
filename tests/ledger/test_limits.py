"""What is too large for MLflow is cut where it is written, and a refusal is no silence."""

from __future__ import annotations

import os
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.core.errors import ConfigError
from pipeline.ledger.location import resolve
from pipeline.ledger.store import open_store, out_of_reach

if TYPE_CHECKING:
    from pathlib import Path


def test_a_table_of_22000_columns_is_recorded(sweeps: Any, client: Any, workplace: Path) -> None:
    """MLflow takes a million characters of its columns; all of them are in a file."""
    columns = {f"a-column-with-a-name-as-long-as-they-are-{at}": "number" for at in range(22_000)}
    facts = replace(sweeps.facts, columns=columns, name="wide" * 200)
    ledger = sweeps.open(facts=facts, experiment="wide")
    (found,) = client.get_run(ledger.run_id).inputs.dataset_inputs
    assert 900_000 < len(found.dataset.schema) < 1_000_000
    document = client.download_artifacts(ledger.run_id, "sweep.json", str(workplace))
    assert "they-are-21999" in (workplace / document).read_text(encoding="utf-8")


def test_a_store_that_answers_is_not_out_of_reach() -> None:
    """It says what it refused."""
    from mlflow.exceptions import MlflowException

    refused = MlflowException("Param value is too long", error_code=1000)
    said = str(out_of_reach(resolve("http://host:1"), refused))
    assert said == "The tracking store http://host:1 answered, and refused: Param value is too long"


def test_the_command_that_restores_an_experiment_works_as_it_is_printed(
    workplace: Path, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From any folder: it names the store."""
    from click.testing import CliRunner
    from mlflow.experiments import commands

    location = resolve(None)
    store = open_store(location, "lost")
    client.delete_experiment(store.experiment_id)
    with pytest.raises(ConfigError, match="was deleted") as refused:
        open_store(location, "lost")
    printed = str(refused.value).partition("Restore it with: ")[2].partition(" - or")[0]
    setting, program, group, *words = shlex.split(printed)
    assert (program, group) == ("mlflow", "experiments")
    name, _, value = setting.partition("=")
    monkeypatch.chdir(os.sep)
    monkeypatch.setenv(name, value)
    # As in a process of its own: what a test set by mlflow.set_tracking_uri would win.
    monkeypatch.setattr("mlflow.tracking._tracking_service.utils._tracking_uri", None)
    told = CliRunner().invoke(commands, words)
    assert told.exit_code == 0, told.output
    assert client.get_experiment(store.experiment_id).lifecycle_stage == "active"
