"""A sweep whose budget ends inside its first round: the best so far is a whole champion."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from pipeline.api import sweep
from pipeline.core.files import write_whole
from pipeline.ledger.read import read_sweep
from pipeline.session import aftermath
from pipeline.session.sweep import Sweep
from pipeline.training import sizes

pytestmark = pytest.mark.slow

ENDED = "budget.seconds=600 ended after 3 s"


def test_a_sweep_that_is_cut_in_its_first_round_has_a_champion(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Saved, tested and drawn with its curve, said plainly; also where no folder takes the report."""
    draw = np.random.default_rng(0)
    table = pd.DataFrame({"x": draw.normal(size=300), "z": draw.normal(size=300)})
    table["y"] = table["x"] * 2.0 + np.abs(table["z"])
    asked = 0

    def stop_reason(_: Sweep) -> str:
        nonlocal asked
        asked += 1
        return ENDED if asked > 12 else ""

    def full(path: Path, content: bytes) -> None:
        if path.suffix == ".html":
            raise OSError(28, "No space left on device")
        write_whole(path, content)

    monkeypatch.setattr(Sweep, "stop_reason", stop_reason)
    monkeypatch.setattr(sizes, "MOST_EPOCHS", 1)
    monkeypatch.setattr(aftermath, "write_whole", full)
    words = {"budget.seconds": 600, "search.include_linear": False, "training.epochs": 50}
    words |= {"model": "mlp"}  # one program, so that the stop falls into the first round
    found = sweep(table, "y", output_dir=workplace / "out", **words)
    summary = json.loads((found.output_dir / "summary.json").read_text())
    champion = summary["champion"]
    assert summary["status"] == "budget"
    assert (summary["fits"], summary["cut"] > 0) == (0, True)
    assert "Cut by the budget: " in champion["reason"]
    assert champion["reason"] == summary["decisions"][-1]["reason"]
    assert champion["test_loss"] is not None
    uri = f"sqlite:///{workplace}/mlruns/mlflow.db"
    client = MlflowClient(uri)
    run = client.get_run(champion["run_id"])
    assert (run.info.status, run.data.tags["outcome"]) == ("KILLED", "cut")
    assert client.get_run(summary["sweep_run_id"]).info.status == "FINISHED"
    record = read_sweep(uri, summary["sweep_run_id"])
    assert len(record.curves[champion["run_id"]]) == run.data.metrics["epochs"] > 0
    assert not (found.output_dir / "report.html").exists()
    artefacts = [one.path for one in client.list_artifacts(summary["sweep_run_id"])]
    assert "report.html" in artefacts
    folder = client.download_artifacts(summary["sweep_run_id"], "report.html", str(workplace))
    assert "Cut by the budget" in Path(folder).read_text(encoding="utf-8")
