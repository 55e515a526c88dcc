"""A chain of Dense layers run in NumPy: forward as it predicts, and the gradient of its loss.

For probes only: they run once per fit on a few hundred rows, where building a Keras model would
cost more than the fit's own epochs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pipeline.training.diagnose.activations import KNOWN, softmax

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.training.blueprint import Step

_SOFTMAX = "softmax"
_PRODUCTS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "dense": lambda x, kernel: x @ kernel,
    "factors": lambda x, kernel: x * kernel,
    "heads": lambda x, kernel: np.einsum("bki,kio->bko", x, kernel, optimize=True),
}
"""Of an input, (rows, units) or (rows, members, units), and a kernel."""


class _Op(NamedTuple):
    """One elementary operation with what its backward pass needs."""

    kind: str
    """`weights`, `factor`, `activation`; of members `factors` and `heads` (blueprint.Step)."""
    value: np.ndarray
    """Kernel; factor per unit; input of the activation."""
    before: np.ndarray
    """Input of a kernel."""
    name: str = ""


class Forward(NamedTuple):
    """One pass over some rows."""

    each: np.ndarray
    """Prediction, (rows, outputs), or that of each member, (rows, members, outputs)."""
    activations: list[tuple[str, np.ndarray]]
    """For every activation but the last: its name and its output, (rows, units)."""
    ops: list[_Op]

    @property
    def prediction(self) -> np.ndarray:
        """Return (rows, outputs), the mean over members where there are any."""
        mean: np.ndarray = self.each.mean(axis=1) if self.each.ndim > 2 else self.each  # noqa: PLR2004
        return mean


def is_known(chain: Sequence[Step] | None) -> bool:
    """Tell whether every activation of a chain is known here, and the last a task's own."""
    if not chain:
        return False
    *hidden, last = (step.activation for step in chain if step.kind != "mean")
    return all(name in KNOWN for name in hidden) and last in {"linear", _SOFTMAX}


def forward(chain: Sequence[Step], weights: Sequence[np.ndarray], x: np.ndarray) -> Forward:
    """Run a chain on rows as it predicts: no dropout, moving statistics.

    Args:
        chain: The layers.
        weights: In the order of `get_weights()`.
        x: (rows, *input_shape), float32.
    """
    left = list(weights)
    ops: list[_Op] = []
    outputs: list[tuple[str, np.ndarray]] = []
    for step in chain:
        own, left = left[: step.arrays], left[step.arrays :]
        if step.kind == "flatten":
            x = x.reshape(len(x), -1)
        elif step.kind == "scale":
            x = x * step.numbers[0] + step.numbers[1]
        elif step.kind == "repeat":
            x = np.repeat(x[:, None, :], int(step.numbers[0]), axis=1)
        elif step.kind in _PRODUCTS:
            ops.append(_Op(step.kind, own[0], x))
            x = _PRODUCTS[step.kind](x, own[0]) + (own[1] if step.switches[0] else 0)
        elif step.kind == "norm":
            factor, offset = _affine(step, own)
            ops.append(_Op("factor", factor, x))
            x = x * factor + offset
        if step.activation not in {"linear", _SOFTMAX}:
            ops.append(_Op("activation", x, x, step.activation))
            x = KNOWN[step.activation][0](x)
            outputs.append((step.activation, x))
    is_softmax = any(step.activation == _SOFTMAX for step in chain)
    return Forward(softmax(x) if is_softmax else x, outputs, ops)


def kernel_gradients(passed: Forward, y: np.ndarray, *, regression: bool) -> list[np.ndarray]:
    """Return the gradient of the mean loss with respect to every kernel, first layer first.

    Args:
        passed: What `forward` returned.
        y: Targets of the same rows, (rows, outputs).
        regression: Squared error behind a linear output, or cross-entropy behind a softmax.
    """
    slope = passed.each - (y if passed.each.ndim == y.ndim else y[:, None, :])
    slope = slope * y.shape[-1] / slope.size  # the mean over rows, and over members
    if regression:
        slope *= 2 / y.shape[1]
    gradients: list[np.ndarray] = []
    for op in reversed(passed.ops):
        if op.kind == "activation":
            slope = slope * KNOWN[op.name][1](op.value)
        elif op.kind == "factor":
            slope = slope * op.value
        elif op.kind == "factors":
            gradients.append((slope * op.before).sum(axis=0))
            slope = slope * op.value
        elif op.kind == "heads":
            gradients.append(np.einsum("bki,bko->kio", op.before, slope, optimize=True))
            slope = np.einsum("bko,kio->bki", slope, op.value, optimize=True)
        else:
            width = op.before.shape[-1]
            gradients.append(op.before.reshape(-1, width).T @ slope.reshape(-1, slope.shape[-1]))
            slope = slope @ op.value.T
    return gradients[::-1]


def _affine(step: Step, own: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return BatchNormalization at prediction as factor and offset per unit."""
    arrays = list(own)
    scale = arrays.pop(0) if step.switches[0] else np.float32(1)
    offset = arrays.pop(0) if step.switches[1] else np.float32(0)
    mean, variance = arrays
    factor = scale / np.sqrt(variance + step.numbers[0])
    return factor, offset - mean * factor
