"""`champion_rows`: the champion trained on all rows that are not test rows, once more or as folds."""

from __future__ import annotations

import contextlib
import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from pipeline import api, predict
from pipeline.config.schema_data import DataConfig
from pipeline.data import prepare
from pipeline.data.split import ALL_ROWS
from pipeline.session import ending
from pipeline.session.trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

ROWS = 240
SMALL = {
    "search": "grid",
    "search.space.architectures": [[8]],
    "search.learning_rate.values": [0.01],
    "training.epochs": 4,
    "training.patience": 2,
    "training.executions": 2,
    "training.engine": "fit",
    "verbose": False,
}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Return a table with a number to predict."""
    draw = np.random.default_rng(0)
    x, z = draw.normal(size=(2, ROWS))
    return pd.DataFrame({"x": x, "z": z, "y": x * 3.0 + z + draw.normal(size=ROWS) + 20.0})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, migrated_store: Path) -> Iterator[Path]:
    """Change to a working directory whose store holds the sweeps of this module."""
    folder = tmp_path_factory.mktemp("rows")
    (folder / "mlruns").mkdir()
    shutil.copy(migrated_store, folder / "mlruns" / "mlflow.db")
    with contextlib.chdir(folder):
        yield folder


@pytest.fixture(scope="module")
def folds(table: pd.DataFrame, home: Path) -> tuple[Any, dict[str, Any]]:
    """Return a sweep whose champion is the average of five folds."""
    return swept(table, home, "folds", seed=1)


def swept(table: pd.DataFrame, folder: Path, rows: str, **words: Any) -> tuple[Any, dict[str, Any]]:
    """Run a small sweep; return it and its summary."""
    given = {**SMALL, "champion_rows": rows, **words}
    found = api.sweep(table, "y", output_dir=folder / rows, **given)
    return found, json.loads((found.output_dir / "summary.json").read_text())


def prepared(table: pd.DataFrame, folder: Path, **given: Any) -> Any:
    """Return the prepared table."""
    path = folder / "rows.csv"
    table.to_csv(path, index=False)
    return prepare(DataConfig(kind="table", name="rows", path=str(path), target="y", **given), 0)


def test_folds_validate_every_known_row_once_and_train_on_no_test_row(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    """The search's own split is the first fold, and all have as many rows to train on."""
    split = prepared(table, tmp_path).split
    first, whole, *others = (*split.folds, *split.further)
    assert len(others) == 4
    held = np.concatenate([first[1], *(validation for _, validation in others)])
    assert np.array_equal(np.sort(held), split.known)
    for train, validation in (first, *others):
        assert np.array_equal(np.union1d(train, validation), split.known)
        assert abs(len(train) - len(first[0])) <= 1
    assert np.array_equal(whole[0], split.known)
    assert not np.isin(split.test, split.known).any()
    assert split.fold(ALL_ROWS) is whole


def test_rows_in_order_of_time_are_not_dealt_to_folds(table: pd.DataFrame, tmp_path: Path) -> None:
    """A network must not be trained on what comes after the rows that validate it."""
    timed = table.assign(day=np.arange(ROWS))
    split = prepared(timed, tmp_path, time="day").split
    assert len(split.further) == 1
    assert split.further[0][0].max() < split.test.min()


def test_inputs_are_those_of_the_search_whatever_a_champion_is_trained_on(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    """Levels and intervals come from the search's training rows; means and medians from the fold's."""
    dataset = prepared(table, tmp_path)
    for encoding in ("standard", "piecewise"):
        shapes = {dataset.arrays(encoding, fold).input_shape for fold in range(6)}
        assert len(shapes) == 1
    means = {dataset.target_scaling(fold) for fold in range(6)}
    assert len(means) == 6


@pytest.mark.rare
def test_refit_is_saved_validated_as_before_and_of_a_run_of_its_own(
    table: pd.DataFrame, workplace: Path
) -> None:
    """The artefact holds the network of all rows; its validation loss is that of the search."""
    found, summary = swept(table, workplace, "refit")
    _, before = swept(table, workplace, "train")
    champion, plain = summary["champion"], before["champion"]
    assert champion["rows"] == "refit"
    assert (champion["kind"], champion["networks"]) == ("single", 1)
    assert champion["val_loss"] == plain["val_loss"]
    assert champion["run_id"] != champion["parts"][0]["run_id"]
    assert champion["test_loss"] != plain["test_loss"]
    assert summary["fits"] == before["fits"] == len(found.record.fits)
    table.to_csv("rows.csv", index=False)
    of_run = f"model={champion['parts'][0]['run_id']}"
    predict.main([of_run, "input=rows.csv", "output=predicted.csv"])
    own = found.predict(table)["prediction"]
    assert np.allclose(pd.read_csv("predicted.csv")["prediction"], own, rtol=1e-5)
    assert summary["baselines"]["linear"]["val_loss"] == before["baselines"]["linear"]["val_loss"]
    assert summary["baselines"]["linear"]["test_loss"] != before["baselines"]["linear"]["test_loss"]
    assert "all rows that are not test rows" in champion["reason"]
    kept = found.record.predictions.sort_values("row")
    own = found.predict(table.iloc[kept["row"].to_numpy() - 1])["prediction"]
    assert np.allclose(own, kept["prediction"], rtol=1e-5)


def test_folds_are_averaged_and_validated_out_of_fold(
    table: pd.DataFrame, folds: tuple[Any, dict[str, Any]]
) -> None:
    """Each is stopped on its own rows; the loss is over all rows that are not test rows."""
    found, summary = folds
    champion = summary["champion"]
    assert (champion["rows"], champion["kind"], champion["networks"]) == ("folds", "ensemble", 5)
    own = summary["baselines"]["ensemble"]
    assert champion["val_loss"] == own["val_loss"]
    assert len({part["run_id"] for part in champion["parts"]}) == 5
    assert summary["fits"] == len(found.record.fits) == 2
    kept = found.record.predictions.sort_values("row")
    own = found.predict(table.iloc[kept["row"].to_numpy() - 1])["prediction"]
    assert np.allclose(own, kept["prediction"], rtol=1e-5)


@pytest.mark.rare
def test_a_sweep_that_died_after_the_folds_does_not_train_them_again(
    table: pd.DataFrame,
    home: Path,
    folds: tuple[Any, dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They are recorded as other fits are, and the champion is that of a whole sweep."""
    _, whole = folds

    def die(*_: Any, **__: Any) -> None:
        raise RuntimeError("the machine is gone")

    with monkeypatch.context() as patch:
        patch.setattr(ending, "evaluate", die)
        with pytest.raises(RuntimeError):
            swept(table, home, "folds", seed=1)
    trained: list[Any] = []
    real = Trainer.run
    monkeypatch.setattr(Trainer, "run", lambda *a: trained.append(a) or real(*a))
    _, resumed = swept(table, home, "folds", seed=1, resume="auto")
    assert trained == []
    assert resumed["champion"]["test_loss"] == whole["champion"]["test_loss"]


def test_what_the_budget_of_fits_does_not_allow_is_left_out_and_said(
    table: pd.DataFrame, workplace: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The champion is then the one that the search trained."""
    _, summary = swept(table, workplace, "refit", **{"budget.fits": 2})
    assert summary["champion"]["rows"] == "train"
    assert "not trained on all rows" in caplog.text
