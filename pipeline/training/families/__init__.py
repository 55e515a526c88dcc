"""Model families: what a capacity is, its neighbours, its parameter count and how it is built.

A family is one module of this package with a function `create(scope: Scope) -> Family`, found by
its name; nothing else has to know of it. Importing a family imports no framework.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from importlib import import_module

from pipeline.config.messages import did_you_mean
from pipeline.config.schema import ModelConfig
from pipeline.config.schema_search import SearchConfig
from pipeline.core.errors import ConfigError
from pipeline.core.family import Family
from pipeline.core.names import Grid
from pipeline.training.families.base import Scope

_SHARED = {"base", "ladder"}


def names() -> tuple[str, ...]:
    """Return the names of all families, sorted."""
    modules = {module.name for module in pkgutil.iter_modules(__path__)}
    return tuple(sorted(modules - _SHARED))


def family(
    model: ModelConfig,
    search: SearchConfig,
    input_shapes: Mapping[str, tuple[int, ...]],
    outputs: int,
    regression: bool,
    grids: Mapping[str, Grid] | None = None,
) -> Family:
    """Return the family that the configuration names, bound to one data set.

    Args:
        model: The family and its layers.
        search: Start, growth, shrink and limits of the capacities.
        input_shapes: Shape of one row for every encoding that the search may use.
        outputs: Output nodes: targets of a regression, or classes.
        regression: Whether the outputs are numbers rather than class probabilities.
        grids: The embedded inputs, for the encodings whose numbers the network embeds.

    Raises:
        ConfigError: No such family, or no capacity fits the limits.
    """
    name = "builder" if model.builder else model.family
    if name not in names():
        hint = did_you_mean(name, names())
        raise ConfigError(
            f"model.family={name}: must be one of {', '.join(names())} (conf/model/){hint}"
        )
    scope = Scope(model, search, dict(input_shapes), outputs, regression, dict(grids or {}))
    module = import_module(f"{__name__}.{name}")
    created: Family = module.create(scope)
    created.start()  # raises when no capacity fits
    return created
