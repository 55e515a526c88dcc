"""A trained fit before its run is written: kept in its stack's file, so that a kill does not lose it."""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from pipeline.core import language
from pipeline.core.records import Finding, FitResult, Outcome
from pipeline.core.statistics import Units
from pipeline.ledger.encoding import decode_fit, encode_fit
from pipeline.ledger.fitrun import Place
from pipeline.ledger.stackfile import FitCurves

COUNTS = ("round", "position", "stack")
FROM_PLACE = ("phase", *COUNTS)
FROM_RESULT = ("best_epoch", "seconds", "message", "train_sample")
UNKNOWN: dict[str, Any] = {"train_loss": None, "train_sample": 0}
"""Values that files of older versions lack."""
CURVE = re.compile(r"[\w .:/-]{1,250}")
"""Names of metrics that MLflow accepts."""
WEIGHTS = re.compile(r"weights/[0-9a-f-]+\.npz")


@dataclass(frozen=True)
class Trained:
    """All data of a fit that is written."""

    place: Place
    result: FitResult
    """Without weights and row losses, which are no part of the run."""
    curves: FitCurves
    """Its data in the stack's file."""
    ended: int
    """When the fit ended, milliseconds since 1970."""
    weights: str = ""
    """File with the weights of the network that is saved with the run; empty where there is none."""

    @classmethod
    def of(
        cls,
        place: Place,
        result: FitResult,
        sampled: tuple[np.ndarray | None, Units | None],
        ended: int,
        weights: str = "",
    ) -> Trained:
        """Return the data to write of a result; `sampled` as `stackfile.sample` returns it."""
        about = {
            "fit": encode_fit(result.fit),
            "outcome": result.outcome.value,
            "findings": [asdict(finding) for finding in result.findings],
            "ended": ended,
            **{name: getattr(place, name) for name in FROM_PLACE},
            **({"together": place.together} if place.together else {}),
            "best_epoch": int(result.best_epoch),
            "seconds": float(result.seconds),
            "message": result.message,
            "train_loss": language.finite(result.train_loss),
            "train_sample": result.train_sample,
            "weights": weights,
        }
        losses, units = sampled
        curves = FitCurves(result.curves, losses, json.dumps(about), units)
        return cls(place, replace(result, weights=None, row_losses=None), curves, ended, weights)

    @classmethod
    def read(cls, sweep: str, key: str, curves: FitCurves) -> Trained | None:
        """Return a fit from its data in a file; None where values are missing or damaged."""
        try:
            about = UNKNOWN | json.loads(curves.about)
            _check(about, curves)
            own = {name: about[name] for name in FROM_PLACE}
            place = Place(sweep=sweep, key=key, **own, together=curves.together)
            result = FitResult(
                fit=decode_fit(about["fit"]),
                outcome=Outcome(about["outcome"]),
                curves=curves.curves,
                weights=None,
                row_losses=None,
                findings=tuple(Finding(**finding) for finding in about["findings"]),
                train_loss=math.nan if about["train_loss"] is None else about["train_loss"],
                **{name: about[name] for name in FROM_RESULT},
            )
            return cls(place, result, curves, about["ended"], about["weights"])
        except (
            ArithmeticError,
            AttributeError,
            LookupError,
            RecursionError,
            TypeError,
            ValueError,
        ):
            return None


def _check(about: dict[str, Any], curves: FitCurves) -> None:
    """Raise ValueError where a value cannot be written into a run.

    An invalid value would fail in the background writer, and stop every resume of the sweep.
    """
    lengths = {curve.shape for curve in curves.curves.values()}
    losses = curves.row_losses
    epochs = len(curves.curves.get("loss", ()))
    outcome = Outcome(about["outcome"])
    usable = outcome.is_usable
    texts = [about["phase"], about["message"]]
    texts += [text for finding in about["findings"] for text in finding.values()]
    sound = (
        all(
            type(about[name]) is int and 0 <= about[name] < 2**31
            for name in (*COUNTS, "train_sample")
        )
        and isinstance(about["train_loss"], float | None)
        and type(about["best_epoch"]) is int
        and (0 if usable else -1) <= about["best_epoch"] < max(epochs, 1)
        and isinstance(about["seconds"], float)
        and type(about["ended"]) is int
        and 0.0 <= 1000 * about["seconds"] <= about["ended"] < 2**53
        and not any(b"\0" in text.encode() for text in texts)
        and outcome.is_done
        and ("val_loss" in curves.curves or not usable)
        and all(CURVE.fullmatch(name) for name in curves.curves)
        and all(curve.dtype == np.float64 for curve in curves.curves.values())
        and (not lengths or lengths == {(epochs,)})
        and (
            losses is None or (losses.dtype == np.float32 and losses.ndim == 1 and losses.size > 0)
        )
        and (about["weights"] == "" or WEIGHTS.fullmatch(about["weights"]) is not None)
    )
    if not sound:
        raise ValueError(curves.about)
