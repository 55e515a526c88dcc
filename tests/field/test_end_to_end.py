"""Every table through a real sweep; its saved champion gives a row one prediction in every way there is.

The ways: `predict`, the notebook, `pyfunc` in a fresh process that does not know this package, and a
server over HTTP. Quality is no matter here: one network, one epoch.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from pipeline import api
from pipeline.data.labels import label_text
from pipeline.data.typed import tidy
from pipeline.ledger.files import download_model
from pipeline.ledger.location import resolve
from pipeline.models.verify import VERIFIER, bodies
from pipeline.predict import main as predict
from tests.field.recipes import NUMBER, TABLES, Recipe, combined

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.rare

TINY = {
    "model": "mlp",
    "search": "grid",
    "search.space.architectures": [[4]],
    "search.learning_rate.values": [0.01],
    "training.epochs": 1,
    "training.patience": 1,
    "training.executions": 1,
    "training.engine": "fit",
    "tracking.save_models": "champion",
    "verbose": False,
}
ASKED = 40
"""Rows that are predicted."""
PARTS = {
    "whole": np.arange(ASKED),
    "shuffled": np.random.default_rng(3).permutation(ASKED),
    "some": np.arange(3, 9),
    "one": np.array([5]),
}


def written(rows: pd.DataFrame, recipe: Recipe, path: str) -> str:
    """Write rows as the recipe's file is written."""
    rows.to_csv(path, index=False, sep=recipe.delimiter, encoding=recipe.encoding)
    return path


def numbers(answer: pd.DataFrame) -> np.ndarray:
    """Return what has to be equal: probabilities of classes, else the predictions."""
    shares = [name for name in answer if str(name).startswith("probability_")]
    return answer[shares or ["prediction"]].to_numpy(dtype=np.float64)


def predicted(model: str, source: str) -> pd.DataFrame:
    """Return what the command line predicts."""
    assert predict([f"model={model}", f"input={source}", "output=said.parquet"]) == 0
    return pd.read_parquet("said.parquet")


def posted(address: str, content_type: str, body: bytes) -> pd.DataFrame:
    """Return what a server answers over HTTP."""
    request = urllib.request.Request(  # noqa: S310 - our own server
        f"{address}/invocations", body, {"Content-Type": content_type}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return pd.DataFrame(json.load(answer)["predictions"])


def saved_model(store: str, uri: str, folder: Path) -> Path:
    """Return the folder of a saved champion."""
    location = resolve(store)
    client = MlflowClient(location.uri)
    return download_model(client, location, uri.removeprefix("models:/"), str(folder))


def serving(model: Path) -> Any:
    """Return MLflow's scoring server of a model, running in a thread, and its address."""
    import mlflow
    import uvicorn
    from mlflow.pyfunc import scoring_server

    app = scoring_server.init(mlflow.pyfunc.load_model(str(model)))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    return server, f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("recipe", TABLES, ids=[recipe.name for recipe in TABLES])
def test_a_swept_table_gives_a_row_one_prediction(
    recipe: Recipe, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole, shuffled, in part and alone; predict, notebook, fresh process and HTTP; every format."""
    monkeypatch.setenv("_MLFLOW_IS_IN_SERVING_ENVIRONMENT", "true")
    table = recipe.make()
    keys = {f"data.{key}": value for key, value in recipe.options.items()}
    data = {"data": "table", "data.path": "table.csv", "data.target": "y"}
    written(table, recipe, "table.csv")
    found = api.sweep(output_dir="out", **data, **keys, **TINY)
    about = found.summary["data"]
    if recipe.labels:
        assert sorted(map(label_text, about["classes"])) == sorted(recipe.labels)

    rows = table.drop(columns="y").iloc[:ASKED]
    right = numbers(predicted(found.run_id, written(rows, recipe, "rows.csv")))
    assert right.shape == (ASKED, len(recipe.labels) or 1)
    model = saved_model(found.tracking_uri, found.summary["champion"]["model_uri"], workplace)
    server, address = serving(model)
    fresh = VERIFIER  # it verified the sweep; it has MLflow and Keras, and not this package
    try:
        for part, taken in PARTS.items():
            some = rows.iloc[taken]
            plain = some.set_axis(
                [tidy(name) for name in some], axis=1
            )  # as the signature has them
            answers = {"notebook": found.predict(some)}
            if part != "one":  # that is a line of another file below
                source = written(some, recipe, "part.csv")
                answers["predict"] = predicted(found.run_id, source)
            some.to_parquet("part.parquet")
            answers["Parquet"] = predicted(found.run_id, "part.parquet")
            form, kind, body = bodies(plain)[list(PARTS).index(part) % 3]
            answers[f"HTTP, {form}"] = posted(address, kind, body)
            for way, answer in answers.items():
                np.testing.assert_allclose(
                    numbers(answer), right[taken], rtol=1e-5, atol=1e-6, err_msg=f"{way}, {part}"
                )
            fresh.check(model, plain, right[taken])
    finally:
        fresh.release()
        server.should_exit = True


@pytest.mark.parametrize(
    "target",
    [tuple(NUMBER), ("yes", "no", "no"), ("01", "02", "10")],
    ids=["regression", "two classes", "three classes"],
)
def test_a_table_of_every_kind_of_column_is_swept_and_served(
    target: tuple[str, ...], tmp_path: Path, migrated_store: Path
) -> None:
    """By the commands that a user types: sweep, predict and `mlflow models serve`, a process each."""
    (tmp_path / "mlruns").mkdir()
    shutil.copy(migrated_store, tmp_path / "mlruns" / "mlflow.db")
    table, options = combined(target)
    table.to_csv(tmp_path / "table.csv", index=False)
    rows = table.drop(columns="y").iloc[:ASKED]
    rows.to_csv(tmp_path / "rows.csv", index=False)
    words = [f"{key}={api._value(value)}" for key, value in (TINY | options).items()]
    command(
        tmp_path, "sweep", "data=table", "data.path=table.csv", "data.target=y",
        "hydra.run.dir=out", *words,
    )  # fmt: skip
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    kinds = {one["kind"] for one in summary["data"]["columns"] if one["used"]}
    assert kinds == {"number", "boolean", "category", "ordered", "date"}
    command(tmp_path, "predict", "model=latest", "input=rows.csv", "output=said.parquet")
    right = numbers(pd.read_parquet(tmp_path / "said.parquet"))
    store = f"sqlite:///{tmp_path}/mlruns/mlflow.db"
    model = saved_model(store, summary["champion"]["model_uri"], tmp_path)
    with served(model) as address:
        for taken in PARTS.values():
            for form, kind, body in bodies(rows.iloc[taken]):
                got = numbers(posted(address, kind, body))
                np.testing.assert_allclose(got, right[taken], rtol=1e-5, atol=1e-6, err_msg=form)


def command(home: Path, name: str, *words: str) -> None:
    """Run an entry point as a user does."""
    ended = subprocess.run(
        [sys.executable, "-m", f"pipeline.{name}", *words],
        cwd=home, capture_output=True, text=True, timeout=580, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3000:]


@contextlib.contextmanager
def served(model: Path) -> Iterator[str]:
    """Yield the address of `mlflow models serve`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["models", "serve", "-m", str(model), "-p", str(port), "--env-manager", "local"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # it looks for uvicorn
    log = model / "serve.log"
    with log.open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *words],
            cwd=model, env=os.environ | {"PATH": path}, stdout=said, stderr=said,
            start_new_session=True,
        )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/ping"):  # noqa: S310
                break
            assert process.poll() is None, log.read_text()[-3000:]
            time.sleep(0.2)
        yield address
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=30)
