"""One file for each stack: curves, sampled row losses and the data of its fits' runs.

For resume, replay and report; nothing in it is executed, and unreadable parts count as missing.

A report of 1,000 fits would otherwise ask the store for 4,000 curves, and MLflow has no place for
losses per row.
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pipeline.core.statistics import Units, are_several, joined
from pipeline.ledger.facts import ValidationRows

log = logging.getLogger(__name__)

T = TypeVar("T")

SAMPLED_ROWS = 10_000
"""Most validation rows whose losses are kept for a fit: the standard error is then exact to 1 %."""

CUT = "cut-"
"""Prefix of the name of a file with cut fits, for the report of a sweep that was cut. A finished fit of the
same key replaces the cut one."""

ROWS, COUNT, WEIGHTS, ABOUT = "row_losses", "units", "unit_weights", "about"
NOT_CURVES = {ROWS, COUNT, WEIGHTS, ABOUT, "epochs"}
"""Names of a fit's arrays that are no curves; `epochs` occurs in files of older versions."""


@dataclass(frozen=True)
class FitCurves:
    """The data of one fit in a stack's file."""

    curves: dict[str, np.ndarray]
    """Per epoch, float64."""
    row_losses: np.ndarray | None
    """float32, at most `SAMPLED_ROWS`."""
    about: str = ""
    """Further data of its run, as JSON (`donefits.encode`)."""
    units: Units | None = None
    """Units of `row_losses`, and their number before sampling; None in files of older versions."""

    @property
    def together(self) -> tuple[int, ...]:
        """Positions in its round of the fits that it was trained with; empty: its planned stack."""
        return self._said("together", (), lambda places: tuple(int(place) for place in places))

    def best_epoch(self, logged: float) -> int:
        """Return the epoch that was kept, an index into the curves; -1: none.

        Args:
            logged: The run's metric `best_epoch`, used where the file has no value: of an older version,
                in which MLflow's steps began with 0.
        """
        return self._said("best_epoch", int(logged), int)

    def _said(self, name: str, otherwise: T, read: Callable[[Any], T]) -> T:
        """Return a value of `about`; `otherwise` where it is missing or malformed."""
        try:
            about = json.loads(self.about or "{}")
            return read(about[name]) if name in about else otherwise
        except (AttributeError, RecursionError, TypeError, ValueError):
            return otherwise


def sample(
    row_losses: np.ndarray | None, seed: int, fold: int, rows: ValidationRows | None = None
) -> tuple[np.ndarray | None, Units | None]:
    """Return the losses of a seeded random sample of units, in their order; of few units all.

    Args:
        row_losses: One loss a validation row, times its weight, shape (rows,), or None.
        seed: The sweep's seed.
        fold: The fold, which is part of the random seed.
        rows: Clusters and weights of the rows; a cluster is one unit.

    Returns:
        The losses, float32, and the units that they are a sample of.
    """
    if row_losses is None:
        return None, None
    losses = np.asarray(row_losses, dtype=np.float32)
    weights = None if rows is None else rows.weights
    if rows is not None and are_several(rows.clusters):
        losses, weights = joined(losses, weights, rows.clusters)
    count = len(losses)
    chosen = np.arange(count)
    if count > SAMPLED_ROWS:
        generator = np.random.default_rng([seed, fold, count])
        chosen = np.sort(generator.choice(count, SAMPLED_ROWS, replace=False))
    kept = None if weights is None else weights[chosen].astype(np.float32)
    return losses[chosen].astype(np.float32), Units(count, kept)


def pack(fits: Mapping[str, FitCurves]) -> bytes:
    """Return the content of a stack's file, given its fits by key: an npz archive without pickle."""
    arrays: dict[str, np.ndarray] = {}
    for key, fit in fits.items():
        # Even where there are no curves, so that the fit is known.
        arrays[f"{key}/{ABOUT}"] = np.frombuffer(fit.about.encode(), np.uint8)
        for name, curve in fit.curves.items():
            arrays[f"{key}/{name}"] = np.asarray(curve, dtype=np.float64)
        if fit.row_losses is not None:
            arrays[f"{key}/{ROWS}"] = fit.row_losses
        if fit.units is not None:
            arrays[f"{key}/{COUNT}"] = np.array([fit.units.count], np.int64)
            if fit.units.weights is not None:
                arrays[f"{key}/{WEIGHTS}"] = fit.units.weights
    return _archive(arrays)


def _archive(arrays: Mapping[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def unpack(content: bytes) -> dict[str, FitCurves]:
    """Return the fits of a stack's file by fit key."""
    by_key: dict[str, dict[str, np.ndarray]] = {}
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        for name in archive.files:
            key, _, curve = name.partition("/")
            array = archive[name]
            if isinstance(array, np.ndarray):  # else a member that numpy does not know
                by_key.setdefault(key, {})[curve] = array
    return {
        key: FitCurves(
            {name: curve for name, curve in arrays.items() if name not in NOT_CURVES},
            arrays.get(ROWS),
            arrays[ABOUT].tobytes().decode(errors="replace") if ABOUT in arrays else "",
            _units(arrays),
        )
        for key, arrays in by_key.items()
    }


def _units(arrays: Mapping[str, np.ndarray]) -> Units | None:
    """Return the units that the losses are a sample of; None where they are missing or invalid."""
    count, losses, weights = arrays.get(COUNT), arrays.get(ROWS), arrays.get(WEIGHTS)
    if count is None or losses is None or count.shape != (1,) or count.dtype.kind != "i":
        return None
    is_sound = weights is None or (
        weights.shape == losses.shape
        and weights.dtype.kind == "f"
        and bool(np.isfinite(weights).all() and (weights > 0).all())
    )
    return Units(max(int(count[0]), losses.size), weights) if is_sound else None


def read_stacks(files: Mapping[str, bytes]) -> dict[str, FitCurves]:
    """Return the fits of all stacks, given the files of the folder `rounds`."""
    fits: dict[str, FitCurves] = {}
    for name in sorted(files, key=lambda file: not Path(file).name.startswith(CUT)):
        content = files[name]
        if name.endswith(".npz"):
            try:
                fits |= unpack(content)
            except Exception as error:  # noqa: BLE001 - zip, zlib and numpy raise all sorts
                # Cut off by a crash: then none of its fits has ended. Damaged since: they do not count.
                log.info("%s cannot be read: %s", name, error)
    return fits


def pack_weights(weights: Mapping[str, Sequence[np.ndarray]]) -> bytes:
    """Return a file with the weights of fits, given by key in the order of `get_weights()`."""
    return _archive(
        {f"{key}/{at}": array for key, own in weights.items() for at, array in enumerate(own)}
    )


def unpack_weights(content: bytes | None) -> dict[str, list[np.ndarray]]:
    """Return the weights by fit key; empty where the file is missing, empty or damaged."""
    weights: dict[str, list[np.ndarray]] = {}
    try:
        with np.load(io.BytesIO(content or b""), allow_pickle=False) as archive:
            for name in archive.files:  # as they were put in
                weights.setdefault(name.partition("/")[0], []).append(archive[name])
    except Exception as error:  # noqa: BLE001 - as above
        log.info("a file of weights cannot be read: %s", error)
        return {}
    return weights
