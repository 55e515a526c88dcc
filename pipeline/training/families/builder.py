"""The user's own networks: `model.builder=package.module:function`, searched on layers and units.

The function is the user's code. Its name comes from the command line or a local configuration,
never from a store.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any, ClassVar, cast

from pipeline.config import builder_source
from pipeline.core.errors import ConfigError
from pipeline.core.records import Capacity, Trial
from pipeline.training.families.base import Scope
from pipeline.training.families.mlp import Mlp

_SOURCES: dict[str, str] = {}
"""Source of each module at the beginning of the last sweep with it: the recorded code is what is trained."""


def create(scope: Scope) -> Builder:
    """Return the family around the configured function.

    Raises:
        ConfigError: No such module or function, or it cannot be called.
    """
    name = scope.model.builder or ""
    _forget_older_code(name)
    function_named(name)
    return Builder(scope)


@dataclass(frozen=True, eq=False)
class Builder(Mlp):
    """Capacities as of an MLP; the user's function builds the networks."""

    name: str = "builder"
    stackable: ClassVar[bool] = False

    def parameters(self, capacity: Capacity, encoding: str = "standard") -> int:
        """Return the trainable parameters, counted on a model that is built for it."""
        return _counted(self, capacity, encoding)

    def build(self, trial: Trial) -> Any:
        """Return the network of the user's function.

        Raises:
            ConfigError: It is no keras.Model, or its output has another shape than the targets.
        """
        import keras

        scope = self.scope
        function = function_named(scope.model.builder or "")
        inputs, outputs = scope.input_shape(trial.encoding), scope.outputs
        model = function(capacity=trial.capacity, trial=trial, inputs=inputs, outputs=outputs)
        if not isinstance(model, keras.Model) or not model.built:
            returned = type(model).__name__
            raise ConfigError(
                f"model.builder={scope.model.builder}: must return a keras.Model that begins with"
                f" an Input, not {returned}"
            )
        if model.output_shape != (None, outputs):
            raise ConfigError(
                f"model.builder={scope.model.builder}: the output has the shape"
                f" {model.output_shape} for {trial.capacity.label}; it must be (None, {outputs})"
            )
        return model


def function_named(name: str) -> Callable[..., Any]:
    """Import `package.module:function` from the path, the working directory included.

    Raises:
        ConfigError: The name is malformed, or leads to nothing that can be called.
    """
    module_name, _, function_name = name.partition(":")
    if not module_name or not function_name.isidentifier():
        raise ConfigError(f"model.builder={name}: must be package.module:function (conf/model/)")
    folder = str(Path.cwd())
    if folder not in sys.path and "" not in sys.path:
        sys.path.append(folder)
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ConfigError(
            f"model.builder={name}: {module_name} cannot be imported: {error}"
            " (it is looked up in the working directory and on PYTHONPATH)"
        ) from error
    function = getattr(module, function_name, None)
    if not callable(function):
        raise ConfigError(f"model.builder={name}: {module_name} has no function {function_name}")
    return cast("Callable[..., Any]", function)


def _forget_older_code(name: str) -> None:
    """Forget the import of a module that was edited since, in a notebook, so that it is reimported.

    Only when a sweep begins: all its networks have the same code, that of its fingerprint.
    """
    module_name, source = name.partition(":")[0], builder_source(name)
    if source and _SOURCES.get(module_name) != source:
        sys.modules.pop(module_name, None)
        _SOURCES[module_name] = source


@lru_cache(maxsize=4096)
def _counted(family: Builder, capacity: Capacity, encoding: str) -> int:
    trial = Trial(capacity, learning_rate=1.0, parameters=0, nuisance=(("encoding", encoding),))
    weights = family.build(trial).trainable_weights
    return sum(prod(weight.shape) for weight in weights)
