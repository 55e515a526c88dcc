"""The webhook hears of the end once, and never learns or costs too much."""

from __future__ import annotations

import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.core.errors import BudgetError
from pipeline.runtime.notify import notify

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SUMMARY = {
    "sweep_run_id": "abc",
    "experiment": "wages",
    "status": "finished",
    "seconds": 12.5,
    "trials": 3,
    "fits": 9,
    "champion": {
        "trial": "1x32 lr 0.003",
        "objective": "val_loss",
        "score": 0.5,
        "val_loss": 0.5,
        "parameters": 801,
    },
}


@pytest.fixture
def heard() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Return the address of a real webhook, and what it is told."""
    told: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", told
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_end_is_told_once(heard: tuple[str, list[dict[str, Any]]], tmp_path: Path) -> None:
    """One POST with the champion."""
    (tmp_path / "summary.json").write_text(json.dumps(SUMMARY))
    url, told = heard
    notify(url, tmp_path)
    assert [one["champion"]["trial"] for one in told] == ["1x32 lr 0.003"]
    assert told[0]["exit_code"] == 0


def test_a_failure_is_told_with_its_exit_code(
    heard: tuple[str, list[dict[str, Any]]], tmp_path: Path
) -> None:
    """People learn why there is no champion."""
    url, told = heard
    notify(url, tmp_path, BudgetError("no time"))
    assert (told[0]["exit_code"], "no time" in told[0]["text"]) == (3, True)


def test_a_webhook_that_is_not_there_is_logged_without_its_address(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A sweep does not fail for its message, and the address stays secret."""
    (tmp_path / "summary.json").write_text(json.dumps(SUMMARY))
    with caplog.at_level(logging.WARNING):
        notify("http://127.0.0.1:9/very-secret", tmp_path)
    assert "not reached" in caplog.text
    assert "secret" not in caplog.text
