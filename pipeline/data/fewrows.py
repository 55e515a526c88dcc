"""Whether one split leaves enough rows to choose a network by, and what to do where it does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipeline.data.columns import Attention, ColumnFact, said
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
    """That there are few validation rows; both words are empty where there are enough."""

    note: str = ""
    """A sentence without its full stop."""
    hint: str = ""
    """The override that mends it."""

    @property
    def lines(self) -> list[str]:
        """What to say, at most one line."""
        return [f"{self.note}; {self.hint} validates on every row."] if self.note else []


def few_rows(dataset: Dataset) -> Few:
    """Return what to say of few validation rows; nothing where folds validate on every row already."""
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
    """Return what a person should look at, the gravest first: columns, and few validation rows."""
    lines = said(facts)
    severe = sum(fact.attention is Attention.severe for fact in facts)
    return [*lines[:severe], *few_rows(dataset).lines, *lines[severe:]]
