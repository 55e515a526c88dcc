"""What Keras does not offer, on JAX: gradients, whole programs for XLA, member-wise maps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import keras

from pipeline.training import sizes
from pipeline.training.sizes import Device


def device(*, convolutional: bool = False) -> Device:  # noqa: ARG001 - JAX maps convolutions too
    """Return where programs run."""
    first = jax.devices()[0]
    if first.platform == "cpu":
        return sizes.CPU
    return sizes.gpu(first.memory_stats()["bytes_limit"])


def gradients(loss: Callable[[Any], tuple[Any, Any]], weights: list[Any]) -> tuple[Any, list[Any]]:
    """Return what `loss` computed beside the loss, and the slopes of the loss.

    Args:
        loss: weights -> (scalar, anything else).
        weights: Of one member.
    """
    (_, aside), slopes = jax.value_and_grad(loss, has_aux=True)(weights)
    return aside, slopes


def map_members(function: Callable[[Any], Any], stacked: Any, members: int) -> Any:
    """Map over the first axis of every array."""
    return jax.vmap(function, axis_size=members)(stacked)


def put(array: Any, start: tuple[Any, ...], values: Any) -> Any:
    """Return an array in which a block, as large as the values, is replaced."""
    return keras.ops.slice_update(array, start, values)


class Compiled:
    """A function as one XLA program; creating it traces."""

    def __init__(self, program: Any) -> None:
        """Take over what is lowered; see `traced`."""
        self._program = program

    @classmethod
    def traced(
        cls,
        function: Callable[..., Any],
        example: tuple[Any, ...],
        *,
        as_graph: bool = False,  # noqa: ARG003 - JAX always compiles
        name: str = "",  # noqa: ARG003 - only what is compiled is kept
    ) -> Compiled:
        """Trace for arguments of these shapes and types."""
        # The state is the first argument: its memory is taken over by the new state.
        return cls(jax.jit(function, donate_argnums=0).lower(*example))

    @classmethod
    def kept(cls, name: str) -> Compiled | None:  # noqa: ARG003
        """Return None: tracing is cheap here."""
        return None

    def compile(self, example: tuple[Any, ...]) -> None:
        """Compile; calling would use up the state of the example."""
        del example
        self._program = self._program.compile()

    def __call__(self, *arguments: Any) -> Any:
        """Run the program."""
        return self._program(*arguments)


class MemberOptimizer:
    """Nothing to mix in: on JAX, Keras' optimizers compute values already."""
