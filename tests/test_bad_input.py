"""Whatever is wrong with the words or the table: exit 2, one clear message, nothing left behind."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pipeline.runtime.cli import exit_with
from pipeline.sweep import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GOOD = "a,b,y\n" + "\n".join(f"{i % 7},{i % 3}.5,{i * 2}.25" for i in range(40)) + "\n"
NAMES = "a,b,y\n" + "\n".join(f"{i % 7},{i % 3}.5,{'xz'[i % 2]}" for i in range(40)) + "\n"


def table(tmp_path: Path, content: str | bytes = GOOD, name: str = "t.csv") -> str:
    """Write a table and return the words that select it."""
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return f"data.path={path}"


AS_A_USER = {"misspelt key", "missing file", "binary file", "one class only"}
"""What is refused in a process of its own: the words, a file, its content, what it holds."""


def sweep(words: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the main job as a user does."""
    command = [sys.executable, "-m", "pipeline.sweep", *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[list[str], Path], subprocess.CompletedProcess[str]]:
    """Return what runs the main job with its command line, but in this process: no imports again."""

    def run(words: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
        monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "argv", ["sweep.py", *words])
        monkeypatch.setattr("pipeline.runtime.signals.end_at_once", lambda: None)
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            exit_with(main)
        told = capsys.readouterr()
        return subprocess.CompletedProcess(words, left.value.code, told.out, told.err)

    return run


def refused(
    words: list[str],
    cwd: Path,
    *expected: str,
    run: Callable[[list[str], Path], subprocess.CompletedProcess[str]] = sweep,
) -> None:
    """Assert one message with the expected words, no traceback and no run in MLflow."""
    ended = run(words, cwd)
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""
    for words_of_message in expected:
        assert words_of_message in ended.stderr
    assert len(ended.stderr.strip().splitlines()) <= 4, ended.stderr
    assert not (cwd / "mlruns" / "mlflow.db").exists()


WRONG_WORDS = {
    "misspelt key": (["training.patiense=3"], "patience"),
    "misspelt group": (["serach=grid"], "search"),
    "wrong type": (["training.epochs=many"], "training.epochs"),
    "negative patience": (["training.patience=-1"], "training.patience=-1"),
    "validation fraction of 0": (["data.validation_fraction=0"], "data.validation_fraction"),
    "validation fraction of 1": (["data.validation_fraction=1"], "data.validation_fraction"),
    "learning rate of 0": (["search.learning_rate.values=[0]"], "search.learning_rate.values"),
    "growth below 1": (["search.growth=0.5"], "search.growth=0.5"),
    "malformed tracking URI": (["tracking.uri=htp:/nowhere"], "tracking.uri"),
    "parameter budget below the simplest": (["search.max_parameters=3"], "search.max_parameters=3"),
    "missing file": (["data=table", "data.path=no.csv", "data.target=y"], "no.csv"),
}


@pytest.mark.parametrize("case", WRONG_WORDS)
def test_wrong_words_are_refused_with_one_message(
    case: str, tmp_path: Path, called: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """The message names the key, and nothing is created."""
    words, *expected = WRONG_WORDS[case]
    refused(words, tmp_path, *expected, run=sweep if case in AS_A_USER else called)


WRONG_TABLES: dict[str, tuple[str | bytes, list[str], str]] = {
    "empty file": ("", [], "empty"),
    "binary file": (bytes(range(256)) * 40, [], "t.csv"),
    "unknown target": (GOOD, ["data.target=yy"], "yy"),
    "target with missing values": (GOOD + "1,2,\n", [], "missing"),
    "one class only": (
        "a,c\n" + "\n".join(f"{i % 7},same" for i in range(40)) + "\n",
        ["data.task=classification", "data.target=c"],
        "class",
    ),
    "non-numeric regression target": (NAMES, ["data.task=regression"], "not numeric"),
    "infinite values": (GOOD + "inf,1,3\n", [], "infinite"),
    "all columns dropped": (GOOD, ["data.drop=[a,b]"], "column"),
    "duplicate column": (GOOD.replace("a,b,y", "a,a,y"), [], "times; rename"),
}


@pytest.mark.parametrize("case", WRONG_TABLES)
def test_wrong_tables_are_refused_with_one_message(
    case: str, tmp_path: Path, called: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """The message names what is wrong with the table, and nothing is created."""
    content, words, expected = WRONG_TABLES[case]
    target = [] if any(word.startswith("data.target") for word in words) else ["data.target=y"]
    words = ["data=table", table(tmp_path, content), *target, *words]
    refused(words, tmp_path, expected, run=sweep if case in AS_A_USER else called)


def test_a_directory_is_no_table(tmp_path: Path) -> None:
    """A folder in place of a file is named."""
    (tmp_path / "folder").mkdir()
    refused(["data=table", f"data.path={tmp_path}/folder", "data.target=y"], tmp_path, "folder")


def test_a_store_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """`mlruns` that is no folder cannot hold a store; the message says which path."""
    (tmp_path / "mlruns").write_text("in the way")
    refused([], tmp_path, "mlruns")


def test_a_server_that_does_not_answer_ends_with_5_in_time(tmp_path: Path) -> None:
    """The probe is short; the message names the address."""
    ended = sweep(["tracking.uri=http://127.0.0.1:9"], tmp_path)
    assert ended.returncode == 5, ended.stderr
    assert "127.0.0.1:9" in ended.stderr
    assert "Traceback" not in ended.stderr
