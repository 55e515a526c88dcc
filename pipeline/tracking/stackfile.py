"""One file a stack: curves, sampled row losses and what its fits' runs are written from.

For resume, replay and report; nothing in it is executed, and what cannot be read is not there.

A report of 1,000 fits would otherwise ask the store for 4,000 curves, and MLflow has no place for
losses per row.
"""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

log = logging.getLogger(__name__)

SAMPLED_ROWS = 10_000
"""Most validation rows whose losses are kept a fit: their standard error is then within 1 %."""

CUT = "cut-"
"""Begins the name of a file with fits that were cut: for the report of a sweep that ended so. A fit of
the same key that is done counts instead."""

ROWS, ABOUT = "row_losses", "about"
NOT_CURVES = {ROWS, ABOUT, "epochs"}
"""Names in a fit's part of the file; the last one in files of older versions."""


@dataclass(frozen=True)
class FitCurves:
    """What a stack's file holds of one fit."""

    curves: dict[str, np.ndarray]
    """Per epoch, float64."""
    row_losses: np.ndarray | None
    """float32, at most `SAMPLED_ROWS`."""
    about: str = ""
    """What else its run is written from, as JSON (`trained.py`)."""

    def without_source(self) -> FitCurves:
        """Return what is left when the run is there."""
        return FitCurves(self.curves, self.row_losses)


def sample(row_losses: np.ndarray | None, seed: int, fold: int) -> np.ndarray | None:
    """Return the losses of a fixed, seeded choice of rows, in their order; all of a small table.

    Args:
        row_losses: One loss a validation row, shape (rows,), or None.
        seed: The sweep's seed.
        fold: Folds have rows of their own.
    """
    if row_losses is None:
        return None
    losses = np.asarray(row_losses, dtype=np.float32)
    if len(losses) <= SAMPLED_ROWS:
        return losses
    generator = np.random.default_rng([seed, fold, len(losses)])
    chosen = generator.choice(len(losses), SAMPLED_ROWS, replace=False)
    return losses[np.sort(chosen)]


def pack(fits: Mapping[str, FitCurves]) -> bytes:
    """Return the file of a stack, given its fits by key: an npz archive, readable without pickle."""
    arrays: dict[str, np.ndarray] = {}
    for key, fit in fits.items():
        # Even where there are no curves, so that the fit is known.
        arrays[f"{key}/{ABOUT}"] = np.frombuffer(fit.about.encode(), np.uint8)
        for name, curve in fit.curves.items():
            arrays[f"{key}/{name}"] = np.asarray(curve, dtype=np.float64)
        if fit.row_losses is not None:
            arrays[f"{key}/{ROWS}"] = fit.row_losses
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def unpack(content: bytes) -> dict[str, FitCurves]:
    """Return the fits of a stack's file by fit key."""
    found: dict[str, dict[str, np.ndarray]] = {}
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        for name in archive.files:
            key, _, curve = name.partition("/")
            array = archive[name]
            if isinstance(array, np.ndarray):  # else a member that numpy does not know
                found.setdefault(key, {})[curve] = array
    return {
        key: FitCurves(
            {name: curve for name, curve in arrays.items() if name not in NOT_CURVES},
            arrays.get(ROWS),
            arrays[ABOUT].tobytes().decode(errors="replace") if ABOUT in arrays else "",
        )
        for key, arrays in found.items()
    }


def read_stacks(files: Mapping[str, bytes]) -> dict[str, FitCurves]:
    """Return the fits of all stacks, given the files of the folder `rounds`."""
    found: dict[str, FitCurves] = {}
    for name in sorted(files, key=lambda one: not Path(one).name.startswith(CUT)):
        content = files[name]
        if name.endswith(".npz"):
            try:
                found |= unpack(content)
            except Exception as error:  # noqa: BLE001 - zip, zlib and numpy raise all sorts
                # Cut off by a crash: then none of its fits has ended. Damaged since: they do not count.
                log.info("%s cannot be read: %s", name, error)
    return found


def pack_weights(weights: Mapping[str, Sequence[np.ndarray]]) -> bytes:
    """Return a file with the weights of fits, given by key in the order of `get_weights()`."""
    arrays = {f"{key}/{at}": one for key, own in weights.items() for at, one in enumerate(own)}
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def unpack_weights(content: bytes | None) -> dict[str, list[np.ndarray]]:
    """Return what `pack_weights` packed; nothing where the file is gone, empty or damaged."""
    found: dict[str, list[np.ndarray]] = {}
    try:
        with np.load(io.BytesIO(content or b""), allow_pickle=False) as archive:
            for name in archive.files:  # as they were put in
                found.setdefault(name.partition("/")[0], []).append(archive[name])
    except Exception as error:  # noqa: BLE001 - as above
        log.info("a file of weights cannot be read: %s", error)
        return {}
    return found
