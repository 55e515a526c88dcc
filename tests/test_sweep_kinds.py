"""Sweeps of every kind of split, search, objective and champion, from the table to the summary."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.api import sweep
from pipeline.ledger.files import download_model
from pipeline.ledger.location import resolve

pytestmark = pytest.mark.slow

ROWS = 240
SMALL = {
    "model": "mlp",
    "training.epochs": 4,
    "training.patience": 2,
    "training.executions": 2,
    "training.engine": "fit",
    "search.space.units_max": 16,
    "search.space.layers_max": 1,
    "search.learning_rate.values": [0.01],
    "tracking.save_models": "champion",
    "verbose": False,
}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Return a table with groups, times, weights, a rare class and a number to predict."""
    draw = np.random.default_rng(0)
    x, z = draw.normal(size=(2, ROWS))
    chance = 1.0 / (1.0 + np.exp(2.0 - 2.0 * x))
    return pd.DataFrame(
        {
            "x": x,
            "z": z,
            "person": draw.integers(0, 40, ROWS),
            "day": pd.date_range("2024-01-01", periods=ROWS).astype(str),
            "weight": draw.choice([0.25, 1.0, 4.0], ROWS),
            "bought": np.where(draw.uniform(size=ROWS) < chance, "yes", "no"),
            "spent": x * 3.0 + z + draw.normal(size=ROWS) + 20.0,
        }
    )


def swept(table: pd.DataFrame, target: str, folder: Path, **words: Any) -> dict[str, Any]:
    """Run a small sweep and return its summary."""
    other = {"bought": "spent", "spent": "bought"}[target]
    found = sweep(
        table.drop(columns=[other]), target, output_dir=folder / "out", **{**SMALL, **words}
    )
    return json.loads((found.output_dir / "summary.json").read_text())


def client_here() -> Any:
    """Return a client of the store here; by its whole path, as MLflow keeps stores by their address."""
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{Path.cwd()}/mlruns/mlflow.db")


def fits_of(summary: dict[str, Any]) -> pd.DataFrame:
    """Return the runs of a sweep's fits, as MLflow has them."""
    client = client_here()
    parent = client.get_run(summary["sweep_run_id"])
    query = f"tags.sweep = '{parent.info.run_id}' AND tags.fit_key != ''"
    runs = client.search_runs([parent.info.experiment_id], query)
    return pd.DataFrame([{"run_id": r.info.run_id, **r.data.tags, **r.data.metrics} for r in runs])


def champion_folder(champion: dict[str, Any], folder: Path) -> Path:
    """Fetch the artefact of a champion."""
    own = champion["model_uri"].removeprefix("models:/")
    fetched = folder / "fetched"
    fetched.mkdir()
    return Path(download_model(client_here(), resolve(None), own, str(fetched)))


def predictions(summary: dict[str, Any], folder: Path) -> pd.DataFrame:
    """Return what the champion predicted, from the sweep's artefacts."""
    path = client_here().download_artifacts(summary["sweep_run_id"], "predictions.csv", str(folder))
    return pd.read_csv(path)


def test_group_folds_weights_and_a_rare_class(table: pd.DataFrame, workplace: Path) -> None:
    """Folds are the executions, the champion is their ensemble, scored out of fold; no test rows."""
    words = {"data.folds": 3, "data.group": "person", "data.weight": "weight"}
    summary = swept(
        table,
        "bought",
        workplace,
        **words,
        **{"data.test_fraction": 0, "training.class_weight": "balanced", "search": "grid"},
        **{"search.space.architectures": [[8]], "search.space.units_max": 128},
    )
    champion = summary["champion"]
    assert champion["kind"] == "ensemble"
    assert (summary["trials"], summary["fits"]) == (1, 3)
    assert champion["networks"] == 3
    assert champion["test_loss"] is None
    assert math.isfinite(champion["val_loss_se"])
    found = predictions(summary, workplace)
    assert sorted(found["row"]) == list(range(1, ROWS + 1))
    assert set(found["part"]) == {"validation"}
    assert (found.sort_values("row")["truth"].to_numpy() == table["bought"].to_numpy()).all()
    ensemble = summary["baselines"]["ensemble"]
    assert ensemble["val_loss"] == pytest.approx(champion["val_loss"], abs=0.1)
    assert {"constant", "linear", "gradient_boosting"} <= set(summary["baselines"])


@pytest.mark.rare
def test_time_folds_and_hyperband(table: pd.DataFrame, workplace: Path) -> None:
    """The network that is saved, ranked first and scored is the one that was trained longest."""
    words = {
        "search": "hyperband",
        "search.space.units_max": 32,
        "search.trials": 12,
        "training.epochs": 9,
        "data.time": "day",
    }
    summary = swept(table, "spent", workplace, **words, **{"data.folds": 2})
    champion, fits = summary["champion"], fits_of(summary)
    own = fits[fits["trial"] == champion["trial"]]
    lengths = own["fit"].map(lambda text: json.loads(text)["epochs"])
    longest = own[lengths == lengths.max()]
    assert champion["run_id"] in set(longest["run_id"])
    assert len(longest) == 2, "one network a fold"
    assert champion["val_loss"] == pytest.approx(longest["best_val_loss"].mean(), rel=1e-5)
    first = fits.loc[fits["rank"] == 1, "run_id"]
    assert list(first) == [champion["run_id"]]
    assert math.isfinite(summary["optimism"])
    assert champion["test_loss"] == summary["baselines"]["ensemble"]["test_loss"]


