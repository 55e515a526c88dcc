"""The doctor looks at everything, leaves nothing behind, and says what to do."""

from __future__ import annotations

import subprocess
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pipeline import doctor
from pipeline.ledger import doctor as checks

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a setter of what the process that asks Keras answers; importing Keras takes 8 s."""

    def answer(stdout: str = "tensorflow", code: int = 0, stderr: str = "") -> None:
        ended = SimpleNamespace(returncode=code, stdout=stdout, stderr=stderr)
        monkeypatch.setattr(subprocess, "run", lambda *_, **__: ended)

    answer()
    return answer


def test_a_store_that_works_passes(
    workplace: Path, devices: Any, client: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 0, and neither a run, a tag nor a file remains."""
    assert doctor.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[:-1]] == [
        "versions", "store", "artefacts", "disk", "accelerator",
    ]  # fmt: skip
    assert all(line.startswith("ok ") for line in lines[:-1])
    assert "mlflow ui --backend-store-uri sqlite:///" in lines[-1]
    assert client.get_experiment("0").tags == {}
    assert client.search_runs(["0"]) == []
    left = {path.name for path in (workplace / "mlruns").rglob("*")}
    assert left <= {"mlflow.db", ".create.lock", "artifacts"}


def test_a_store_that_cannot_be_written_fails(
    tmp_path: Path,
    devices: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit 2 as for a sweep, after everything else was looked at as well."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mlruns").write_text("")
    assert doctor.main([]) == 2
    out = capsys.readouterr().out
    assert "FAIL  store" in out
    assert "ok    accelerator" in out


def test_a_server_that_is_away_fails(devices: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 5, without the password."""
    assert doctor.main(["tracking.uri=http://ann:hunter2@127.0.0.1:9"]) == 5
    out = capsys.readouterr().out
    assert "out of reach" in out
    assert "hunter2" not in out


def test_artefacts_that_cannot_be_written_are_named(
    workplace: Path, devices: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """The database may work where the folder of artefacts does not."""
    (workplace / "mlruns" / "artifacts").write_text("")
    assert doctor.main([]) == 5
    assert "FAIL  artefacts" in capsys.readouterr().out


def test_a_full_disk_is_a_warning(
    workplace: Path,
    devices: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It may still be enough."""
    usage = SimpleNamespace(free=10**6)
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda _: usage)
    assert doctor.main([]) == 0
    assert "note  disk" in capsys.readouterr().out


def test_a_framework_that_does_not_start_fails(
    workplace: Path, devices: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the last line of what it said."""
    devices(code=1, stderr="Traceback\nImportError: libcudart is broken\n")
    assert doctor.main([]) == 1
    assert "libcudart is broken" in capsys.readouterr().out


def test_accelerators_are_counted(
    workplace: Path, devices: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the name that Keras gives them."""
    devices("jax cuda:0 cuda:1")
    assert doctor.main([]) == 0
    out = capsys.readouterr().out
    assert "2 seen by Keras on jax: cuda:0, cuda:1" in out
    assert "compute=local trains on cuda:0 alone, compute=ray on all 2" in out


@pytest.mark.parametrize(
    ("visible", "driver", "said"),
    [
        ("", True, "CUDA_VISIBLE_DEVICES= hides the NVIDIA device"),
        ("-1", True, "CUDA_VISIBLE_DEVICES=-1 hides"),
        (None, False, "install NVIDIA's driver"),
        (None, True, "pip install 'capacity-sweep[gpu]'"),
    ],
)
def test_a_card_that_is_not_used_has_its_reason(
    visible: str | None,
    driver: bool,
    said: str,
    workplace: Path,
    devices: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A note, not a failure: the cores train."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    card, version = workplace / "nvidia0", workplace / "version"
    card.touch()
    if driver:
        version.touch()
    monkeypatch.setattr(checks, "NVIDIA", (card, version))
    devices("tensorflow")
    assert doctor.main([]) == 0
    out = capsys.readouterr().out
    assert "note  accelerator" in out
    assert said in out


def test_wrong_versions_are_named(
    workplace: Path,
    devices: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What is installed is compared with what the package asks for; extras are nobody's duty."""
    asked = ["numpy>=99", "nosuchthing>=1", "pytest>=1", 'ray>=9; extra == "ray"']
    monkeypatch.setattr(checks, "_requirements", lambda: asked)
    assert doctor.main([]) == 2
    line = capsys.readouterr().out.splitlines()[0]
    assert "needs >=99" in line
    assert "nosuchthing (missing)" in line
    assert "ray" not in line
