"""The compiled program of a stack: some epochs, or some steps of one, of all its members."""

from __future__ import annotations

from typing import Any

from keras import ops

from pipeline.training.sizes import Shape
from pipeline.training.stacked.backend import put
from pipeline.training.stacked.epoch import EpochEnd
from pipeline.training.stacked.evaluation import Evaluation
from pipeline.training.stacked.step import State, TrainStep


class Program:
    """state, data, member, rules, window -> state, what was measured.

    One program serves every chunk: several epochs of a small table, or some steps of one epoch of
    a large one. How long a chunk is has no influence on the numbers.
    """

    def __init__(
        self,
        step: TrainStep,
        evaluation: Evaluation,
        end: EpochEnd,
        shape: Shape,
        names: tuple[str, ...],
    ) -> None:
        """Bind the parts.

        Args:
            step: One training step.
            evaluation: The validation pass.
            end: What follows from it.
            shape: The most epochs of one call (`data["order"]` has as many), and whether it always
                ends with one.
            names: Of the curves, as epoch.measured has them.
        """
        self._step, self._evaluation, self._end = step, evaluation, end
        self._epochs, self._whole, self._names = shape.epochs, shape.whole, names

    def __call__(
        self, state: State, data: State, member: State, rules: State, window: State
    ) -> tuple[State, State]:
        """Train on, as long as any member is live.

        Args:
            state: Of the members.
            data: Rows, targets, weights and orders.
            member: Their own values.
            rules: Early stopping.
            window: `epochs` to train, from step `first` to step `last` (the epoch's end is `steps`).

        Returns:
            The new state; and `curves` (epochs, names, members), `improved` and `trained`
            (epochs, members): whether an epoch was the best so far, and whether it counts.
        """
        members = state["live"].shape[0]
        measured = {
            "curves": ops.zeros((self._epochs, len(self._names), members)),
            "improved": ops.zeros((self._epochs, members), "bool"),
            "trained": ops.zeros((self._epochs, members), "bool"),
        }

        def going(at: Any, state: State, _: State) -> Any:
            return ops.logical_and(at < window["epochs"], ops.any(state["live"]))

        def epoch(at: Any, state: State, measured: State) -> tuple[Any, State, State]:
            def steps(step: Any, state: State) -> tuple[Any, State]:
                return step + 1, self._step(state, data, member, (at, step))

            _, state = ops.while_loop(
                lambda step, _: step < window["last"], steps, (window["first"], state)
            )
            if self._whole:  # a condition would pass whole states in and out of its branches
                return at + 1, *self._finish(at, state, measured, (data, member, rules))
            state, measured = ops.cond(
                window["last"] >= window["steps"],
                lambda: self._finish(at, state, measured, (data, member, rules)),
                lambda: (state, measured),
            )
            return at + 1, state, measured

        start = (ops.array(0, "int32"), state, measured)
        _, state, measured = ops.while_loop(going, epoch, start)
        return state, measured

    def _finish(
        self, at: Any, state: State, measured: State, inputs: tuple[State, State, State]
    ) -> tuple[State, State]:
        """Return state and measurements after the last step of an epoch."""
        data, member, rules = inputs
        validation, row_losses = self._evaluation(state, data)
        train = state["sums"] / ops.cast(data["rows"], "float32")
        values = {"loss": train[:, 0], "metric": train[:, 1], **validation}
        trained = state["live"]
        state, improved = self._end(state, values, row_losses, member, rules)
        curves = ops.stack([values[name] for name in self._names])
        return state, {
            "curves": put(measured["curves"], (at, 0, 0), curves[None]),
            "improved": put(measured["improved"], (at, 0), improved[None]),
            "trained": put(measured["trained"], (at, 0), trained[None]),
        }
