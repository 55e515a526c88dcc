"""The Keras optimizer of a trial."""

from __future__ import annotations

import inspect
from typing import Any

from pipeline.core.records import Trial
from pipeline.training.settings import Settings


def optimizer_for(settings: Settings, trial: Trial) -> Any:
    """Return a fresh Keras optimizer with the trial's learning rate and weight decay.

    Weight decay is Keras' own: decoupled from the gradient (AdamW), on every trainable weight.

    Args:
        settings: Name of the optimizer; momentum, which some optimizers ignore.
        trial: Learning rate, `weight_decay`, and its own settings where it has them.
    """
    settings = settings.of(trial)
    kind = _classes()[settings.optimizer.lower()]  # one of `config.choices.OPTIMIZERS`
    values: dict[str, float] = {"learning_rate": trial.learning_rate}
    if settings.momentum > 0 and "momentum" in inspect.signature(kind).parameters:
        values["momentum"] = settings.momentum
    decay = float(trial.nuisance_value("weight_decay", 0.0))
    if decay > 0:
        values["weight_decay"] = decay
    if settings.ema > 0:
        return kind(**values, use_ema=True, ema_momentum=settings.ema)
    return kind(**values)


def averages(optimizer: Any) -> list[Any]:
    """Return the moving averages of the weights that an optimizer keeps, one a weight; none without."""
    return list(optimizer._model_variables_moving_average) if optimizer.use_ema else []  # noqa: SLF001


def _classes() -> dict[str, Any]:
    """Return Keras' optimizer classes by lower-case name, without wrappers of another optimizer."""
    import keras

    return {
        name.lower(): kind
        for name, kind in vars(keras.optimizers).items()
        if isinstance(kind, type) and issubclass(kind, keras.optimizers.Optimizer)
        if name not in {"Optimizer", "LossScaleOptimizer"}
    }
