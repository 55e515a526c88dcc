"""The champion from raw rows, three ways, in environments that have never seen this package.

    python -m benchmarks.artefact [--bench ../shared/bench] [--sets titanic credit mnist adult]
        [--seconds 40] [--rows 1000000]

For every data set a real sweep of `--seconds`; its champion then predicts the same raw rows by

    predict   `python -m pipeline.predict`
    pyfunc    `mlflow.pyfunc.load_model` in a fresh virtual environment with the model's own
              requirements and nothing else
    serve     a real HTTP request to `mlflow models serve`, started from that environment
    batch     `mlflow models predict` from that environment

and every number is compared with the first. Last, `--rows` rows go through `predict`: seconds and
the largest memory. The last line on stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.commands import ROOT, call, free_port, sweep

SHIPPED = {
    "titanic": (["data=titanic"], "titanic_891.csv", "survived"),
    "credit": (["data=credit"], "bank_credit_data.csv", "Status"),
    "mnist": (["data=mnist"], "mnist_5000.csv.gz", "label"),
}
SETS = (*SHIPPED, "adult")
ROWS = 200
"""Raw rows of every comparison."""
START_SECONDS = 180.0
PYFUNC = """
import sys, mlflow, pandas as pd
rows = pd.read_json(sys.argv[2], orient="split", dtype=False)
model = mlflow.pyfunc.load_model(sys.argv[1])
model.predict(rows).to_json(sys.argv[3], orient="split")
assert not any(name.split(".")[0] == "pipeline" for name in sys.modules)
"""


def raw(name: str, options: argparse.Namespace) -> tuple[list[str], pd.DataFrame]:
    """Return the words that select a data set and its raw rows without the target."""
    if name == "adult":
        path = options.bench / "adult_income.csv.gz"
        words = ["data=table", f"data.path={path}", "data.target=income", "data.name=adult"]
        return words, pd.read_csv(path).drop(columns=["income"])
    words, file, target = SHIPPED[name]
    table = pd.read_csv(ROOT / "data" / file)
    return words, table.drop(columns=[target], errors="ignore")


def environment(home: Path, requirements: Path, known: dict[str, Path]) -> Path:
    """Return the Python of an environment with these requirements alone; equal ones are shared."""
    key = requirements.read_text()
    if key not in known:
        folder = home / f"environment-{len(known)}"
        call([sys.executable, "-m", "venv", folder], home, ours=False)
        python = folder / "bin" / "python"
        call([python, "-m", "pip", "install", "-q", "-r", requirements], home, ours=False)
        known[key] = python
    return known[key]


def served(python: Path, model: Path, rows: pd.DataFrame, home: Path) -> pd.DataFrame:
    """Return what `mlflow models serve` answers to an HTTP request."""
    port = free_port()
    words = ["models", "serve", "-m", str(model), "-p", str(port), "-h", "127.0.0.1"]
    with (home / "serve.log").open("wb") as log:
        server = subprocess.Popen(
            [str(python), "-m", "mlflow", *words, "--env-manager", "local"],
            cwd=home,
            env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
            | {"PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        body = json.dumps(
            {"dataframe_split": json.loads(rows.to_json(orient="split", index=False))}
        )
        answer = json.loads(_post(f"http://127.0.0.1:{port}", body.encode(), home / "serve.log"))
        return pd.DataFrame(answer["predictions"])
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def _post(address: str, body: bytes, log: Path) -> bytes:
    """Wait until the server answers, then ask it."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{address}/ping", timeout=5).close()  # noqa: S310
            break
        except OSError:
            time.sleep(0.5)
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{address}/invocations", body, headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
            content: bytes = answer.read()
            return content
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{error}: {error.read()[-2000:]!r}\n{log.read_text()[-2000:]}") from None


def difference(one: pd.DataFrame, other: pd.DataFrame) -> float:
    """Return the largest difference of two answers; infinity where labels differ."""
    if list(one.columns) != list(other.columns) or len(one) != len(other):
        return float("inf")
    worst = 0.0
    for name in one:
        if pd.api.types.is_numeric_dtype(one[name]):
            gap = np.abs(one[name].to_numpy(float) - other[name].to_numpy(float))
            worst = max(worst, float(gap.max()))
        elif list(one[name].astype(str)) != list(other[name].astype(str)):
            return float("inf")
    return worst


