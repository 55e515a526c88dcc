"""What README.md tells people to type works, and what it links to is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from pipeline.config.compose import compose

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
LINES = [
    line.partition("  #")[0].strip()
    for block in re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
SWEEPS = [line for line in LINES if re.match(r"python -m pipeline\.(sweep|plan)\b", line)]


def test_the_readme_shows_commands() -> None:
    """The lines below are found at all."""
    assert len(SWEEPS) >= 5
    assert "make sweep" in LINES


@pytest.mark.parametrize("line", SWEEPS)
def test_a_sweep_in_the_readme_composes(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its keys and values are accepted."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flats.csv").write_text("rent,listed_on\n1,2026-01-01\n", encoding="utf-8")
    compose(shlex.split(line)[3:])


def test_modules_in_the_readme_exist() -> None:
    """Every `python -m pipeline.NAME` is an entry point."""
    named = set(re.findall(r"python -m (pipeline\.\w+)", README))
    assert named
    assert [name for name in sorted(named) if not module_file(name).is_file()] == []


def module_file(name: str) -> Path:
    """Return where a module lies."""
    return ROOT.joinpath(*name.split(".")).with_suffix(".py")


def test_make_targets_in_the_readme_exist() -> None:
    """Every `make NAME` is in the Makefile."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE))
    assert named
    assert [name for name in sorted(named) if f"\n{name}:" not in makefile] == []


def test_links_in_the_readme_lead_somewhere() -> None:
    """Every relative link names a file or folder of the repository."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
