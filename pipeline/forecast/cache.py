"""The one small file in the user's cache folder: rates of machines, and what earlier sweeps took.

Losing it costs nothing but precision: it is rewritten whole and atomically, and whatever cannot be
read, understood or written is as if it were not there.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.forecast.calibration import Calibration, from_json
from pipeline.forecast.remembered import Remembered, remembered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.forecast.machine import Machine

log = logging.getLogger(__name__)

VARIABLE = "CAPACITY_SWEEP_CACHE"
"""Environment variable with another folder; empty: nothing is kept."""
FORMAT = 1
NAME = "calibration.json"
MOST_SWEEPS = 64
"""Sweeps remembered; the oldest go first."""
MOST_MACHINES = 16
MOST_BYTES = 1 << 22
"""A larger file is not ours."""


def cache_file() -> Path | None:
    """Return where the file lies: in `$XDG_CACHE_HOME` or `~/.cache`; None where none is wanted."""
    own = os.environ.get(VARIABLE)
    if own is not None:
        return Path(own) / NAME if own else None
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:
        folder = Path(base) if Path(base).is_absolute() else Path.home() / ".cache"
    except RuntimeError:  # nobody's home
        return None
    return folder / "capacity-sweep" / NAME


def calibration_of(machine: Machine, path: Path | None = None) -> Calibration:
    """Return what is known of a machine; the built-in rates where nothing is."""
    known = _read(path)["machines"].get(machine.key)
    return from_json(known, machine.engine)


def sweeps(path: Path | None = None) -> list[Remembered]:
    """Return the remembered sweeps, the latest last."""
    found = (remembered(document) for document in _read(path)["sweeps"])
    return [one for one in found if one is not None]


def keep(
    machine: Machine,
    calibration: Calibration,
    finished: Sequence[Remembered] = (),
    path: Path | None = None,
) -> None:
    """Write a machine's rates and the sweeps that have finished; a failure is only logged.

    Two sweeps that end together may lose one of the two updates, never the file.
    """
    place = path or cache_file()
    if place is None:
        return
    document = _read(place)
    document["machines"].pop(machine.key, None)
    document["machines"][machine.key] = asdict(calibration)
    machines = list(document["machines"].items())[-MOST_MACHINES:]
    known = {one.identity: one for one in sweeps(place)}
    for one in finished:
        before = known.pop(one.identity, None)
        known[one.identity] = one if before is None else one.knowing(before)
    latest = list(known.values())[-MOST_SWEEPS:]
    content = {
        "format": FORMAT,
        "machines": dict(machines),
        "sweeps": [asdict(one) for one in latest],
    }
    try:
        _replace(place, json.dumps(content, indent=1))
    except OSError as error:
        log.debug("the calibration could not be kept: %s", error)


def _read(path: Path | None) -> dict[str, Any]:
    """Return the document, empty where there is none that can be read."""
    empty: dict[str, Any] = {"machines": {}, "sweeps": []}
    place = path or cache_file()
    try:
        if place is None:
            return empty
        if place.stat().st_size > MOST_BYTES:
            return empty
        document = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return empty
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        return empty
    machines, past = document.get("machines"), document.get("sweeps")
    return {
        "machines": machines if isinstance(machines, dict) else {},
        "sweeps": past if isinstance(past, list) else [],
    }


def _replace(path: Path, content: str) -> None:
    """Put a file in place in one step: a reader sees the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
