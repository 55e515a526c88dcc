"""How a fit is written into its run and recognised again: exact JSON and a key."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pipeline.core.records import Capacity, Fit, Round, Trial


def fit_key(fingerprint: str, digest: str, fit: Fit) -> str:
    """Return the hash of what makes this fit what it is: configuration, data, trial, seed, epochs."""
    content = json.dumps([fingerprint, digest, encode_fit(fit)], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:20]


def encode_fit(fit: Fit) -> dict[str, Any]:
    """Return a fit as JSON values; floats keep every bit."""
    trial = fit.trial
    return {
        "label": trial.capacity.label,
        "capacity": [[name, value] for name, value in trial.capacity.values],
        "learning_rate": trial.learning_rate,
        "parameters": trial.parameters,
        "nuisance": [[name, value] for name, value in trial.nuisance],
        "execution": fit.execution,
        "seed": fit.seed,
        "epochs": fit.epochs,
        "fold": fit.fold,
    }


def decode_fit(values: dict[str, Any]) -> Fit:
    """Return the fit that `encode_fit` wrote; KeyError when a field is missing."""
    axes = tuple(
        (str(name), tuple(value) if isinstance(value, list) else int(value))
        for name, value in values["capacity"]
    )
    trial = Trial(
        capacity=Capacity(values["label"], axes),
        learning_rate=values["learning_rate"],
        parameters=values["parameters"],
        nuisance=tuple((name, value) for name, value in values["nuisance"]),
    )
    return Fit(trial, values["execution"], values["seed"], values["epochs"], values["fold"])


def encode_round(asked: Round) -> dict[str, Any]:
    """Return a round as JSON values."""
    return {
        "number": asked.number,
        "phase": asked.phase,
        "reason": asked.reason,
        "fits": [encode_fit(fit) for fit in asked.fits],
    }


def decode_round(values: dict[str, Any]) -> Round:
    """Return the round that `encode_round` wrote."""
    fits = tuple(decode_fit(fit) for fit in values["fits"])
    return Round(values["number"], values["phase"], fits, values["reason"])
