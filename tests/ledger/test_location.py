"""A tracking URI is understood, or refused in words, before MLflow is imported."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.errors import ConfigError, StoreError
from pipeline.ledger import location as module
from pipeline.ledger.location import check, resolve
from pipeline.ledger.read import read_sweep


def test_the_default_store_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sqlite under mlruns/ of the working directory, artefacts beside it."""
    monkeypatch.chdir(tmp_path)
    found = resolve(None)
    assert found.uri == f"sqlite:///{tmp_path}/mlruns/mlflow.db"
    assert found.artifacts == tmp_path / "mlruns" / "artifacts"


def test_a_relative_sqlite_file_begins_at_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow would resolve it again, later, wherever the process then is."""
    monkeypatch.chdir(tmp_path)
    assert resolve("sqlite:///a/b.db").database == tmp_path / "a" / "b.db"
    assert resolve("sqlite:////tmp/x.db").database == Path("/tmp/x.db")  # noqa: S108


@pytest.mark.parametrize(
    "uri",
    [
        "mlruns", "./mlruns", "file:./mlruns", "file:///tmp/mlruns", "htp://host", "http://",
        "http://host:port", "http://host:99999", "sqlite://", "sqlite:///", "sqlite:///:memory:",
        "ftp://host", "http:/host", "http://a b", "://", "https://[::1",
    ],
)  # fmt: skip
def test_a_malformed_uri_is_a_wrong_configuration(uri: str) -> None:
    """Exit 2, and the message says what is allowed."""
    with pytest.raises(ConfigError, match=r"tracking\.uri=.*allowed"):
        resolve(uri)


def test_credentials_are_never_shown() -> None:
    """A URI with a password goes to MLflow, and nowhere else."""
    found = resolve("https://ann:hunter2@mlflow.example:5000/")
    assert found.uri == "https://ann:hunter2@mlflow.example:5000"
    assert "hunter2" not in found.shown
    with pytest.raises(ConfigError) as error:
        resolve("htps://ann:hunter2@mlflow.example")
    assert "hunter2" not in str(error.value)


def test_a_folder_that_cannot_be_made_is_a_wrong_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may write anywhere, but not below a file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mlruns").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        check(resolve(None))


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    """MLflow would begin to migrate it."""
    path = tmp_path / "notes.txt"
    path.write_text("dear diary, today I lost a database")
    with pytest.raises(ConfigError, match="not a sqlite database"):
        check(resolve(f"sqlite:///{path}"))
    assert path.read_text().startswith("dear diary")


def test_a_server_that_refuses_is_out_of_reach_at_once() -> None:
    """Nobody listens on this port."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(StoreError, match="out of reach"):
        check(resolve(f"http://127.0.0.1:{port}"))


@pytest.mark.parametrize("scheme", ["http", "postgresql"])
def test_a_server_that_is_silent_is_out_of_reach_soon(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection may be taken and never answered, or never be taken at all."""
    monkeypatch.setattr(module, "PROBE_SECONDS", 0.3)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        port = silent.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)), pytest.raises(StoreError):
            check(resolve(f"{scheme}://127.0.0.1:{port}"))


def test_a_name_that_cannot_be_looked_up_in_time_is_out_of_reach(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Name look-ups have no timeout of their own."""
    monkeypatch.setattr(module, "PROBE_SECONDS", 0.1)
    gate = threading.Event()
    monkeypatch.setattr(module, "_reach", lambda _uri: "" if gate.wait(60) else "too late")
    with pytest.raises(StoreError, match=r"no answer within 0\.1 s"):
        check(resolve("http://mlflow.example"))
    gate.set()


def test_a_variable_that_names_another_store_is_not_ignored_silently(
    workplace: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """`tracking.uri` wins, and the sentence says what would obey the variable; no secrets."""
    monkeypatch.setenv(module.VARIABLE, "http://me:secret@mlflow.example:5000")
    module.check_at_start(None)
    (said,) = caplog.messages
    assert "MLFLOW_TRACKING_URI=http://" in said
    assert "secret" not in said
    assert "mlruns/mlflow.db" in said
    assert "tracking.uri=$MLFLOW_TRACKING_URI would be that store" in said
    with pytest.raises(ConfigError, match=r"tracking\.uri=\$MLFLOW_TRACKING_URI"):
        read_sweep(None, "latest")
    caplog.clear()
    monkeypatch.setenv(module.VARIABLE, "sqlite:///mlruns/mlflow.db")
    module.check_at_start(None)
    assert caplog.messages == []


def test_checking_a_store_imports_no_mlflow(workplace: Any) -> None:
    """Wrong words are answered in under a second."""
    code = (
        "import sys; from pipeline.ledger.location import check, resolve; "
        "check(resolve(None)); print(sorted({'mlflow', 'pandas', 'keras'} & set(sys.modules)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=workplace
    )
    assert ended.stdout.strip() == "[]"
