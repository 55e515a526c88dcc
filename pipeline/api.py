"""A sweep from Python: the same configuration, ledger and report as `python -m pipeline.sweep`.

In a notebook::

    from pipeline import api

    found = api.sweep(frame, target="rent", **{"budget.seconds": 60})
    print(found.answer)
    found.figure("capacity").show()
    found.predict(new_rows)
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import results
from pipeline.budget import process_seconds
from pipeline.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from pipeline.figures.palette import Figure
    from pipeline.tracking.read import SweepRecord

TABLE = "data.parquet"
"""The DataFrame as the sweep reads it, in the output folder: what was swept can be swept again."""


@dataclass(frozen=True)
class Found:
    """What a sweep came to."""

    run_id: str
    """Of the parent run; `resume=`, `report` and `results` know the sweep by it."""
    output_dir: Path
    """Holds summary.json, report.html and the table."""
    tracking_uri: str | None
    """Where it is recorded; None is the default store."""

    @cached_property
    def record(self) -> SweepRecord:
        """Everything that the ledger holds, read once; `results` makes tables of it."""
        return results.read(self.run_id, self.tracking_uri)

    @property
    def summary(self) -> dict[str, Any]:
        """The content of summary.json."""
        return self.record.summary

    @property
    def answer(self) -> str:
        """What to use, why, and how good it is: three sentences."""
        return results.answer(self.record)

    @property
    def columns(self) -> pd.DataFrame:
        """What became of each column of the table, and the override that changes it."""
        return results.columns(self.record)

    def figure(self, name: str = "capacity") -> Figure:
        """Return one figure by name; `results.figures` returns all."""
        return results.figure(self.record, name)

    def predict(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the champion's predictions for raw rows, with the training table's columns."""
        from pipeline.tracking.find_model import load_predictor
        from pipeline.tracking.location import resolve

        return load_predictor(resolve(self.tracking_uri), self.run_id).predict(rows)


def sweep(
    frame: pd.DataFrame | None = None,
    target: str | None = None,
    *,
    output_dir: str | Path | None = None,
    **overrides: object,
) -> Found:
    """Run a sweep and return what it found.

    Args:
        frame: The table; None sweeps the data that the overrides name (default: wages).
        target: The column to predict; needed with a table.
        output_dir: Where summary.json and the report go; default a new folder under `outputs/`.
        **overrides: Any key of the command line, with dots or with `__` in their place:
            `**{"search.max_parameters": 5000}`, `training__epochs=50`, `search="bayesian"`.

    Raises:
        SweepError: What the command line would end with; its message says what to do.
    """
    began = process_seconds()  # the age of the notebook is not the sweep's
    folder = Path(output_dir or datetime.now(UTC).strftime("outputs/%Y-%m-%d/%H-%M-%S-%f"))
    given = {key.replace("__", "."): value for key, value in overrides.items()}
    if frame is not None:
        given = _table(frame, target, folder) | given
    from pipeline.config.compose import compose

    words = [f"{key}={_word(value)}" for key, value in given.items()]
    config = compose(words)
    folder.mkdir(parents=True, exist_ok=True)
    from pipeline.runner import run

    with _command_line(words):
        run(config, folder, grace=None, began=began)
    import json

    done = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return Found(done["sweep_run_id"], folder, config.tracking.uri)


def _table(frame: pd.DataFrame, target: str | None, folder: Path) -> dict[str, object]:
    """Write the DataFrame where the sweep can read it, and return the overrides that say so."""
    if target is None:
        raise DataError("target=None: say which column of the DataFrame is to be predicted")
    if target not in frame.columns:
        known = ", ".join(map(str, frame.columns[:10]))
        raise DataError(f"target={target!r}: no such column; the DataFrame has {known}")
    folder.mkdir(parents=True, exist_ok=True)
    path = (folder / TABLE).absolute()
    frame.to_parquet(path, index=False)
    return {"data": "table", "data.path": path, "data.target": target}


def _word(value: object) -> str:
    """Write a value as the command line does."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case list() | tuple():
            return f"[{','.join(_item(item) for item in value)}]"
    return str(value)


def _item(value: object) -> str:
    """Write an item of a list; text is quoted, as it may hold a comma or a bracket."""
    if isinstance(value, str):
        from pipeline.config.overrides import quoted

        return quoted(value)
    return _word(value)


@contextmanager
def _command_line(words: Sequence[str]) -> Iterator[None]:
    """Let the ledger write down these words as the command, not those that started the notebook."""
    before, sys.argv = sys.argv, ["pipeline.sweep", *words]
    try:
        yield
    finally:
        sys.argv = before
