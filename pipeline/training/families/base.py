"""The common part of all families: the data set they are bound to, and the rules of growing and shrinking."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import floor, prod

from pipeline.config.schema import ModelConfig
from pipeline.config.schema_search import CapacityConfig, SearchConfig, SpaceConfig
from pipeline.core.errors import ConfigError
from pipeline.core.names import Grid

IMAGE_DIMENSIONS = 3
"""Height, width, channels."""
SIGNS = "member_inputs"
"""Name of the layer whose kernel starts as random signs."""
EMBEDDING = "embedding"
"""Name of the layer that embeds numbers; its kernel starts as linear (`models.initial_weights`)."""


def is_image(shape: tuple[int, ...]) -> bool:
    """Return whether one row is an image."""
    return len(shape) == IMAGE_DIMENSIONS


@dataclass(frozen=True)
class Scope:
    """The configuration of a family, and the shapes of its data set."""

    model: ModelConfig
    search: SearchConfig
    input_shapes: dict[str, tuple[int, ...]]
    """Shape of one row, by encoding."""
    outputs: int
    regression: bool
    grids: Mapping[str, Grid] = field(default_factory=dict)
    """The embedded inputs, by encoding; encodings without embedding are left out."""

    @property
    def space(self) -> SpaceConfig:
        """The limits of the architectures."""
        return self.search.space

    @property
    def steps(self) -> CapacityConfig:
        """Start, growth and shrink; the defaults where another search is configured."""
        if isinstance(self.search, CapacityConfig):
            return self.search
        return CapacityConfig(space=self.search.space)

    def input_shape(self, encoding: str) -> tuple[int, ...]:
        """Return the shape of one encoded row."""
        return self.input_shapes[encoding]

    def inputs(self, encoding: str) -> int:
        """Return the numbers of one encoded row."""
        return prod(self.input_shapes[encoding])

    def grid(self, encoding: str) -> Grid | None:
        """Return the embedded inputs of an encoding; None where it has none."""
        return self.grids.get(encoding)

    def fits(self, parameters: Callable[[str], int]) -> bool:
        """Return whether a network keeps `search.max_parameters` at every encoding."""
        limit = self.search.max_parameters
        return limit is None or all(parameters(name) <= limit for name in self.input_shapes)


def grown(units: int, growth: float) -> int:
    """Return units times growth, rounded half up, and at least one more."""
    return max(units + 1, floor(units * growth + 0.5))


def shrunk(units: int, shrink: float) -> int:
    """Return units times shrink, rounded half up, and at least one fewer."""
    return min(units - 1, floor(units * shrink + 0.5))


def largest(low: int, high: int, fits: Callable[[int], bool]) -> int | None:
    """Return the largest size in [low, high] that fits; None when none does. All smaller sizes must fit."""
    sizes = range(low, high + 1)
    count = bisect_right(sizes, 0, key=lambda size: int(not fits(size)))
    return sizes[count - 1] if count else None


def choices(space: SpaceConfig) -> list[int]:
    """Return the units of a grid: as configured, or powers of two in the range."""
    if space.units:
        return sorted(set(space.units))
    powers = [2**k for k in range(space.units_max.bit_length())]
    inside = [units for units in powers if space.units_min <= units <= space.units_max]
    return inside or sorted({space.units_min, space.units_max})


def too_small(scope: Scope) -> ConfigError:
    """Return the error where every network of the space exceeds `search.max_parameters`."""
    return ConfigError(
        f"search.max_parameters={scope.search.max_parameters}: no network of the space is that"
        " small; allow more, or lower search.space.layers_min or units_min (conf/search/)"
    )
