"""Where configuration and shipped data lie, in a checkout and in an installed wheel."""

from __future__ import annotations

from pathlib import Path

from pipeline.core.errors import ConfigError

_PACKAGE = Path(__file__).resolve().parent.parent

SHIPPED = "shipped:"
"""Prefix of a data path for the product's own copy of a table."""


def conf_dir() -> Path:
    """Return the folder of `sweep.yaml`: inside the package in a wheel, beside it in a checkout."""
    return _first(_PACKAGE / "conf", _PACKAGE.parent / "conf", holding="sweep.yaml")


def data_dir() -> Path:
    """Return the folder of the shipped tables: inside the package in a wheel, beside it in a checkout."""
    return _first(_PACKAGE / "shipped_data", _PACKAGE.parent / "data", holding="hourly_wages.csv")


def find_data(path: str) -> Path:
    """Return where a `data.path` points, absolute; the file need not exist.

    `shipped:NAME` is the product's own copy. Anything else is relative to the working directory;
    a bare file name that is not there falls back to the shipped data.
    """
    if path.startswith(SHIPPED):
        return data_dir() / path.removeprefix(SHIPPED)
    given = Path(path).expanduser()
    if not given.exists() and given.name == path and (data_dir() / path).is_file():
        return data_dir() / path
    return given.absolute()


def _first(*candidates: Path, holding: str) -> Path:
    for candidate in candidates:
        if (candidate / holding).is_file():
            return candidate
    looked = " and ".join(str(candidate) for candidate in candidates)
    message = f"the installation is incomplete: {holding} is in neither of {looked}; install again"
    raise ConfigError(message)
