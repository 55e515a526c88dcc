"""The validation pass of all members, in blocks of rows that stay in the cache."""

from __future__ import annotations

from typing import Any

from keras import ops

from pipeline.training.metrics import VAL_AUC
from pipeline.training.stacked.backend import map_members, put
from pipeline.training.stacked.step import RowLosses, State
from pipeline.training.stacked.template import Template

PART = 256.0
"""Sums are exact for fewer than 2^32 pairs of fewer than 2^15 positive rows."""


def auc(scores: Any, positive: Any, weight: Any) -> Any:
    """Return the share of pairs whose positive row scores higher, (members,); ties count one half.

    Args:
        scores: Of the positive class, (members, rows).
        positive: 1 for rows of the positive class, (rows,).
        weight: Of the rows, (rows,); 0 for rows that do not count, 1 where rows have no weights.

    Returns:
        NaN where one of the classes is absent or a score is not finite.
    """
    order = ops.argsort(scores, axis=1)
    ranked = ops.take_along_axis(scores, order, axis=1)
    ups, downs = (
        ops.take(share, order, axis=0) for share in (weight * positive, weight * (1 - positive))
    )
    up_to_here = ops.cumsum(downs, axis=1)
    members = scores.shape[0]
    edge = ops.ones((members, 1), "bool")
    differs = ops.not_equal(ranked[:, 1:], ranked[:, :-1])
    # Sums of negative rows grow along the ranks: the largest so far at the start of a tie, and the
    # smallest to come at its end, are those at its borders.
    starts = ops.where(ops.concatenate([edge, differs], axis=1), up_to_here - downs, -1.0)
    ends = ops.where(ops.concatenate([differs, edge], axis=1), up_to_here, float("inf"))
    below = _running_max(starts)
    up_to_tie = -ops.flip(_running_max(ops.flip(-ends, axis=1)), axis=1)
    pairs = ops.sum(ups, axis=1) * ops.sum(downs, axis=1)
    sound = ops.all(ops.isfinite(scores), axis=1) & (pairs > 0)
    area = _total(ups * (below + up_to_tie) / 2) / ops.where(sound, pairs, 1.0)
    return ops.where(sound, area, float("nan"))


def _total(values: Any) -> Any:
    """Return the sums along the second axis, in two parts.

    Unweighted rows have whole and half numbers of pairs, and parts of those add up exactly where a
    single float32 sum would depend on their order: equal areas stay equal, as in metrics.auc.
    """
    high = ops.floor(values / PART)
    return PART * ops.sum(high, axis=1) + ops.sum(values - PART * high, axis=1)


def _running_max(values: Any) -> Any:
    """Return the largest value so far along the second axis, in steps that double."""
    members, size = values.shape
    step = 1
    while step < size:
        before = ops.full((members, step), float("-inf"))
        values = ops.maximum(values, ops.concatenate([before, values[:, :-step]], axis=1))
        step *= 2
    return values


class Evaluation:
    """Loss and metric on the validation rows as a function of the state."""

    def __init__(
        self, template: Template, row_losses: RowLosses, block: int, *, scores: bool
    ) -> None:
        """Bind the fixed parts of a program.

        Args:
            row_losses: Loss and metric of a row.
            block: Rows of one pass; the padded validation rows are a multiple of it.
            scores: Whether the area under the ROC curve is measured; two classes only.
        """
        self._template, self._row_losses, self._block = template, row_losses, block
        self._scores = scores

    def __call__(self, state: State, data: State) -> tuple[State, Any]:
        """Return the curves' values (members,) by name, and the row losses (members, rows).

        Args:
            state: The state of the members.
            data: `val_x`, `val_y`, `val_weight`, whose mean over the rows of the table is 1 and which
                is 0 for padded rows; `val_rows`, the number of rows of the table.
        """
        members, rows = state["live"].shape[0], data["val_x"].shape[0]
        per_row = ops.zeros((len(self._kept), members, rows))
        blocks = rows // self._block

        def block(at: Any, per_row: Any) -> tuple[Any, Any]:
            new = ops.stack(self._block_values(state, data, at * self._block))
            return at + 1, put(per_row, (0, 0, at * self._block), new)

        _, per_row = ops.while_loop(
            lambda at, _: at < blocks, block, (ops.array(0, "int32"), per_row)
        )
        # Divided once, after summing: as many hits give the same accuracy, wherever they are.
        sums = ops.sum(per_row * data["val_weight"], axis=2)
        means = sums / ops.cast(data["val_rows"], "float32")
        measured = {"val_loss": means[0], "val_metric": means[1]}
        if self._scores:
            measured[VAL_AUC] = auc(per_row[2], data["val_y"][:, 1], data["val_weight"])
        return measured, per_row[0]

    @property
    def _kept(self) -> tuple[str, ...]:
        """Names of the values that are kept of every row."""
        return ("loss", "metric", "score") if self._scores else ("loss", "metric")

    def _block_values(self, state: State, data: State, start: Any) -> list[Any]:
        """Return the kept values of the rows of a block, (members, rows) each."""
        x, y = (_rows(data[name], start, self._block) for name in ("val_x", "val_y"))

        def member(arguments: tuple[list[Any], list[Any]]) -> list[Any]:
            outputs, _ = self._template.model.stateless_call(*arguments, x, training=False)
            values = [*self._row_losses(y, outputs)]
            return [*values, outputs[:, 1]] if self._scores else values

        members = state["live"].shape[0]
        values: list[Any] = map_members(member, (state["weights"], state["rest"]), members)
        return values


def _rows(array: Any, start: Any, size: int) -> Any:
    rest = tuple(array.shape[1:])
    return ops.slice(array, (start, *[0] * len(rest)), (size, *rest))
