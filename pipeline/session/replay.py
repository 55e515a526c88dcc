"""Retrains a recorded fit and compares it epoch by epoch."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from pipeline.config import builder_source
from pipeline.config.schema import SweepConfig
from pipeline.config.text import load
from pipeline.core.control import Unattended
from pipeline.core.errors import ConfigError, DataError
from pipeline.core.records import FitResult
from pipeline.data import prepare
from pipeline.ledger.environment import provenance
from pipeline.ledger.read import RecordedFit, recorded_fit
from pipeline.session.trainer import Trainer

log = logging.getLogger(__name__)


def replay(given: Mapping[str, str]) -> tuple[bool, str]:
    """Retrain a recorded fit; return whether every epoch is equal, and a sentence.

    Args:
        given: `run`, and where needed `data.path`, `model.builder` and `tracking.uri`.

    Raises:
        ConfigError: The builder is missing, changed, or not of this fit.
        DataError: The data is not what the fit was trained on.
    """
    recorded = recorded_fit(given.get("tracking.uri"), given["run"])
    equal, sentence = compare(recorded, retrain(recorded, _config(recorded, given)))
    return equal, f"{recorded.fit.name}: {sentence}"


def _config(recorded: RecordedFit, given: Mapping[str, str]) -> SweepConfig:
    """Return the recorded configuration, with the user's builder, which is never taken from the store.

    Raises:
        ConfigError: The builder is not named, has changed since, or the fit was trained without one.
    """
    config = load(recorded.config)
    builder, is_own = given.get("model.builder"), config.model.family == "builder"
    if is_own != (builder is not None):
        needed = f"name yours again: model.builder={config.model.builder}"
        none = f"model.builder={builder}: this fit was trained without one; leave it out"
        raise ConfigError(needed if is_own else none)
    path = given.get("data.path", config.data.path)
    config = replace(
        config,
        data=replace(config.data, path=path),
        model=replace(config.model, builder=builder),
    )
    if is_own and recorded.builder_source is None:
        log.warning("model.builder=%s: what its code was then was not recorded", builder)
    elif is_own and recorded.builder_source != builder_source(str(builder)):
        raise ConfigError(
            f"model.builder={builder}: this is not the code that the fit was trained with; restore it"
            " to replay the fit"
        )
    return config


def retrain(recorded: RecordedFit, config: SweepConfig) -> FitResult:
    """Retrain the stack of a fit and return the fit's result.

    Raises:
        DataError: The data is not what the fit was trained on.
    """
    dataset = prepare(config.data, config.seed)
    if dataset.digest != recorded.digest:
        raise DataError(
            f"the data is not what this fit was trained on (digest {recorded.digest}, now "
            f"{dataset.digest}): restore the file, or say where it is with data.path=FILE"
        )
    stacks = Trainer.of(config, dataset).run(recorded.plan, Unattended())
    results = [result for _, trained in stacks for result in trained]
    return next(result for result in results if result.fit == recorded.fit)


def compare(recorded: RecordedFit, result: FitResult) -> tuple[bool, str]:
    """Return whether every epoch is equal bit for bit, and a sentence."""
    then, now = recorded.curves.curves, result.curves
    lengths = {name: (len(then[name]), len(now.get(name, ()))) for name in then}
    if any(before != after for before, after in lengths.values()):
        before, after = next(pair for pair in lengths.values() if pair[0] != pair[1])
        return False, f"{before} epochs were recorded, now there are {after}; {_why(recorded)}"
    worst = {name: _difference(then[name], now[name]) for name in then}
    epochs = len(then.get("val_loss", ()))
    if not any(worst.values()):
        return True, f"all {epochs} epochs are equal bit for bit in {', '.join(sorted(then))}."
    name = max(worst, key=lambda key: worst[key])
    return (
        False,
        f"{name} differs by up to {worst[name]:.3g} over {epochs} epochs; {_why(recorded)}",
    )


def _difference(then: np.ndarray, now: np.ndarray) -> float:
    """Return the largest absolute difference; NaN equals NaN. Above 0 where any epoch differs."""
    if np.array_equal(then, now, equal_nan=True):
        return 0.0
    return float(np.nanmax(np.abs(np.subtract(then, now)), initial=np.finfo(float).tiny))


def _why(recorded: RecordedFit) -> str:
    """Return the versions and properties of the machine that differ from those recorded."""
    now = provenance()
    changed = [
        f"{name.removeprefix('version.')} was {value}, is {now.get(name, 'not there')}"
        for name, value in sorted(recorded.provenance.items())
        if now.get(name) != value
    ]
    return ("; ".join(changed) or "versions and machine are the same") + "."
