"""Reading tables row by row, in the types that are really there.

pandas' type stubs give every cell the union of all that a cell may hold; these few functions are the
one place where that is traded for `Any`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd


def rows(table: pd.DataFrame) -> Iterator[Any]:
    """Return the rows of a table as named tuples, without the index."""
    return table.itertuples(index=False)


def groups(table: pd.DataFrame, column: str) -> Iterator[tuple[Any, pd.DataFrame]]:
    """Return each value of a column with the rows that hold it, in order of appearance."""
    return iter(table.groupby(column, sort=False))


def lowest(table: pd.DataFrame, column: str) -> Any:
    """Return the row with the smallest value of a column."""
    return table.iloc[int(table[column].to_numpy().argmin())]


def named(table: pd.DataFrame, prefix: str) -> list[str]:
    """Return the columns whose name begins so, in order."""
    return [str(name) for name in table.columns if str(name).startswith(prefix)]
