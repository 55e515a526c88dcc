"""Files that a user is left with: whole or not at all, and a full disk is said in one message."""

from __future__ import annotations

import logging
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from pipeline import report, sweep
from pipeline.config.launch import LogFile, launch
from pipeline.core.errors import ConfigError
from pipeline.core.files import write_whole
from pipeline.figures import page as figures_page
from pipeline.runtime.notify import message
from pipeline.session import report as session_report
from tests.disk import full_disk

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("verbose", "said"), [(True, "starting Keras ..."), (False, "")])
def test_a_person_hears_something_while_the_libraries_load(
    *, verbose: bool, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a terminal, at once: an empty screen for half a minute looks like a mistake."""
    monkeypatch.setattr(
        "pipeline.config.launch.launch",
        lambda task, _check: task(SimpleNamespace(verbose=verbose), None),
    )
    monkeypatch.setitem(sys.modules, "pipeline.session.loop", SimpleNamespace(run=lambda *_: 0))
    monkeypatch.setattr("pipeline.runtime.signals.end_at_once", lambda: None)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert sweep.main() == 0
    assert capsys.readouterr().err.strip() == said


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    """Neither half a file nor one beside it."""
    target = tmp_path / "summary.json"
    target.write_text("the one of before")
    with full_disk(), pytest.raises(OSError, match="large"):
        write_whole(target, b"x" * 100)
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]
    assert target.read_text() == "the one of before"


def test_the_webhook_is_told_even_where_the_summary_could_not_be_written(tmp_path: Path) -> None:
    """It is in the store then, and the sweep has not failed."""
    told = message(tmp_path)
    assert (told["status"], told["exit_code"]) == ("finished", 0)
    assert "in the tracking store" in told["text"]


def test_a_report_on_a_full_disk_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 2, and the page of before is still whole."""
    monkeypatch.setattr(session_report, "read_sweep", lambda *_: None)
    monkeypatch.setattr(figures_page, "page", lambda _: "x" * 100)
    target = tmp_path / "page.html"
    target.write_text("the one of before")
    with full_disk(), pytest.raises(ConfigError, match=r"output=.*page\.html: cannot be written"):
        report.main(["sweep=latest", f"output={target}"])
    assert target.read_text() == "the one of before"


def test_a_log_that_cannot_be_written_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Not a traceback a line."""
    logger = logging.getLogger("full")
    handler = LogFile("/dev/full")
    logger.addHandler(handler)
    logger.propagate = False
    heard: list[str] = []
    listener = logging.Handler()
    listener.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    said_by = logging.getLogger("pipeline.config.launch")
    said_by.addHandler(listener)
    said_by.propagate = False  # a handler that another test has left with the root may be broken
    try:
        for _ in range(3):
            logger.warning("a line")
    finally:
        said_by.removeHandler(listener)
        said_by.propagate = True
        handler.stream.close = lambda: None  # type: ignore[method-assign]
    assert heard == [
        "/dev/full cannot be written (No space left on device): it is incomplete from here on"
    ]
    assert "Traceback" not in capsys.readouterr().err


def test_an_output_folder_on_a_full_disk_is_refused_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One message instead of a traceback."""
    monkeypatch.chdir(tmp_path)
    with (
        full_disk(),
        pytest.raises(ConfigError, match=r"out cannot be written to.*hydra\.run\.dir"),
    ):
        launch(lambda *_: 0, lambda _: None, ["hydra.run.dir=out"])
