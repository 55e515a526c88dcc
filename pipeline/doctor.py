"""`python -m pipeline.doctor`: checks store, versions and accelerator, and says what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from typing import TYPE_CHECKING

from pipeline.cli import exit_with, words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.tracking.checkup import Check
    from pipeline.tracking.location import Location

WORDS = {"tracking.uri": "MLflow store; default: sqlite under mlruns/ in the working directory"}
ABOUT = "python -m pipeline.doctor: is everything there that a sweep needs?"

# In a process of its own: broken drivers end the process that asks for them.
DEVICES = "import keras; print(keras.backend.backend(), *keras.distribution.list_devices('gpu'))"
DEVICE_SECONDS = 120
WRONG_VERSIONS = 2
"""Exit code: the installation is not what this program was made for."""


def main(argv: list[str] | None = None) -> int:
    """Print one line a check; return the exit code of the first that did not pass."""
    asked = words(sys.argv[1:] if argv is None else argv, WORDS, about=ABOUT)
    from pipeline.tracking.location import resolve
    from pipeline.tracking.viewer import ui_command

    location = resolve(asked.get("tracking.uri"))
    code = 0
    for found in _checks(location):
        mark = "ok" if found.passed else "FAIL" if found.code else "note"
        print(f"{mark:<5} {found.name:<12} {found.sentence}", flush=True)
        code = code or (0 if found.passed else found.code)
    command = ui_command(location)
    print(f"Look at your sweeps: {command}" + ("" if location.is_server else ", port 5000"))
    return code


def _checks(location: Location) -> Iterator[Check]:
    from pipeline.tracking.checkup import check_store

    yield _versions()
    yield from check_store(location)
    yield _accelerator()


def _versions() -> Check:
    """Compare what is installed with what the package asks for."""
    from packaging.requirements import Requirement

    from pipeline.tracking.checkup import Check
    from pipeline.tracking.environment import RECORDED, installed

    wrong = []
    for line in _requirements():
        asked = Requirement(line)
        if asked.marker is not None and not asked.marker.evaluate({"extra": ""}):
            continue
        try:
            if not asked.specifier.contains(version(asked.name), prereleases=True):
                wrong.append(f"{asked.name} {version(asked.name)} (needs {asked.specifier})")
        except PackageNotFoundError:
            wrong.append(f"{asked.name} (missing)")
    if wrong:
        sentence = f"{', '.join(wrong)}: install again with make install or pip"
        return Check("versions", passed=False, sentence=sentence, code=WRONG_VERSIONS)
    shown = {"python": ".".join(map(str, sys.version_info[:3]))} | installed(*RECORDED)
    sentence = ", ".join(f"{name} {number}" for name, number in shown.items())
    return Check("versions", passed=True, sentence=sentence)


def _requirements() -> list[str]:
    try:
        return requires("capacity-sweep") or []
    except PackageNotFoundError:  # a checkout that was never installed
        return []


def _accelerator() -> Check:
    """Ask Keras which accelerators it sees."""
    from pipeline.tracking.checkup import Check

    try:
        ended = subprocess.run(  # noqa: S603 - fixed words
            [sys.executable, "-c", DEVICES],
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
            capture_output=True,
            text=True,
            timeout=DEVICE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        sentence = f"Keras did not start within {DEVICE_SECONDS} s"
        return Check("accelerator", passed=False, sentence=sentence, code=1)
    if ended.returncode:
        last = (ended.stderr.strip().splitlines() or ["no message"])[-1]
        sentence = f"Keras does not start: {last[:300]}"
        return Check("accelerator", passed=False, sentence=sentence, code=1)
    backend, *devices = ended.stdout.split()
    cores = os.cpu_count()
    if devices:
        sentence = f"{len(devices)} seen by Keras on {backend}: {', '.join(devices)}"
        return Check("accelerator", passed=True, sentence=sentence)
    sentence = f"none seen by Keras on {backend}; {cores} cores will train"
    if os.path.exists("/dev/nvidia0"):  # noqa: PTH110 - a device, not a path of ours
        sentence += "; there is an NVIDIA device: install the extra gpu, or check its driver"
    return Check("accelerator", passed=not os.path.exists("/dev/nvidia0"), sentence=sentence)  # noqa: PTH110


if __name__ == "__main__":
    exit_with(main)
