"""Warning where a split has few validation rows, with the number of folds that is proposed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipeline.data.columns import Attention, ColumnFact, few_of, said
from pipeline.data.dataset import Dataset

FEW = 100
"""Validation rows (groups, with `data.group`) below which folds are proposed.

`benchmarks/small.py`, 16 tables with 16 to 91 of them, 1 = what a constant loses: the score of a split is
0.16 off the test loss, that of five folds 0.09. Proposed, not done: it saves another model.
"""
MEASURED = (
    "on small tables such a score missed the test loss by 16 % of what a constant prediction loses, "
    "that of five folds by 9 %"
)
"""From the same figures."""
FOLDS = 5
"""That are proposed; fewer where there are fewer groups."""


class Few(NamedTuple):
    """A warning on few validation rows; both texts are empty where there are enough."""

    note: str = ""
    """A sentence without its full stop."""
    hint: str = ""
    """The override that validates on every row."""

    @property
    def lines(self) -> list[str]:
        """The warning as a list of at most one line."""
        return [f"{self.note}; {self.hint} validates on every row."] if self.note else []


def few_rows(dataset: Dataset) -> Few:
    """Return the warning on few validation rows; empty with enough rows, or with folds."""
    if len(dataset.split.folds) > 1:
        return Few()
    rows, known = dataset.split.validation, dataset.split.known
    units, everything, what = len(rows), len(known), "validation rows"
    if dataset.groups is not None:
        units, everything = (len(np.unique(dataset.groups[part])) for part in (rows, known))
        what = "groups of validation rows"
    if units >= FEW:
        return Few()
    note = f"{units} {what} say little: {MEASURED}"
    return Few(note, f"data.folds={min(FOLDS, everything)}")


def attention(dataset: Dataset, facts: Sequence[ColumnFact]) -> list[str]:
    """Return lines on what needs attention, the gravest first: columns, few validation rows, the table."""
    lines = said(facts)
    severe = sum(fact.attention is Attention.severe for fact in facts)
    notes = few_of(dataset.table_notes, "notes in sweep.log")
    return [*lines[:severe], *few_rows(dataset).lines, *notes, *lines[severe:]]
