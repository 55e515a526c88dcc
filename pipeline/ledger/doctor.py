"""Checks of versions, store and accelerator, each with what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement

from pipeline.ledger.checkup import Check, check_store
from pipeline.ledger.environment import RECORDED, installed
from pipeline.ledger.location import Location

# In a process of its own: broken drivers end the process that asks for them.
DEVICES = "import keras; print(keras.backend.backend(), *keras.distribution.list_devices('gpu'))"
NVIDIA = Path("/dev/nvidia0"), Path("/proc/driver/nvidia/version")
"""The first card, and its driver."""
_CUDA = {"tensorflow": ("gpu", "nvidia-cudnn-cu12"), "jax": ("jax-gpu", "jax-cuda12-plugin")}
"""Of a backend: our extra that makes it use NVIDIA's cards, and a wheel that comes with it."""
DEVICE_SECONDS = 120
WRONG_VERSIONS = 2
"""Exit code: the installation is not what this program was made for."""


def checks(location: Location) -> Iterator[Check]:
    """Yield what was checked, as it is done."""
    yield _versions()
    yield from check_store(location)
    yield _accelerator()


def _versions() -> Check:
    """Compare what is installed with what the package asks for."""
    wrong = []
    for line in _requirements():
        required = Requirement(line)
        if required.marker is not None and not required.marker.evaluate({"extra": ""}):
            continue
        try:
            if not required.specifier.contains(version(required.name), prereleases=True):
                wrong.append(
                    f"{required.name} {version(required.name)} (needs {required.specifier})"
                )
        except PackageNotFoundError:
            wrong.append(f"{required.name} (missing)")
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
    if devices:
        sentence = (
            f"{len(devices)} seen by Keras on {backend}: {', '.join(devices)}; {_used(devices)}"
        )
        return Check("accelerator", passed=True, sentence=sentence)
    why = _why_none(backend)
    sentence = f"none seen by Keras on {backend}; {os.cpu_count()} cores will train"
    return Check("accelerator", passed=not why, sentence=sentence + (f"; {why}" if why else ""))


def _used(devices: list[str]) -> str:
    """Say which accelerators a sweep would use."""
    memory = "memory is taken as it is needed"
    if len(devices) == 1:
        return f"it trains one program at a time, {memory}"
    return (
        f"compute=local trains on {devices[0]} alone, compute=ray on all {len(devices)}, "
        f"one program each; {memory}"
    )


def _why_none(backend: str) -> str:
    """Say why an NVIDIA card that is there is not used; empty where there is none."""
    card, driver = NVIDIA
    if not card.exists():
        return ""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and hidden.strip() in {"", "-1"}:
        return f"CUDA_VISIBLE_DEVICES={hidden} hides the NVIDIA device: unset it"
    if not driver.exists():
        return (
            "there is an NVIDIA device without its driver: install NVIDIA's driver on this machine"
        )
    extra, library = _CUDA.get(backend, _CUDA["tensorflow"])
    try:
        version(library)
    except PackageNotFoundError:
        return (
            f"there is an NVIDIA device, but {library} is not installed: "
            f"pip install 'capacity-sweep[{extra}]'"
        )
    return (
        f"there is an NVIDIA device that {backend} cannot use: is the driver as new as {library}?"
    )
