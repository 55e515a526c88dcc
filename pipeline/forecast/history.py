"""What earlier sweeps on this machine taught: how fast it is, and the rounds that they had.

One small file in the user's cache folder. Losing it costs nothing but precision: it is rewritten whole
and atomically, and whatever cannot be read, understood or written is as if it were not there.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import platform
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path as File
from typing import Any

from pipeline.core.files import write_whole
from pipeline.forecast.stacktime import Path, path_of
from pipeline.training.threads import cores

log = logging.getLogger(__name__)

VARIABLE = "CAPACITY_SWEEP_CACHE"
"""Environment variable with another folder; empty: nothing is kept."""
FORMAT = 2
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
            if is_plausible(name, value):
                before = float(getattr(self, name))
                near, weight = (
                    min(value, before * MOST_SLOWER),
                    SLOWER if value > before else FASTER,
                )
                known[name] = before + weight * (near - before) if self.sweeps else value
        return replace(self, **known, sweeps=self.sweeps + 1)


MEASURED = ("startup_seconds", "pace", "ending_seconds")


def is_plausible(name: str, value: float) -> bool:
    """Return whether a value may be a measurement of a rate."""
    usual = float(getattr(Rates, name))
    return usual / FAR <= value <= usual * FAR


def known_rates(machine: str) -> Rates:
    """Return what is known of a machine; the built-in rates where nothing is."""
    document: Any = _read()["machines"].get(machine)
    try:
        found = Rates(**document)
        sound = all(is_plausible(name, getattr(found, name)) for name in MEASURED)
    except (TypeError, KeyError):
        return Rates()
    return found if sound and isinstance(found.sweeps, int) else Rates()


def recall(fingerprint: str, machine: str, rows: int, marks: set[str]) -> tuple[Path | None, bool]:
    """Return the path of the sweep that tells most of one to come, and whether it is the very same.

    Another table of about as many rows (a nightly one) counts where configuration and machine agree.
    Marks: digest of the data and mark of its file, whichever is known.
    """
    known: list[tuple[float, Path]] = []
    for one in reversed(_read()["sweeps"]):
        with contextlib.suppress(TypeError, KeyError, ValueError):
            if (one["fingerprint"], one["machine"]) == (fingerprint, machine):
                path = path_of(one["path"])
                if marks & {one["digest"], one["mark"]}:
                    return path.scaled(1.0), True
                known.append((rows / max(1, one["rows"]), path))
    near = [path.scaled(factor) for factor, path in known if 1.0 / LIKE <= factor <= LIKE]
    return next(iter(near), None), False


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
        sweeps = [one for one in sweeps if any(one.get(name) != same[name] for name in same)]
        sweeps.append({**same, "mark": identity[2], "rows": rows, "path": asdict(path)})
    content = {
        "format": FORMAT,
        "machines": dict(list(machines.items())[-MOST_MACHINES:]),
        "sweeps": sweeps[-MOST_SWEEPS:],
    }
    try:
        write_whole(place, json.dumps(content, indent=1).encode())
    except OSError as error:
        log.debug("what this sweep took could not be kept: %s", error)


def cache_file() -> File | None:
    """Return where the file lies: in `$XDG_CACHE_HOME` or `~/.cache`; None where none is wanted."""
    own = os.environ.get(VARIABLE)
    if own is not None:
        return File(own) / NAME if own else None
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:
        folder = File(base) if File(base).is_absolute() else File.home() / ".cache"
    except RuntimeError:  # nobody's home
        return None
    return folder / "capacity-sweep" / NAME


def machine_key(engine: str, family: str) -> str:
    """Return what rates are kept by: host, cores, family, engine, versions; imports no framework."""
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    parts = [platform.node() or "unknown", f"{cores()} cores", family, engine, backend]
    for distribution in ("keras", *BACKENDS.get(backend, (backend,))):
        with contextlib.suppress(metadata.PackageNotFoundError):
            parts.append(f"{distribution} {metadata.version(distribution)}")
    return " | ".join(parts)


def _read() -> dict[str, Any]:
    """Return the file's machines and sweeps, none where it cannot be read."""
    document: Any = None
    place = cache_file()
    with contextlib.suppress(OSError, ValueError, RecursionError):
        document = json.loads(place.read_text(encoding="utf-8")) if place else None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        document = {}
    machines, sweeps = document.get("machines"), document.get("sweeps")
    return {
        "machines": machines if isinstance(machines, dict) else {},
        "sweeps": [one for one in sweeps if isinstance(one, dict)]
        if isinstance(sweeps, list)
        else [],
    }
