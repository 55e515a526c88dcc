"""The project file, its locks, the wheel and make: what a fresh machine relies on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import pipeline

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = ("requirements.lock", "requirements-jax.lock")
TARGETS = {
    "install", "sweep", "test", "test-jax", "check", "audit", "bench", "fuzz", "drill", "clean",
    "help",
}  # fmt: skip


def pins(lock: str) -> dict[str, set[str]]:
    """Return the versions that a lock names for each distribution (several with markers)."""
    found: dict[str, set[str]] = {}
    for line in (ROOT / lock).read_text(encoding="utf-8").splitlines():
        requirement = Requirement(line)
        (pin,) = requirement.specifier
        assert pin.operator == "=="
        found.setdefault(canonicalize_name(requirement.name), set()).add(pin.version)
    return found


def group(name: str) -> list[Requirement]:
    """Return a dependency group with the groups it includes."""
    found = []
    for entry in PROJECT["dependency-groups"][name]:
        found += group(entry["include-group"]) if isinstance(entry, dict) else [Requirement(entry)]
    return found


def test_the_version_stands_in_one_place() -> None:
    """The installed distribution says what the package says."""
    assert version("capacity-sweep") == pipeline.__version__
    assert "version" not in PROJECT["project"]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_plain_pins(lock: str) -> None:
    """No address, no option, no path: any registry will do."""
    assert pins(lock)
    assert not re.search(r"://|^-|@", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        (
            "requirements.lock",
            [*map(Requirement, PROJECT["project"]["dependencies"]), *group("dev")],
        ),
        ("requirements-jax.lock", group("jax-only")),
    ],
    ids=LOCKS,
)
def test_a_lock_serves_the_project_file(lock: str, wanted: list[Requirement]) -> None:
    """Every declared dependency is locked, at a version that its floor allows."""
    locked = pins(lock)
    unserved = [
        str(requirement)
        for requirement in wanted
        if not any(
            requirement.specifier.contains(pin)
            for pin in locked.get(canonicalize_name(requirement.name), ())
        )
    ]
    assert unserved == []


def test_the_jax_lock_has_no_tensorflow() -> None:
    """KERAS_BACKEND=jax must not lean on TensorFlow; keras-tuner imports it, so it stays out too."""
    assert {"tensorflow", "keras-tuner", "mlflow"}.isdisjoint(pins("requirements-jax.lock"))


def test_the_main_lock_has_no_jax() -> None:
    """TensorFlow imports jax wherever it finds it: two seconds at every start."""
    assert {"jax", "jaxlib"}.isdisjoint(pins("requirements.lock"))


def test_both_locks_agree() -> None:
    """The JAX environment differs in its backend and in nothing else."""
    main, jax = pins("requirements.lock"), pins("requirements-jax.lock")
    assert {name: main[name] for name in main.keys() & jax} == {
        name: jax[name] for name in main.keys() & jax
    }


@pytest.fixture
def bare_checkout(tmp_path: Path) -> Path:
    """Return a folder with what make needs, and no environment."""
    for name in ("Makefile", "pyproject.toml", "setup.py", *LOCKS):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    return tmp_path


def make(folder: Path, *words: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run make in a folder, with changes to the environment."""
    clean = {key: value for key, value in os.environ.items() if key != "MAKEFLAGS"}
    return subprocess.run(
        ["make", *words],
        cwd=folder,
        env=clean | changes,
        capture_output=True,
        text=True,
        check=False,
    )


def test_make_help_lists_every_target(bare_checkout: Path) -> None:
    """`make` alone answers with the vocabulary."""
    listed = {line.split()[0] for line in make(bare_checkout).stdout.splitlines()}
    assert listed >= TARGETS


def test_a_second_make_installs_nothing(bare_checkout: Path) -> None:
    """Only a changed lock or project file asks for pip again."""
    assert "pip install" in make(bare_checkout, "--dry-run", "sweep").stdout
    (bare_checkout / ".venv").mkdir()
    (bare_checkout / ".venv" / ".installed").touch()
    assert "pip install" not in make(bare_checkout, "--dry-run", "sweep").stdout
    os.utime(bare_checkout / "requirements.lock", (2**31, 2**31))
    assert "pip install" in make(bare_checkout, "--dry-run", "sweep").stdout


def stub(folder: Path, name: str, answer: str) -> None:
    """Put a program on a PATH of our own that answers `--version` and supports nothing else."""
    program = folder / name
    program.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "{answer}"\n', encoding="utf-8")
    program.chmod(0o755)


def find_python(path: Path) -> subprocess.CompletedProcess[str]:
    """Run .ci/find-python where only the stubs in a folder are on the PATH."""
    bash = shutil.which("bash") or "bash"
    return subprocess.run(
        [bash, ROOT / ".ci" / "find-python"],
        env={"PATH": str(path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_an_old_python3_gives_way_to_a_newer_one(tmp_path: Path) -> None:
    """The version decides, not the name."""
    stub(tmp_path, "python3", "Python 3.9.2")
    (tmp_path / "python3.13").symlink_to(sys.executable)
    assert find_python(tmp_path).stdout == "python3.13\n"


def test_no_usable_python_is_said_clearly(tmp_path: Path) -> None:
    """What was found, and what to do."""
    stub(tmp_path, "python3", "Python 3.9.2")
    answer = find_python(tmp_path)
    assert answer.returncode == 1
    assert "python3 is Python 3.9.2" in answer.stderr
    assert "PYTHON=" in answer.stderr
