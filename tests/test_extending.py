"""What docs/extending.md promises: a fourth family is one file and one config, and is swept."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

from pipeline import api
from pipeline.config import places
from pipeline.training import families

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^`([\w/]+\.(?:py|yaml))`\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHOWN = dict(BLOCK.findall((ROOT / "docs" / "extending.md").read_text(encoding="utf-8")))


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
