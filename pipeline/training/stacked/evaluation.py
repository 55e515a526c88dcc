"""The validation pass of all members, in blocks of rows that stay in the cache."""

from __future__ import annotations

from typing import Any

from keras import ops

from pipeline.training.metrics import VAL_AUC
from pipeline.training.stacked.auc import auc
from pipeline.training.stacked.backend import map_members, put
from pipeline.training.stacked.step import RowLosses, State
from pipeline.training.stacked.template import Template


class Evaluation:
    """Loss and metric on the validation rows as a function of the state."""

    def __init__(
        self, template: Template, row_losses: RowLosses, block: int, *, scores: bool
    ) -> None:
        """Bind what is fixed in a program.

        Args:
            template: The network.
            row_losses: Loss and metric of a row.
            block: Rows of one pass; the padded validation rows are a multiple of it.
            scores: Whether the area under the ROC curve is measured; two classes only.
        """
        self._template, self._row_losses, self._block = template, row_losses, block
        self._scores = scores

    def __call__(self, state: State, data: State) -> tuple[State, Any]:
        """Return the curves' values (members,) by name, and the row losses (members, rows).

        Args:
            state: Of the members.
            data: `val_x`, `val_y`, `val_weight`, whose mean over the rows of the table is 1 and which
                is 0 for padded rows; `val_rows`, how many rows the table has.
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
        """What is kept of every row."""
        return ("loss", "metric", "score") if self._scores else ("loss", "metric")

    def _block_values(self, state: State, data: State, start: Any) -> list[Any]:
        """Return what is kept of the rows of a block, (members, rows) each."""
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
