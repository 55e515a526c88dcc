"""Whatever fails after the champion is saved costs neither it nor the summary, and is said truthfully."""

from __future__ import annotations

import json
import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from pipeline import api
from pipeline.core.errors import Interrupted, StoreError, SweepError
from pipeline.session import ending
from pipeline.session.aftermath import Aftermath, write_summary

if TYPE_CHECKING:
    from pathlib import Path

ABOUT = {"champion": {"model_uri": "models:/m-1"}, "seconds": 12.0}
FULL = OSError(28, "No space left on device")
LOST = StoreError("The tracking store is out of reach")


class Ledger:
    """Keeps what is attached, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        """Fail with this error."""
        self.run_id, self.error, self.kept = "abc", error, {}

    def attach(self, name: str, content: str) -> None:
        """Keep a file."""
        self.kept[name] = content

    def flush(self) -> None:
        """Fail, or be done."""
        if self.error is not None:
            raise self.error


def full(*_: object, **__: object) -> None:
    """Be a full disk."""
    raise FULL


def test_the_summary_is_in_the_folder_and_in_the_store(tmp_path: Path) -> None:
    """Also where the folder has gone meanwhile: it is made again."""
    ledger, after = Ledger(), Aftermath("models:/m-1")
    write_summary(tmp_path / "gone", ledger, ABOUT, after)
    assert json.loads((tmp_path / "gone" / "summary.json").read_text()) == ABOUT
    assert json.loads(ledger.kept["summary.json"]) == ABOUT
    after.close()


def test_on_a_full_disk_the_summary_is_in_the_store_and_the_exit_code_is_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With a line that says why, and where it is; nothing half written is left."""
    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    after = Aftermath("models:/m-1")
    write_summary(tmp_path, Ledger(), ABOUT, after)
    after.close()
    assert "summary.json could not be written: [Errno 28] No space left on device" in caplog.text
    assert "The champion is saved as models:/m-1" in caplog.text
    assert "kept with run abc" in caplog.text
    assert not list(tmp_path.iterdir())


def test_where_neither_takes_the_summary_it_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And exit code 5 says that the store is lost, but the champion is not."""
    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    after = Aftermath("models:/m-1")
    write_summary(tmp_path, Ledger(LOST), ABOUT, after)
    assert json.loads(capsys.readouterr().out) == ABOUT
    with pytest.raises(
        StoreError, match=r"saved as models:/m-1, but not all .* out of reach"
    ) as told:
        after.close()
    assert told.value.exit_code == 5


def test_a_step_that_fails_lets_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    """One line, no traceback; what is grave is told by the exit code, a signal at once."""
    after = Aftermath("models:/m-1")
    assert after.attempt("no picture", full) is None
    assert after.attempt("a sum", lambda: 1 + 1) == 2
    after.close()
    assert "Traceback" not in caplog.text
    after.attempt("not promoted", lambda: 1 // 0, grave=True)
    with pytest.raises(SweepError, match=r"saved as models:/m-1\. not promoted: .*division"):
        after.close()

    def stop() -> None:
        raise Interrupted("stopped", 15)

    with pytest.raises(Interrupted):
        after.attempt("anything", stop)


def test_a_budget_that_is_used_up_leaves_the_report_for_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The command that draws it is said."""
    spent = 60.0 + ending.OVERDUE_SECONDS + 1.0
    sweep: Any = SimpleNamespace(
        output_dir=tmp_path,
        ledger=Ledger(),
        budget=SimpleNamespace(limit=60.0, spent=lambda: spent),
        trainer=SimpleNamespace(
            config=SimpleNamespace(tracking=SimpleNamespace(uri=None)),
        ),
    )
    with caplog.at_level(logging.WARNING):
        assert ending.draw_report(sweep, Aftermath("models:/m-1")) is None
    assert "pipeline.report sweep=abc" in caplog.text
    assert not list(tmp_path.iterdir())


def test_a_notebook_is_told_where_the_sweep_is(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folder took no summary, but the store has it: one message, no traceback of ours."""
    monkeypatch.setattr("pipeline.session.loop.run", lambda *_, **__: 0)
    table = pd.DataFrame({"x": range(50), "y": range(50)})
    with pytest.raises(SweepError, match=r"is complete in the tracking store, but .*out"):
        api.sweep(table, "y", output_dir=workplace / "out")
