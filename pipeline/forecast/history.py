"""The history of sweeps on this machine: how fast it is, and the rounds that they had.

One small file in the user's cache folder. Losing it costs nothing but precision: it is rewritten whole
and atomically, and a file that cannot be read, understood or written counts as none.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import platform
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path as File
from typing import Any

from pipeline.core.files import cache_folder, write_whole
from pipeline.forecast.stacktime import Path, path_of
from pipeline.training.threads import cores

log = logging.getLogger(__name__)

FORMAT = 3
"""Files of another format are not read, and are written anew."""
NAME = "calibration.json"
MOST_SWEEPS, MOST_MACHINES = 64, 16
"""Most entries; the oldest go first."""
LIKE = 1.5
"""Most that a table may have grown or shrunk, as a factor, for an earlier sweep on it to predict the next."""
FASTER, SLOWER = 0.5, 0.1
"""Weight of the newest sweep: a sweep is often slow because the machine had other work."""
MOST_SLOWER = 2.0
"""Largest factor by which a sweep counts as slower than those before."""
FAR = 1.0e4
"""A value further than this factor from the built-in one is no measurement."""
BACKENDS = {"tensorflow": ("tensorflow", "tensorflow-cpu"), "jax": ("jax",)}
"""Distributions of a Keras backend."""


@dataclass(frozen=True)
class Rates:
    """How fast a machine is; the defaults are two common cores."""

    startup_seconds: float = 12.0
    """From the start of the process to the first round, reading the data left out."""
    pace: float = 1.0
    """Seconds of a round for each second by the constants of `training.cost`, compiling left out."""
    ending_seconds: float = 9.0
    """From the last round to the end of the process, baselines left out."""
    sweeps: int = 0
    """Number of sweeps that these are measured on."""

    def refreshed(self, **measured: float) -> Rates:
        """Return the rates after one more sweep; the first replaces the built-in ones altogether."""
        rates: dict[str, Any] = {}
        for name, value in measured.items():
            before, usual = float(getattr(self, name)), float(getattr(Rates, name))
            if usual / FAR <= value <= usual * FAR:
                near = min(value, before * MOST_SLOWER)
                weight = SLOWER if value > before else FASTER
                rates[name] = before + weight * (near - before) if self.sweeps else value
        return replace(self, **rates, sweeps=self.sweeps + 1)


def known_rates(machine: str) -> Rates:
    """Return the rates of a machine; the built-in ones where none are kept."""
    return Rates(**_read()["machines"].get(machine, {}))


def recall(fingerprint: str, machine: str, rows: int, marks: set[str]) -> tuple[Path | None, bool]:
    """Return the path of the earlier sweep that predicts one best, and whether its data are the same.

    A table with about as many rows (a nightly one) counts where configuration and machine agree.

    Args:
        marks: Digest of the data and mark of its file, as far as they are known.
    """
    key = fingerprint, machine
    newest_first = reversed(_read()["sweeps"])
    like = [sweep for sweep in newest_first if (sweep["fingerprint"], sweep["machine"]) == key]
    for sweep in like:
        if marks & {sweep["digest"], sweep["mark"]}:
            return path_of(sweep["path"]).scaled(1.0), True
    near = (sweep for sweep in like if 1.0 / LIKE <= rows / sweep["rows"] <= LIKE)
    return next(
        (path_of(sweep["path"]).scaled(rows / sweep["rows"]) for sweep in near), None
    ), False


def keep(
    machine: str, rates: Rates, identity: tuple[str, str, str], rows: int, path: Path | None = None
) -> None:
    """Write a machine's rates, and the path of a sweep that ran to its own end; a failure is only logged.

    Two sweeps that end together may lose one of the two updates, never the file.

    Args:
        identity: Fingerprint of its configuration, digest of its data, mark of its file.
        path: None where a budget or a signal has ended it.
    """
    place, known = cache_file(), _read()
    if place is None:
        return
    machines, sweeps = known["machines"], known["sweeps"]
    machines.pop(machine, None)
    machines[machine] = asdict(rates)
    if path is not None:
        same = {"fingerprint": identity[0], "digest": identity[1], "machine": machine}
        sweeps = [sweep for sweep in sweeps if any(sweep[name] != same[name] for name in same)]
        sweeps.append({**same, "mark": identity[2], "rows": rows, "path": asdict(path)})
    kept = dict(list(machines.items())[-MOST_MACHINES:])
    content = json.dumps({"machines": kept, "sweeps": sweeps[-MOST_SWEEPS:]}, indent=1)
    try:
        write_whole(place, f"{_seal(content)}\n{content}".encode())
    except OSError as error:
        log.debug("what this sweep took could not be kept: %s", error)


def cache_file() -> File | None:
    """Return the path of the file in the cache folder; None where no cache is kept."""
    folder = cache_folder()
    return folder and folder / NAME


def machine_key(engine: str, family: str) -> str:
    """Return the key of rates: host, cores, family, engine, versions; imports no framework."""
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    parts = [platform.node() or "unknown", f"{cores()} cores", family, engine, backend]
    for distribution in ("keras", *BACKENDS.get(backend, (backend,))):
        with contextlib.suppress(metadata.PackageNotFoundError):
            parts.append(f"{distribution} {metadata.version(distribution)}")
    return " | ".join(parts)


def _seal(content: str) -> str:
    """Return the first line of an unedited file of this format: a checksum."""
    return hashlib.sha256(f"{FORMAT}\n{content}".encode()).hexdigest()


def _read() -> dict[str, Any]:
    """Return the file's machines and sweeps; none where there is no file, or it was edited."""
    place = cache_file()
    with contextlib.suppress(OSError, ValueError):
        seal, _, content = place.read_text(encoding="utf-8").partition("\n") if place else ("",) * 3
        if seal == _seal(content):
            document: dict[str, Any] = json.loads(content)
            return document
    return {"machines": {}, "sweeps": []}
