"""The convolutional network: capacity is (blocks, filters, units of the head).

A block is a 3 x 3 convolution and a halving by max-pooling; the filters double from block to block,
so that every block costs about the same arithmetic. The head is one Dense layer on the flattened
features: after 12 epochs on the shipped digits 2 blocks of 16 filters reach 97.1 % of validation
rows so, and 69 % behind global averaging, which needs many more filters and epochs.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import mul
from typing import Any, ClassVar, cast

from pipeline.core.errors import ConfigError
from pipeline.core.records import Capacity, Trial
from pipeline.training.families.base import Scope, is_image
from pipeline.training.families.ladder import Ladder

KERNEL = 3
"""Height and width of a convolution: the smallest that sees a neighbourhood."""
CONVOLVED_AXES = 4
"""Of a kernel: height, width, channels, filters."""


def create(scope: Scope) -> Cnn:
    """Return the family for one data set of images.

    Raises:
        ConfigError: The rows are no images.
    """
    shapes = sorted(set(scope.input_shapes.values()))
    if not all(is_image(shape) for shape in shapes):
        raise ConfigError(
            f"model=cnn: needs images of height x width x channels, but a row has the shape"
            f" {shapes[0]}; use data.kind=pixels or images with data.image_height and"
            " data.image_width (conf/data/), or model=mlp"
        )
    created = Cnn(scope)
    if created.deepest() < scope.space.layers_min:
        raise ConfigError(
            f"search.space.layers_min={scope.space.layers_min}: images of {shapes[0]} allow at most"
            f" {created.deepest()} blocks, each of which halves the image (conf/search/)"
        )
    return created


@dataclass(frozen=True, eq=False)
class Cnn(Ladder):
    """Blocks of convolution and pooling, then one Dense layer."""

    name: str = "cnn"
    padded: ClassVar[bool] = False
    convolutional: ClassVar[bool] = True

    def of(self, depth: int, width: int) -> Capacity:
        """Return the capacity of `depth` blocks, the first with `width` filters."""
        head = self.scope.space.head_units if depth else 0
        label = f"{depth}x{width}" + (f"-{head}" if head else "") if depth else "linear"
        return Capacity(
            label, (("blocks", depth), ("filters", width if depth else 0), ("head", head))
        )

    def size(self, capacity: Capacity) -> tuple[int, int]:
        """Return blocks and the filters of the first."""
        return cast("int", capacity["blocks"]), cast("int", capacity["filters"])

    def deepest(self) -> int:
        """Return the most blocks: every one halves the image, and one pixel must be left."""
        sides = [min(shape[:2]) for shape in self.scope.input_shapes.values()]
        return min(self.scope.space.layers_max, min(sides).bit_length() - 1)

    def parameters(self, capacity: Capacity, encoding: str = "standard") -> int:
        """Return the trainable parameters in closed form."""
        weights = sum(count for count, _ in self._weights(capacity, encoding))
        per_unit = 2 if self.scope.model.batch_normalization else 1
        return weights + per_unit * sum(self.unit_widths(capacity)) + self.scope.outputs

    def products(self, capacity: Capacity, encoding: str = "standard") -> int:
        """Return the multiplications of one row forward: a kernel is used at every pixel."""
        return sum(count * pixels for count, pixels in self._weights(capacity, encoding))

    def activations(self, capacity: Capacity, encoding: str = "standard") -> int:
        """Return the number of hidden activations of one row."""
        pixels = [count for _, count in self._weights(capacity, encoding)]
        return sum(map(mul, pixels, self.unit_widths(capacity)))

    def _weights(self, capacity: Capacity, encoding: str) -> list[tuple[int, int]]:
        """Return the number of weights of every layer, without biases, and of the pixels they apply to."""
        height, width, channels = self.scope.input_shape(encoding)
        blocks, filters = self.size(capacity)
        head = cast("int", capacity["head"])
        layers = []
        for block in range(blocks):
            count = KERNEL * KERNEL * channels * (filters << block)
            layers.append((count, (height >> block) * (width >> block)))
            channels = filters << block
        features = (height >> blocks) * (width >> blocks) * channels
        for units in (head, self.scope.outputs) if head else (self.scope.outputs,):
            layers.append((features * units, 1))
            features = units
        return layers

    def unit_widths(self, capacity: Capacity) -> tuple[int, ...]:
        """Return the filters of every block, and the units of the head."""
        blocks, filters = self.size(capacity)
        head = cast("int", capacity["head"])
        return (*(filters << block for block in range(blocks)), *([head] if head else []))

    def of_widths(self, widths: tuple[int, ...]) -> Capacity:
        """Return the capacity with these widths, as `unit_widths` returned them."""
        head = 1 if self.scope.space.head_units and widths else 0
        return self.of(len(widths) - head, widths[0] if widths else 0)

    def unit_axes(
        self,
        capacity: Capacity,
        encoding: str = "standard",  # noqa: ARG002 - pixels have one
    ) -> tuple[tuple[int | None, ...], ...]:
        """Return one tuple of None per array of `keras.Model.get_weights()`: no axis is padded."""
        blocks = self.size(capacity)[0]
        layers = len(self.unit_widths(capacity))
        vectors = 4 if self.scope.model.batch_normalization else 1  # scale, offset, mean, variance
        axes: list[tuple[None, ...]] = []
        for layer in range(layers):
            axes += [(None,) * (CONVOLVED_AXES if layer < blocks else 2), *[(None,)] * vectors]
        return (*axes, (None, None), (None,))

    def build(self, trial: Trial) -> Any:
        """Return an uncompiled keras.Sequential with fresh weights."""
        import keras

        from pipeline.training import layers

        scope = self.like(trial.nuisance).scope
        model = scope.model
        blocks, filters = self.size(trial.capacity)
        head = cast("int", trial.capacity["head"])
        shape = scope.input_shape(trial.encoding)
        stack = layers.first_layers(shape, augment=model.augment)
        for number in range(1, blocks + 1):
            convolution = keras.layers.Conv2D(
                filters << (number - 1),
                KERNEL,
                padding="same",
                use_bias=not model.batch_normalization,
                name=f"convolution_{number}",
            )
            stack += layers.activated(
                convolution, model.activation, number, normalised=model.batch_normalization
            )
            stack.append(keras.layers.MaxPooling2D(name=f"pool_{number}"))
        stack.append(keras.layers.Flatten(name="flat"))
        if head:
            stack += layers.hidden_layers(blocks + 1, head, model, trial)
        stack += layers.last_layers(scope.outputs, regression=scope.regression)
        return keras.Sequential(stack, name=self.name)