def test_an_objective_that_is_maximised_and_an_ensemble(
    table: pd.DataFrame, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """AUC is shown as people read it; the validation loss stays a loss."""
    words = {"objective": "val_auc:max", "champion": "ensemble", "data.weight": "weight"}
    words |= {"search": "random", "search.trials": 2, "search.space.units_max": 32}
    summary = swept(table, "bought", workplace, **words, verbose=True)
    champion = summary["champion"]
    fits = fits_of(summary)
    own = fits[fits["trial"] == champion["trial"]]
    assert champion["kind"] == "ensemble"
    assert champion["objective"] == "val_auc"
    assert champion["score"] == pytest.approx(own["best_val_auc"].mean(), rel=1e-5)
    assert champion["val_loss"] == pytest.approx(own["best_val_loss"].mean(), rel=1e-5)
    assert 0.5 < champion["score"] <= 1.0
    for decision in summary["decisions"]:
        assert "scores -" not in decision["reason"]
        assert decision["score"] is None or decision["score"] >= 0
    assert summary["decisions"][-1]["score"] == pytest.approx(champion["score"])
    assert f"val_auc {champion['score']:.4g}" in capsys.readouterr().out
    report = (workplace / "out" / "report.html").read_text()
    assert "val_auc" in report
    size = f"the average of {len(own)} networks of {champion['parameters']:,} parameters each"
    assert champion["networks"] == len(own) > 1
    assert size in report
    saved = champion_folder(champion, workplace)
    assert size.removeprefix("the") in (saved / "model_card.md").read_text()
    assert len(list(saved.rglob("*.keras"))) == champion["networks"]
    assert summary["baselines"]["ensemble"]["test_loss"] == champion["test_loss"]


def test_a_budget_ends_a_search_with_the_best_so_far(table: pd.DataFrame, workplace: Path) -> None:
    """What was not tried is counted, and the choice is the last decision."""
    words = {"search": "bayesian", "search.round": 3, "search.trials": 6, "budget.fits": 4}
    words |= {"search.learning_rate.values": None, "search.space.units_max": 64}
    summary = swept(table, "spent", workplace, **words)
    assert summary["status"] == "budget"
    assert summary["fits"] == 4
    assert "budget.fits ended; not tried: 2 of the 6 fits of round 0" in summary["not_tried"]
    last = summary["decisions"][-1]
    assert (last["verdict"], last["capacity"]) == ("chosen", summary["champion"]["capacity"])
    assert math.isfinite(summary["champion"]["test_loss"])


def test_the_average_of_selected_fits_is_saved_as_one_model(
    table: pd.DataFrame, workplace: Path
) -> None:
    """Fits of several capacities, each once; the model predicts their average."""
    words = {"champion": "greedy", "champion_size": 5, "search": "random", "search.trials": 4}
    words |= {"search.nuisance.encoding": ["standard", "piecewise"], "search.space.units_max": 32}
    summary = swept(table, "spent", workplace, **words)
    champion = summary["champion"]
    parts = champion["parts"]
    assert champion["networks"] == len({part["run_id"] for part in parts}) == len(parts)
    assert 2 <= len(parts) <= 5
    assert champion["total_parameters"] == sum(part["parameters"] for part in parts)
    described = next(champion_folder(champion, workplace).rglob("description.json"))
    saved = json.loads(described.read_text())
    assert len(saved["members"]) == len(parts)
    own = summary["baselines"]
    assert own["greedy"]["val_loss"] <= own["single"]["val_loss"]
    assert champion["test_loss"] == own["greedy"]["test_loss"]


def test_pure_noise_on_few_rows_is_said_wherever_the_answer_stands(
    workplace: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """No network is sold where there is nothing to learn: terminal, summary, report, note; and the plan."""
    words = {"search.start_units": 8, "search.max_rounds": 1, "search.max_executions": 2}
    draw = np.random.default_rng(4)
    noise = pd.DataFrame(draw.normal(size=(90, 3)), columns=["a", "b", "y"])
    with caplog.at_level("INFO"):
        found = sweep(noise, "y", output_dir=workplace / "out", **SMALL, **words)
    summary = json.loads((found.output_dir / "summary.json").read_text())
    no_better = re.compile(r"no better than a constant prediction|worse than a constant prediction")
    assert no_better.search(summary["verdict"])
    (warned,) = (one for one in caplog.records if one.getMessage().startswith("Verdict"))
    assert warned.levelname == "WARNING"
    assert no_better.search(warned.getMessage())
    page = (found.output_dir / "report.html").read_text()
    assert "No network is better than a constant prediction beyond noise" in page
    few = summary["data"]["validation"]
    assert (few["rows"], few["hint"]) == (15, "data.folds=5")
    assert any(line.startswith("15 validation rows") for line in summary["data"]["attention"])
    assert few["note"] in page
    assert few["note"] in caplog.text.split("Verdict")[0], "before anything is trained"
