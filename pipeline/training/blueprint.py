"""An architecture seen once: how its weights are drawn and, where it is a chain, what it computes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from pipeline.training.draws import draw_of, signs
from pipeline.training.families.layers import SIGNS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.core.family import Family
    from pipeline.core.records import Trial

EQUATIONS = {"bki,io->bko": "dense", "bki,ki->bki": "factors", "bki,kio->bko": "heads"}
"""What the products of networks with members are in a chain (families/layers.py)."""
Draw = Callable[[np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Step:
    """One layer of a chain, as NumPy can compute it."""

    kind: str
    """`dense`, `norm`, `activation`, `scale` or `flatten`; of networks with members (pooling.py) also
    `repeat`, `factors` (each member's own), `heads` (each member's own `dense`) and `mean`."""
    arrays: int = 0
    """How many arrays of `get_weights()` it owns."""
    activation: str = "linear"
    """For `dense` and `activation`."""
    numbers: tuple[float, ...] = ()
    """`norm`: epsilon; `scale`: factor and offset."""
    switches: tuple[bool, ...] = ()
    """`dense`: has a bias; `norm`: has a scale, has an offset."""


@dataclass(frozen=True)
class Blueprint:
    """An architecture, seen once."""

    draws: tuple[Draw, ...] | None
    """How each weight array is drawn; None where a layer keeps its initializer to itself."""
    chain: tuple[Step, ...] | None
    """The layers in order; None where they are no chain of layers that NumPy knows."""


def blueprint(family: Family, trial: Trial) -> Blueprint:
    """Return the blueprint of a trial's network; built once per architecture."""
    return _seen(cast("Any", family), trial.with_rate(1.0))  # a protocol is not Hashable


def all_layers(model: Any) -> Iterator[Any]:
    """Yield every layer of a model, those of models inside it included, in a fixed order."""
    for layer in model.layers:
        yield layer
        if hasattr(layer, "layers"):
            yield from all_layers(layer)


@lru_cache(maxsize=1024)  # entries hold shapes and names, no model
def _seen(family: Any, trial: Trial) -> Blueprint:
    model = family.build(trial)
    return Blueprint(_draws(model), _chain(model))


def _draws(model: Any) -> tuple[Draw, ...] | None:
    draws: dict[int, Draw] = {}
    for layer in all_layers(model):
        for variable in layer.weights:
            shape = tuple(variable.shape)
            found = getattr(layer, f"{variable.name}_initializer", None)
            if layer.name == SIGNS:
                draws[id(variable)] = partial(signs, shape=shape)
            elif found is not None:
                draws[id(variable)] = draw_of(found, shape)
    if any(id(variable) not in draws for variable in model.weights):
        return None
    return tuple(draws[id(variable)] for variable in model.weights)


def _chain(model: Any) -> tuple[Step, ...] | None:
    import keras

    if not isinstance(model, keras.Sequential):
        return None
    steps = [_step(layer) for layer in model.layers]
    known = [step for step in steps if step is not None]
    return tuple(step for step in known if step.kind) if len(known) == len(steps) else None


def _step(layer: Any) -> Step | None:
    """Return what a layer computes when it predicts; kind "" for nothing, None for unknown."""
    import keras

    layers = keras.layers
    found: Step | None = None
    match layer:
        case layers.Dense():
            name = str(keras.activations.serialize(layer.activation))
            found = Step("dense", len(layer.weights), name, switches=(layer.use_bias,))
        case layers.BatchNormalization():
            parts = (layer.scale, layer.center)
            found = Step("norm", len(layer.weights), numbers=(layer.epsilon,), switches=parts)
        case layers.Activation():
            name = str(keras.activations.serialize(layer.activation))
            found = Step("activation", activation=name)
        case layers.Rescaling():
            found = Step("scale", numbers=(float(layer.scale), float(layer.offset)))
        case layers.Flatten():
            found = Step("flatten")
        case layers.Dropout() | layers.RandomTranslation():
            found = Step("")
        case _:
            found = _step_of_members(layer)
    return found


def _step_of_members(layer: Any) -> Step | None:
    """Return what a layer of a network with members computes; None for unknown."""
    import keras

    layers = keras.layers
    found: Step | None = None
    match layer:
        case layers.EinsumDense() if layer.equation in EQUATIONS:
            name = str(keras.activations.serialize(layer.activation))
            kind, biased = EQUATIONS[layer.equation], layer.bias is not None
            found = Step(kind, len(layer.weights), name, switches=(biased,))
        case layers.RepeatVector():
            found = Step("repeat", numbers=(float(layer.n),))
        case layers.GlobalAveragePooling1D():
            found = Step("mean")
    return found
