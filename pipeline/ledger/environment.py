"""Provenance of a sweep (versions, commit, host), and the environment files of a saved model."""

from __future__ import annotations

import functools
import getpass
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

SOURCE = "pipeline.sweep"
"""What MLflow shows as the source of a run."""

RECORDED = ("capacity-sweep", "keras", "tensorflow", "jax", "mlflow", "numpy", "scikit-learn")
"""Distributions whose versions are recorded with a sweep."""

BACKENDS = {
    "tensorflow": ("tensorflow", "tensorflow-cpu"),
    "jax": ("jax",),
    "torch": ("torch",),
}
"""Distributions that provide a Keras backend, the usual one first."""


def backend() -> str:
    """Return the Keras backend of this process."""
    return os.environ.get("KERAS_BACKEND") or "tensorflow"


def installed(*names: str) -> dict[str, str]:
    """Return the version of each installed distribution among `names`, in their order."""
    versions = {}
    for name in names:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


@functools.cache
def requirements(*names: str) -> tuple[str, ...]:
    """Return pinned requirements of a model: MLflow, Keras with its backend, and `names`."""
    providers = list(installed(*BACKENDS[backend()]).items())[:1]
    pinned = installed("mlflow", "keras", *names) | dict(providers)
    return tuple(f"{name}=={number}" for name, number in pinned.items())


def environment_files(pinned: tuple[str, ...]) -> dict[str, bytes]:
    """Return the files by which MLflow rebuilds a model's environment, by name."""
    python = platform.python_version()
    pips = "".join(f"  - {line}\n" for line in pinned)
    conda = f"channels:\n- conda-forge\ndependencies:\n- python={python}\n- pip\n- pip:\n{pips}"
    virtual = (
        f"python: {python}\nbuild_dependencies:\n- pip\n- setuptools\n- wheel\n"
        "dependencies:\n- -r requirements.txt\n"
    )
    return {
        "requirements.txt": "\n".join(pinned).encode(),
        "conda.yaml": f"{conda}name: mlflow-env\n".encode(),
        "python_env.yaml": virtual.encode(),
    }


def provenance() -> dict[str, str]:
    """Return the provenance by name: versions, git commit, dirty flag, machine, user."""
    tags = {f"version.{name}": number for name, number in installed(*RECORDED).items()}
    tags |= {
        "version.python": platform.python_version(),
        "backend": backend(),
        "host": platform.node(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "mlflow.user": user(),
        "mlflow.source.name": SOURCE,
        "mlflow.source.type": "LOCAL",
    }
    commit, changed, _ = _commit().partition("-dirty")
    if commit:
        tags |= {"mlflow.source.git.commit": commit, "git_dirty": str(bool(changed)).lower()}
    return tags


@functools.cache
def user() -> str:
    """Return the name of the user of this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without a name for its user id
        return str(os.getuid())


@functools.cache
def _commit() -> str:
    """Return the commit of this package's checkout, with `-dirty` appended where tracked files changed.

    Empty without a checkout, or where git fails.
    """
    checkout = Path(__file__).resolve().parents[2]
    if not (checkout / ".git").exists():
        return ""
    arguments = ("describe", "--always", "--exclude=*", "--abbrev=40", "--dirty")
    try:
        answer = subprocess.run(  # noqa: S603 - fixed words
            ["git", "-C", str(checkout), *arguments],  # noqa: S607 - whichever git the user has
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "" if answer.returncode else answer.stdout.strip()
