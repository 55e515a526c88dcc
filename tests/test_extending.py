"""What docs/extending.md promises: a fourth family is one file and one config, a value is one entry."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from pipeline import api
from pipeline.config import places
from pipeline.training import families

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^`([\w/]+\.(?:py|yaml))`\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
SHOWN = dict(BLOCK.findall(PAGE))
DIFF = re.compile(r"^```diff\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def extended(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the files of the page where it says, in a copy of conf/ and a folder beside the families."""
    for name, text in SHOWN.items():
        target = workplace / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    shutil.copytree(places.conf_dir(), workplace / "conf", dirs_exist_ok=True)
    for module in ("pipeline.config.compose", "pipeline.config.help"):
        monkeypatch.setattr(f"{module}.conf_dir", lambda: workplace / "conf")
    added = workplace / "pipeline" / "training" / "families"
    monkeypatch.setattr(families, "__path__", [*families.__path__, str(added)])
    monkeypatch.delitem(sys.modules, "pipeline.training.families.residual", raising=False)
    return workplace


def test_the_page_shows_one_file_and_one_config() -> None:
    """Nothing else has to be touched."""
    assert sorted(SHOWN) == ["conf/model/residual.yaml", "pipeline/training/families/residual.py"]


@pytest.mark.rare
def test_a_fourth_family_is_swept(extended: Path) -> None:
    """Found by its name, stacked with widths mixed, recorded and saved like the others."""
    found = api.sweep(
        output_dir=extended / "out",
        **{
            "model": "residual",
            "experiment": "smoke",
            "search.space.architectures": [],
            "search.space.layers_max": 2,
            "search.space.units_min": 6,
            "search.space.units": [6, 9],
            "verbose": False,
        },
    )
    assert set(found.record.fits["capacity"]) == {"1x6", "1x9", "2x6", "2x9"}
    assert found.summary["status"] == "finished"
    assert found.record.fits["outcome"].eq("completed").all()


@pytest.mark.rare
def test_a_per_trial_value_is_one_entry(workplace: Path) -> None:
    """The diff of the page, applied to a copy: the value is searched, named and recorded."""
    (diff,) = DIFF.findall(PAGE)
    copy = workplace / "copy"
    for part in ("pipeline", "conf", "data"):
        shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(["git", "apply", "--recount", "-"], input=diff, text=True, cwd=copy, check=True)
    words = ["experiment=smoke", "training.optimizer=sgd", "search.nuisance.momentum=[0.0,0.9]"]
    words += ["search.space.architectures=[[8]]", "hydra.run.dir=out", "verbose=false"]
    ended = subprocess.run(
        [sys.executable, "-m", "pipeline.sweep", *words],
        cwd=workplace, env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3000:]
    with closing(sqlite3.connect(workplace / "mlruns" / "mlflow.db")) as store:
        trials = {row[0] for row in store.execute("select value from tags where key = 'trial'")}
        values = {
            row[0] for row in store.execute("select value from params where key = 'momentum'")
        }
    assert trials == {"1x8 lr 0.01 momentum 0.0", "1x8 lr 0.01 momentum 0.9"}
    assert values == {"0.0", "0.9"}
