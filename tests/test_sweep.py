"""The main job end to end, as a user starts it, read back through a fresh MLflow client."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline import api
from pipeline.config.compose import compose
from pipeline.data import prepare
from pipeline.search.executions import fit_seed

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
SMOKE = ["experiment=smoke", "verbose=false"]


@dataclass
class Done:
    """A sweep that has ended."""

    home: Path
    summary: dict[str, Any]
    stdout: str


def sweep(home: Path, *words: str, name: str = "out", environment: dict[str, str]) -> Done:
    """Run the main job in a folder and read its summary."""
    command = [sys.executable, "-m", "pipeline.sweep", *SMOKE, f"hydra.run.dir={name}", *words]
    ended = subprocess.run(
        command, cwd=home, env=environment,
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3000:]
    return Done(home, json.loads((home / name / "summary.json").read_text()), ended.stdout)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, migrated_store: Path) -> Path:
    """Return a working directory with a ready store."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "mlruns").mkdir()
    shutil.copy(migrated_store, folder / "mlruns" / "mlflow.db")
    return folder


@pytest.fixture(scope="module")
def done(home: Path, installed: dict[str, str]) -> Done:
    """Return a finished smoke sweep with seed 0, of the installed wheel: it needs no checkout."""
    return sweep(home, "seed=0", environment=installed)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy, so that nothing is left in the checkout."""
    copy = tmp_path_factory.mktemp("checkout")
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("pipeline", "conf", "data"):
        shutil.copytree(ROOT / name, copy / name, ignore=ignore)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", copy / "dist", copy], check=True)
    (built,) = (copy / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return an environment in which Python finds the unpacked wheel before the checkout."""
    target = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return os.environ | {"PYTHONPATH": str(target)}


@pytest.fixture(scope="module")
def again(home: Path, done: Done) -> dict[str, Any]:
    """Return the summary of the same sweep run once more, from the checkout and in this process."""
    assert done.home == home
    with contextlib.chdir(home):
        api.sweep(output_dir="again", experiment="smoke", verbose=False, seed=0)
    return json.loads((home / "again" / "summary.json").read_text())


@pytest.fixture(scope="module")
def client(done: Done) -> MlflowClient:
    """Return a client of its own on the sweep's store."""
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{done.home}/mlruns/mlflow.db")


def children(client: MlflowClient, done: Done) -> list[Run]:
    """Return the runs of the sweep's fits."""
    parent = client.get_run(done.summary["sweep_run_id"])
    words = f"tags.sweep = '{parent.info.run_id}' AND tags.fit_key != ''"
    return list(client.search_runs([parent.info.experiment_id], words))


def without_identity(value: Any) -> Any:
    """Return a summary without ids, places and seconds."""
    if isinstance(value, dict):
        hidden = {"sweep_run_id", "run_id", "model_uri", "seconds", "link", "report"}
        return {k: without_identity(v) for k, v in value.items() if k not in hidden}
    return [without_identity(item) for item in value] if isinstance(value, list) else value


def test_the_summary_keeps_the_contract(done: Done) -> None:
    """Every key that product users rely on is there, and the numbers are numbers."""
    summary = done.summary
    assert {"sweep_run_id", "experiment", "status", "seconds", "trials", "fits", "epochs"} <= set(
        summary
    )
    champion = summary["champion"]
    for key in ("val_loss", "val_loss_se", "test_loss", "learning_rate"):
        assert math.isfinite(champion[key]), key
    for key in ("trial", "run_id", "model_uri", "layers", "units", "parameters", "test_metrics"):
        assert key in champion, key
    assert summary["status"] == "finished"
    assert (summary["trials"], summary["fits"]) == (3, 6)
    assert {"constant", "linear", "gradient_boosting"} <= set(summary["baselines"])
    for decision in summary["decisions"]:
        assert decision["reason"].endswith("."), decision


def test_the_ledger_holds_one_parent_and_every_fit(client: MlflowClient, done: Done) -> None:
    """As many ended children with an outcome as the summary says; the parent is finished."""
    assert client.get_run(done.summary["sweep_run_id"]).info.status == "FINISHED"
    runs = children(client, done)
    assert len(runs) == done.summary["fits"]
    for run in runs:
        assert run.info.status == "FINISHED"
        assert run.data.tags["outcome"] == "completed"
        assert {"capacity", "learning_rate"} <= set(run.data.params)
        assert len(run.data.metrics) <= 30
        assert len(run.data.params) <= 30


