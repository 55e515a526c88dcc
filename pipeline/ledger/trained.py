"""A fit in the file of its stack: kept there before its run is written, so that a kill does not lose it."""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict
from typing import Any

import numpy as np

from pipeline.core import language
from pipeline.core.records import Finding, FitResult, Objective, Outcome
from pipeline.ledger.donefits import DoneFit
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


def encode(done: DoneFit) -> FitCurves:
    """Return what the file of its stack keeps of a fit."""
    place, result = done.place, done.result
    about = {
        "fit": encode_fit(result.fit),
        "outcome": result.outcome.value,
        "findings": [asdict(finding) for finding in result.findings],
        "ended": done.ended,
        **{name: getattr(place, name) for name in FROM_PLACE},
        **({"together": place.together} if place.together else {}),
        "best_epoch": int(result.best_epoch),
        "seconds": float(result.seconds),
        "message": result.message,
        "train_loss": language.finite(result.train_loss),
        "train_sample": result.train_sample,
        "weights": done.weights,
    }
    return FitCurves(result.curves, result.row_losses, json.dumps(about), done.units)


def decode(sweep: str, key: str, kept: FitCurves, objective: Objective) -> DoneFit | None:
    """Return a fit of a sweep from what the file of its stack keeps; None where that is damaged."""
    try:
        about = UNKNOWN | json.loads(kept.about)
        _check(about, kept)
        own = {name: about[name] for name in FROM_PLACE}
        place = Place(sweep=sweep, key=key, **own, together=kept.together)
        result = FitResult(
            fit=decode_fit(about["fit"]),
            outcome=Outcome(about["outcome"]),
            curves=kept.curves,
            weights=None,
            row_losses=kept.row_losses,
            findings=tuple(Finding(**finding) for finding in about["findings"]),
            train_loss=math.nan if about["train_loss"] is None else about["train_loss"],
            **{name: about[name] for name in FROM_RESULT},
        )
        return DoneFit(place, result, kept.units, objective, about["ended"], about["weights"])
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
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
