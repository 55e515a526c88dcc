"""The validation pass of all members, in blocks of rows that stay in the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from keras import ops

from pipeline.training.stacked.backend import map_members

if TYPE_CHECKING:
    from pipeline.training.stacked.step import RowLosses, State
    from pipeline.training.stacked.template import Template


class Evaluation:
    """Loss and metric on the validation rows as a function of the state."""

    def __init__(self, template: Template, row_losses: RowLosses, block: int) -> None:
        """Bind what is fixed in a program.

        Args:
            template: The network.
            row_losses: Loss and metric of a row.
            block: Rows of one pass; the padded validation rows are a multiple of it.
        """
        self._template, self._row_losses, self._block = template, row_losses, block

    def __call__(self, state: State, data: State) -> tuple[Any, Any, Any]:
        """Return loss (members,), metric (members,) and the loss of every row (members, rows).

        Args:
            state: Of the members.
            data: `val_x`, `val_y`, `val_weight`; padded rows weigh 0 and the weights add up to 1.
        """
        members, rows = state["live"].shape[0], data["val_x"].shape[0]

        def block(at: Any, losses: Any, metric: Any) -> tuple[Any, Any, Any]:
            start = at * self._block
            parts = [_rows(data[name], start, self._block) for name in ("val_x", "val_y")]
            weight = _rows(data["val_weight"], start, self._block)
            new, values = self._block_losses(state, *parts)
            losses = ops.slice_update(losses, (0, start), new)
            return at + 1, losses, metric + ops.sum(values * weight, axis=1)

        first = (ops.array(0, "int32"), ops.zeros((members, rows)), ops.zeros((members,)))
        blocks = rows // self._block
        _, losses, metric = ops.while_loop(lambda at, *_: at < blocks, block, first)
        return ops.sum(losses * data["val_weight"], axis=1), metric, losses

    def _block_losses(self, state: State, x: Any, y: Any) -> tuple[Any, Any]:
        def member(arguments: tuple[list[Any], list[Any]]) -> tuple[Any, Any]:
            outputs, _ = self._template.model.stateless_call(*arguments, x, training=False)
            return self._row_losses(y, outputs)

        members = state["live"].shape[0]
        results: tuple[Any, Any] = map_members(member, (state["weights"], state["rest"]), members)
        return results


def _rows(array: Any, start: Any, size: int) -> Any:
    rest = tuple(array.shape[1:])
    return ops.slice(array, (start, *[0] * len(rest)), (size, *rest))
