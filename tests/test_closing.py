"""The last words of a sweep: the answer in the target's own unit, and commands that run as printed."""

from __future__ import annotations

import shlex
import socket
import sys
from typing import Any

import pytest

from pipeline.core import commands
from pipeline.core.language import GLUE
from pipeline.ledger import viewer
from pipeline.ledger.location import resolve
from pipeline.session.aftermath import answer, labelled


def about(objective: str = "val_loss", **scores: dict[str, float]) -> dict[str, Any]:
    """Return a summary with these scores of the champion (`single`) and of models beside it."""
    tested = scores["single"].get("test_loss")
    champion = {"kind": "single", "capacity": "1x32", "parameters": 1185, "networks": 1}
    champion |= {"objective": objective, "test_loss": tested}
    return {"champion": champion, "baselines": scores}


def beside(lag: float, **scores: float) -> dict[str, float]:
    """Return the scores of a model that is worse than the champion by `lag`, with an error of 0.01."""
    part = "test" if "test_loss" in scores else "val"
    return scores | {f"{part}_lag": lag, f"{part}_lag_se": 0.01}


OWN = {"test_loss": 0.1, "test_rmse": 104.02, "test_accuracy": 0.87, "test_auc": 0.91}


@pytest.mark.parametrize(
    ("lag", "ends"),
    [
        (0.1, "; the best baseline, gradient boosting, has 123 and is worse"),
        (-0.1, "; the best baseline, gradient boosting, has 123 and is better"),
        (0.005, "; the best baseline, gradient boosting, has 123: no different beyond noise"),
    ],
)
def test_a_regression_is_told_in_the_unit_of_its_target(lag: float, ends: str) -> None:
    """RMSE of the test rows, beside that of the best baseline on the same rows."""
    rival = beside(lag, test_loss=0.2, test_rmse=123.0)
    said = answer(about(single=OWN, gradient_boosting=rival))
    assert said == f"1x32 (1,185 parameters): test RMSE 104{ends}"


def test_a_score_that_did_not_decide_says_what_did() -> None:
    """People read accuracy; champion and baseline are compared by the loss."""
    own = {name: value for name, value in OWN.items() if name != "test_rmse"}
    rival = beside(0.1, test_loss=0.2, test_accuracy=0.88)
    said = answer(about(single=own, linear=rival)).replace(GLUE, " ")
    assert said.endswith("test accuracy 87 %; the best baseline, linear, has 88 % and a worse loss")
    rival = beside(0.005, test_loss=0.2, test_accuracy=0.88)
    said = answer(about(single=own, linear=rival)).replace(GLUE, " ")
    assert said.endswith("has 88 %, the loss no different beyond noise")
    rival = beside(0.1, test_loss=0.2, test_auc=0.8)
    said = answer(about("val_auc", single=own, linear=rival))
    assert said.endswith("test AUC 0.910; the best baseline, linear, has 0.800 and is worse")


def test_without_test_rows_the_validation_rows_are_named() -> None:
    """Nothing that was not measured is called a test."""
    rival = beside(0.1, val_loss=0.2, val_rmse=5.0)
    said = answer(about(single={"val_loss": 0.1, "val_rmse": 4.0}, linear=rival))
    assert "validation RMSE 4.00;" in said
    assert answer(about(single={"test_loss": 0.1})).endswith("test loss 0.100")


def test_a_program_is_called_by_its_path_where_its_name_is_not_this_environments(
    monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    """Nobody has to activate an environment for a printed command to run."""
    (tmp_path / "mlflow").touch(mode=0o755)
    (tmp_path / "python").touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python3"))
    monkeypatch.setenv("PATH", "/nowhere")
    assert commands.program("mlflow") == str(tmp_path / "mlflow")
    assert shlex.split(commands.module("plan", "data.path=my flats.csv")) == [
        str(tmp_path / "python"),
        "-m",
        "pipeline.plan",
        "data.path=my flats.csv",
    ]
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commands.program("mlflow") == "mlflow"


def test_an_interrupted_sweep_goes_on_with_the_same_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """A word with blanks is quoted; an older resume is replaced."""
    monkeypatch.setattr(sys, "argv", ["x", "data.drop=[listing id]", "resume=auto", "seed=1"])
    words = shlex.split(commands.resume_command("abc"))
    assert words[1:] == ["-m", "pipeline.sweep", "data.drop=[listing id]", "seed=1", "resume=abc"]


def test_the_ui_is_opened_on_a_port_that_is_free(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """Command and links name the same one."""
    with socket.socket() as busy:
        busy.bind((viewer.HOST, 0))
        busy.listen()
        port = busy.getsockname()[1]
        monkeypatch.setattr(viewer, "PORT", port)
        viewer.free_port.cache_clear()
        location = resolve(f"sqlite:///{tmp_path}/m.db")
        taken = viewer.free_port()
        assert taken > port
        assert viewer.ui_command(location).endswith(f" --port {taken}")
        assert viewer.runs_link(location, "1").startswith(f"http://127.0.0.1:{taken}/")
    viewer.free_port.cache_clear()


def test_a_report_that_there_was_no_time_for_is_a_command() -> None:
    """The budget ended: five lines all the same, and the page can be had."""
    store = "sqlite:////data/mlflow.db"
    found = about(single=OWN) | {"report": None, "link": "", "sweep_run_id": "ab"}
    found["champion"] |= {"model_uri": "models:/m-1", "reason": "the best"}
    words = ["input=FILE", f"tracking.uri={store}"]
    said = labelled(found, resolve(store), words)["report"]
    assert said.endswith(f"-m pipeline.report sweep=ab tracking.uri={store}")
    assert labelled(found | {"report": "a.html"}, resolve(store), words)["report"] == "a.html"