def test_every_fit_has_its_curve_and_its_best(client: MlflowClient, done: Done) -> None:
    """`best_val_loss` is the least of the curve, at `best_epoch`; epochs count from 1."""
    for run in children(client, done):
        curve = client.get_metric_history(run.info.run_id, "val_loss")
        assert [point.step for point in curve] == list(range(1, len(curve) + 1))
        best = min(curve, key=lambda point: point.value)
        assert run.data.metrics["best_val_loss"] == pytest.approx(best.value)
        assert run.data.metrics["best_epoch"] == best.step


def test_the_first_rank_is_the_champion(client: MlflowClient, done: Done) -> None:
    """Sorting fits by `rank`, and trials by `place`, puts the champion on top."""
    ranks = {run.info.run_id: run.data.metrics["rank"] for run in children(client, done)}
    assert sorted(ranks.values()) == list(range(1, len(ranks) + 1))
    champion = done.summary["champion"]
    assert ranks[champion["run_id"]] == 1
    parent = client.get_run(done.summary["sweep_run_id"])
    words = f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'"
    rows = client.search_runs([parent.info.experiment_id], words, order_by=["metrics.place"])
    assert [row.data.metrics["place"] for row in rows] == [1, 2, 3]
    first = rows[0].data
    assert first.tags["trial"] == champion["trial"]
    assert first.metrics["score"] == pytest.approx(champion["score"], rel=1e-3)
    assert first.metrics["test_loss"] == pytest.approx(champion["test_loss"], rel=1e-3)
    below = f"tags.`mlflow.parentRunId` = '{rows[0].info.run_id}'"
    own = {run.info.run_id for run in client.search_runs([parent.info.experiment_id], below)}
    assert champion["run_id"] in own
    assert len(own) == first.metrics["executions"]
    (epoch,) = (
        run.data.metrics["best_epoch"]
        for run in children(client, done)
        if run.info.run_id == champion["run_id"]
    )
    assert first.metrics["best_epoch"] == epoch


def test_the_parent_is_named_by_what_came_out(client: MlflowClient, done: Done) -> None:
    """Data set, capacity and the test score that people read first."""
    name = client.get_run(done.summary["sweep_run_id"]).info.run_name
    capacity = done.summary["champion"]["capacity"]
    assert re.fullmatch(rf"{done.summary['data']['name']}: {capacity}, test \w+ [\d.]+", name)


def test_the_last_line_names_champion_model_and_comparison(done: Done) -> None:
    """One line tells what was found and how to look at it."""
    last = done.stdout.strip().splitlines()[-1]
    champion = done.summary["champion"]
    assert champion["trial"] in last
    assert champion["model_uri"] in last
    assert "mlflow" in last


def test_the_same_seed_gives_the_same_summary(done: Done, again: dict[str, Any]) -> None:
    """But for ids and seconds, nothing differs; the wheel's process or a notebook on the checkout."""
    assert without_identity(done.summary) == without_identity(again)


def test_seed_0_differs_from_seed_1(done: Done) -> None:
    """0 is a seed like any other: other rows are held out, and other weights are drawn."""
    configs = [compose([*SMOKE, f"seed={seed}"]) for seed in (0, 1)]
    first, other = (prepare(config.data, config.seed) for config in configs)
    assert first.digest == done.summary["data"]["digest"]
    assert first.digest != other.digest
    assert set(first.split.test) != set(other.split.test)
    seeds, others = ({fit_seed(one.seed, i) for i in range(9)} for one in configs)
    assert not seeds & others


def test_the_wheel_carries_conf_data_and_assets(wheel: Path) -> None:
    """Every file of the checkout's conf/, data/ and pipeline/ lies inside the package."""
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    expected = {
        Path("pipeline", inside, path.relative_to(ROOT / outside)).as_posix()
        for outside, inside in (("conf", "conf"), ("data", "shipped_data"), ("pipeline", "."))
        for path in (ROOT / outside).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert expected
    assert expected <= held
    assert not any(name.startswith(("tests/", "benchmarks/", "conf/", "data/")) for name in held)


def test_the_wheel_is_found_and_composes_anywhere(
    installed: dict[str, str], tmp_path: Path
) -> None:
    """In an empty directory the installed package finds its own configuration and tables."""
    program = (
        "import pipeline; from pipeline.config import compose, places;"
        "compose.compose([]);"
        "print(pipeline.__file__, places.conf_dir(), places.data_dir(), sep='\\n')"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path, env=installed, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert all(line.startswith(installed["PYTHONPATH"]) for line in run.stdout.splitlines())