def accept(
    name: str, options: argparse.Namespace, home: Path, known: dict[str, Path]
) -> dict[str, Any]:
    """Sweep one data set and compare the ways."""
    words, table = raw(name, options)
    summary, _ = sweep([*words, f"budget.seconds={options.seconds}"], home)
    champion = summary["champion"]
    rows = table.sample(min(ROWS, len(table)), random_state=0).reset_index(drop=True)
    rows.to_parquet(home / "rows.parquet")
    rows.to_json(home / "rows.json", orient="split", index=False)
    model = home / "model"
    uri = f"sqlite:///{home / 'mlruns' / 'mlflow.db'}"
    download = "models:/" + champion["model_uri"].rpartition("/")[2]
    fetch = (
        "import mlflow,sys; mlflow.artifacts.download_artifacts(sys.argv[1], dst_path=sys.argv[2])"
    )
    call([sys.executable, "-c", fetch, download, model], home, MLFLOW_TRACKING_URI=uri)
    asked = [f"model={champion['model_uri']}", "input=rows.parquet", "output=predicted.parquet"]
    predict = [sys.executable, "-m", "pipeline.predict"]
    call([*predict, *asked], home)
    reference = pd.read_parquet(home / "predicted.parquet")
    python = environment(options.home, model / "requirements.txt", known)
    call([python, "-c", PYFUNC, model, "rows.json", "pyfunc.json"], home, ours=False)
    loaded = pd.read_json(home / "pyfunc.json", orient="split", dtype=False)
    body = {"dataframe_split": json.loads((home / "rows.json").read_text())}
    (home / "body.json").write_text(json.dumps(body))
    batch = ["-m", "mlflow", "models", "predict", "-m", model, "-i", "body.json", "-o", "b.json"]
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    call([python, *batch, "-t", "json", "--env-manager", "local"], home, ours=False, PATH=path)
    answers = {
        "pyfunc": loaded,
        "serve": served(python, model, rows, home),
        "batch": pd.DataFrame(json.loads((home / "b.json").read_text())["predictions"]),
    }
    found: dict[str, Any] = {way: difference(reference, one) for way, one in answers.items()}
    kilobytes = sum(file.stat().st_size for file in model.rglob("*") if file.is_file()) / 1e3
    return {"rows": len(rows), "champion": champion["trial"], "model_kb": kilobytes} | found


def batch(options: argparse.Namespace, home: Path) -> dict[str, Any]:
    """Predict very many rows with the last set's champion: seconds and the largest memory."""
    rows = pd.read_parquet(home / "rows.parquet")
    many = rows.iloc[np.arange(options.rows) % len(rows)].reset_index(drop=True)
    many.to_parquet(home / "many.parquet")
    summary = json.loads((home / "out" / "summary.json").read_text())
    words = f"model={summary['champion']['model_uri']}", "input=many.parquet", "output=m.parquet"
    began = time.perf_counter()
    call([sys.executable, "-m", "pipeline.predict", *words], home)
    seconds = time.perf_counter() - began
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    same = difference(
        pd.read_parquet(home / "m.parquet").iloc[: len(rows)],
        pd.read_parquet(home / "predicted.parquet"),
    )
    return {"rows": options.rows, "seconds": seconds, "largest_gb": largest, "difference": same}


def main() -> None:
    """Accept every set and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bench", type=Path, help="folder with adult_income.csv.gz")
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    if options.bench is None:
        options.sets = [name for name in options.sets if name != "adult"]
    else:
        options.bench = options.bench.resolve()
    known: dict[str, Path] = {}
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        options.home = Path(folder)
        for name in options.sets:
            home = options.home / name
            home.mkdir()
            results[name] = accept(name, options, home, known)
            print(f"{name:8} {results[name]}", flush=True)
        results["batch"] = batch(options, home)
        print(f"batch    {results['batch']}")
    print(json.dumps(results))


if __name__ == "__main__":
    main()
