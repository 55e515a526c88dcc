"""Checks of versions, store and accelerator, each with what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any, NamedTuple

from packaging.requirements import Requirement

from pipeline.config.redact import redacted
from pipeline.core.errors import SweepError
from pipeline.ledger.environment import RECORDED, installed
from pipeline.ledger.location import Location, MlflowClient, check
from pipeline.ledger.store import connect, is_of_store

# In a process of its own: broken drivers end the process that asks for them.
DEVICES = "import keras; print(keras.backend.backend(), *keras.distribution.list_devices('gpu'))"
NVIDIA = Path("/dev/nvidia0"), Path("/proc/driver/nvidia/version")
"""The first card, and its driver."""
_CUDA = {"tensorflow": ("gpu", "nvidia-cudnn-cu12"), "jax": ("jax-gpu", "jax-cuda12-plugin")}
"""By backend: our extra for NVIDIA's cards, and a distribution that it installs."""
DEVICE_SECONDS = 120
WRONG_VERSIONS = 2
"""Exit code: the installation is not what this program was made for."""


class Check(NamedTuple):
    """The result of one check."""

    name: str
    sentence: str
    """The finding; where it did not pass also what to do."""
    passed: bool = True
    code: int = 0
    """Exit code where it did not pass; 0: a warning."""


def checks(location: Location) -> Iterator[Check]:
    """Yield the result of each check when it is done."""
    yield _versions()
    yield from check_store(location)
    yield _accelerator()


def _versions() -> Check:
    """Compare installed versions with the requirements of the package."""
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
        return Check("versions", sentence, passed=False, code=WRONG_VERSIONS)
    shown = {"python": ".".join(map(str, sys.version_info[:3]))} | installed(*RECORDED)
    sentence = ", ".join(f"{name} {number}" for name, number in shown.items())
    return Check("versions", sentence)


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
        return Check("accelerator", sentence, passed=False, code=1)
    if ended.returncode:
        last = (ended.stderr.strip().splitlines() or ["no message"])[-1]
        sentence = f"Keras does not start: {last[:300]}"
        return Check("accelerator", sentence, passed=False, code=1)
    backend, *devices = ended.stdout.split()
    if devices:
        sentence = (
            f"{len(devices)} seen by Keras on {backend}: {', '.join(devices)}; {_used(devices)}"
        )
        return Check("accelerator", sentence)
    why = _why_none(backend)
    sentence = f"none seen by Keras on {backend}; {os.cpu_count()} cores will train"
    return Check("accelerator", sentence + (f"; {why}" if why else ""), passed=not why)


def _used(devices: list[str]) -> str:
    """Return a clause on the accelerators that a sweep would use."""
    memory = "memory is taken as it is needed"
    if len(devices) == 1:
        return f"it trains one program at a time, {memory}"
    return (
        f"compute=local trains on {devices[0]} alone, compute=ray on all {len(devices)}, "
        f"one program each; {memory}"
    )


def _why_none(backend: str) -> str:
    """Return why an NVIDIA card is not used; empty where there is no card."""
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


STORE_CODE = 5
"""Exit code of a store that is out of reach."""

LITTLE_DISK = 1 << 30
"""Bytes; 1,000 fits of a small network with their models need a tenth of it."""


def check_store(location: Location) -> Iterator[Check]:
    """Yield the checks of store, artefacts and disk; stop where the store cannot be opened."""
    try:
        check(location)
        client = connect(location)
        experiment = client.search_experiments(max_results=1)[0]
    except SweepError as error:
        sentence = str(error)
        if location.database and location.database.is_file() and not location.is_writable:
            sentence += " report, predict and replay read it all the same."
        yield Check("store", sentence, passed=False, code=error.exit_code)
        return
    yield _timed("store", location.shown, lambda: _write_a_tag(client, experiment.experiment_id))
    root = location.artifacts.as_uri() if location.folder and location.artifacts else ""
    root = root or experiment.artifact_location
    yield _timed("artefacts", redacted(root), lambda: _write_a_file(location, root))
    if location.folder is not None:
        yield _disk(location.folder)


def _timed(name: str, place: str, work: Callable[[], None]) -> Check:
    """Run `work`; return the check with its duration, or with the error of the store."""
    started = time.perf_counter()
    try:
        work()
    except Exception as error:
        if not is_of_store(error):
            raise
        reason = redacted(str(error)).strip().splitlines() or [type(error).__name__]
        sentence = f"{place}: cannot be written, read and tidied up: {reason[0][:300]}"
        return Check(name, sentence, passed=False, code=STORE_CODE)
    seconds = time.perf_counter() - started
    return Check(name, f"{place}: write, read and delete work ({seconds:.2f} s)")


def _write_a_tag(client: MlflowClient, experiment_id: str) -> None:
    key = f"doctor.{uuid.uuid4().hex}"
    client.set_experiment_tag(experiment_id, key, "here")
    if client.get_experiment(experiment_id).tags.get(key) != "here":
        raise OSError("what was written could not be read")
    client.delete_experiment_tag(experiment_id, key)


def _write_a_file(location: Location, root: str) -> None:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    own = f"doctor-{uuid.uuid4().hex}"  # another doctor may run
    files: Any = get_artifact_repository(root, tracking_uri=location.uri)
    name = "here.txt"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_text("here", encoding="utf-8")
        files.log_artifact(str(path), own)
        path.unlink()
        copy = Path(files.download_artifacts(f"{own}/{name}", folder))
        if copy.read_text(encoding="utf-8") != "here":
            raise OSError("what was written could not be read")
    files.delete_artifacts(own)


def _disk(folder: Path) -> Check:
    free = shutil.disk_usage(folder).free
    sentence = f"{free / 1e9:.1f} GB free at {folder}"
    if free < LITTLE_DISK:
        advice = "make room, or choose another store with tracking.uri="
        return Check("disk", f"{sentence}: {advice}", passed=False)
    return Check("disk", sentence)
