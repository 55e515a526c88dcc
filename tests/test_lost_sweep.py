"""The store is deleted while a sweep trains: exit 5, and its champion is in the output folder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.rare


def test_the_champion_survives_its_store(tmp_path: Path, migrated_store: Path) -> None:
    """Said truthfully: what is lost, what is safe and where."""
    (tmp_path / "mlruns").mkdir()
    database = tmp_path / "mlruns" / "mlflow.db"
    shutil.copy(migrated_store, database)
    words = "experiment=smoke", "hydra.run.dir=out"
    with subprocess.Popen(
        [sys.executable, "-m", "pipeline.sweep", *words],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        log = tmp_path / "out" / "sweep.log"
        while process.poll() is None and not (log.exists() and "round 0" in log.read_text()):
            time.sleep(0.1)
        for file in database.parent.glob("mlflow.db*"):
            file.unlink()
        _, said = process.communicate(timeout=280)
    assert process.returncode == 5, said
    assert "Traceback" not in said
    assert "was deleted" in said.splitlines()[-1]
    assert "mlflow.pyfunc.load_model" in said
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["status"] == "store lost"
    assert (Path(summary["champion"]["model_uri"]) / "MLmodel").is_file()
