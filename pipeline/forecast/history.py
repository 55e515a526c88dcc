"""What earlier sweeps on this machine taught: how fast it is, and the rounds that they had.

One small file in the user's cache folder. Losing it costs nothing but precision: it is rewritten whole
and atomically, and whatever cannot be read, understood or written is as if it were not there.
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
"""As many are remembered; the oldest go first."""
LIKE = 1.5
"""A table may have grown or shrunk by this factor for an earlier sweep on it to tell of the next."""
FASTER, SLOWER = 0.5, 0.1
"""Weight of the newest sweep: a machine with other work to do says little of what it can do."""
MOST_SLOWER = 2.0
"""By which factor at most a sweep counts as slower than the others."""
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
    """Seconds of a round for each that the constants of `training.cost` say, compiling left out."""
    ending_seconds: float = 9.0
    """From the last round to the end of the process, baselines left out."""
    sweeps: int = 0
    """How many sweeps taught this."""

    def refreshed(self, **measured: float) -> Rates:
        """Return the rates after one more sweep; the first replaces the built-in ones altogether."""
        known: dict[str, Any] = {}
        for name, value in measured.items():
            before, usual = (float(getattr(one, name)) for one in (self, Rates))
            if usual / FAR <= value <= usual * FAR:
                near, weight = (
                    min(value, before * MOST_SLOWER),
                    SLOWER if value > before else FASTER,
                )
                known[name] = before + weight * (near - before) if self.sweeps else value
        return replace(self, **known, sweeps=self.sweeps + 1)


def known_rates(machine: str) -> Rates:
    """Return what is known of a machine; the built-in rates where nothing is."""
    return Rates(**_read()["machines"].get(machine, {}))


def recall(fingerprint: str, machine: str, rows: int, marks: set[str]) -> tuple[Path | None, bool]:
    """Return the path of the sweep that tells most of one to come, and whether it is the very same.

    Another table of about as many rows (a nightly one) counts where configuration and machine agree.
    Marks: digest of the data and mark of its file, whichever is known.
    """
    sweeps = reversed(_read()["sweeps"])
    like = [
        sweep
        for sweep in sweeps
        if (sweep["fingerprint"], sweep["machine"]) == (fingerprint, machine)
    ]
    for one in like:
        if marks & {one["digest"], one["mark"]}:
            return path_of(one["path"]).scaled(1.0), True
    near = (one for one in like if 1.0 / LIKE <= rows / one["rows"] <= LIKE)
    return next((path_of(one["path"]).scaled(rows / one["rows"]) for one in near), None), False


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
    """Return where the file lies, in the cache folder; None where none is wanted."""
    folder = cache_folder()
    return folder and folder / NAME


def machine_key(engine: str, family: str) -> str:
    """Return what rates are kept by: host, cores, family, engine, versions; imports no framework."""
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    parts = [platform.node() or "unknown", f"{cores()} cores", family, engine, backend]
    for distribution in ("keras", *BACKENDS.get(backend, (backend,))):
        with contextlib.suppress(metadata.PackageNotFoundError):
            parts.append(f"{distribution} {metadata.version(distribution)}")
    return " | ".join(parts)


def _seal(content: str) -> str:
    """Return the first line of a file that we have written, in this format, and nobody has edited."""
    return hashlib.sha256(f"{FORMAT}\n{content}".encode()).hexdigest()


def _read() -> dict[str, Any]:
    """Return the file's machines and sweeps, none where it is not as we have written it."""
    place = cache_file()
    with contextlib.suppress(OSError, ValueError):
        seal, _, content = place.read_text(encoding="utf-8").partition("\n") if place else ("",) * 3
        if seal == _seal(content):
            found: dict[str, Any] = json.loads(content)
            return found
    return {"machines": {}, "sweeps": []}
