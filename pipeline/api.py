"""A sweep from Python: the same configuration, ledger and report as `python -m pipeline.sweep`.

In a notebook::

    from pipeline import api

    result = api.sweep(frame, target="rent", **{"budget.seconds": 60})
    print(result.answer)
    result.figure("capacity").show()
    result.predict(new_rows)
"""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline.core.commands import quoted
from pipeline.core.errors import ConfigError, DataError, SweepError
from pipeline.ledger.location import resolve
from pipeline.ledger.read import SweepRecord
from pipeline.runtime.budget import process_seconds
from pipeline.session import results
from pipeline.session.guest import guest

if TYPE_CHECKING:
    from pipeline.figures.palette import Figure
    from pipeline.models.find_model import PortableModel

TABLE = "data.parquet"
"""The DataFrame as the sweep reads it, kept in the output folder, so that the sweep can be repeated."""

_one_sweep = threading.Lock()
"""Two sweeps at once in a process would share its random states, threads and terminal."""


@dataclass(frozen=True)
class SweepResult:
    """The result of a sweep: its record, answer, figures and predictions."""

    run_id: str
    """The id of the parent run, for `resume=`, `report` and `results`."""
    output_dir: Path
    """Holds summary.json, report.html and the table."""
    tracking_uri: str | None
    """The store; None is the default one."""

    @cached_property
    def record(self) -> SweepRecord:
        """The record of the sweep in the ledger, read once; `results` makes tables of it."""
        return results.read(self.run_id, self.tracking_uri)

    @cached_property
    def _model(self) -> PortableModel:
        """The champion, read from the store once."""
        from pipeline.models.find_model import PortableModel

        return PortableModel.download(resolve(self.tracking_uri), self.run_id)

    @property
    def summary(self) -> dict[str, Any]:
        """The content of summary.json."""
        return self.record.summary

    @property
    def answer(self) -> str:
        """Three sentences: the chosen network, why, and its score."""
        return results.answer(self.record)

    @property
    def columns(self) -> pd.DataFrame:
        """One row for each column of the table: how it is used, and the override that changes that."""
        return results.columns(self.record)

    def _repr_html_(self) -> str:
        """Return the display of a notebook: answer, picture and table of the capacities."""
        return results.html(self.record)

    def figure(self, name: str = "capacity") -> Figure:
        """Return one figure by name; `results.figures` returns all."""
        return results.figure(self.record, name)

    def predict(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the champion's predictions for raw rows, with the training table's columns.

        Raises:
            DataError: A column is missing, or its values cannot be read as those of training.
        """
        from pipeline.data.frame import plain_frame

        with guest():
            try:
                return self._model.predictor.predict(plain_frame(rows))
            except ValueError as error:  # the saved model cannot read the rows
                raise DataError(str(error)) from error


def sweep(
    frame: pd.DataFrame | None = None,
    target: object = None,
    *,
    name: str | None = None,
    output_dir: str | Path | None = None,
    **overrides: object,
) -> SweepResult:
    """Run a sweep and return its result.

    Args:
        frame: The table; None sweeps the data that the overrides name (default: wages).
        target: The column to predict, as the DataFrame calls it; needed with a table.
        name: Name of the sweep in the store and in its report.
        output_dir: Folder of summary.json and the report; default a new one under `outputs/`.
        **overrides: Any key of the command line, with dots or with `__` in their place:
            `**{"search.max_parameters": 5000}`, `training__epochs=50`, `search="bayesian"`.

    Raises:
        SweepError: As on the command line; its message says what to do.
    """
    began = process_seconds()  # the sweep is younger than the notebook's process
    folder = Path(output_dir or datetime.now(UTC).strftime("outputs/%Y-%m-%d/%H-%M-%S-%f"))
    given = {key.replace("__", "."): _value(value) for key, value in overrides.items()}
    if name is not None:
        given = {"data.name": _item(name)} | given
    if not _one_sweep.acquire(blocking=False):
        raise ConfigError(
            "another sweep is running in this process; wait for its end, or run this one in a process of"
            " its own (python -m pipeline.sweep)"
        )
    try:
        from pipeline.config.compose import own_hydra

        with guest(), own_hydra():
            return _sweep(frame, target, folder, given, began)
    finally:
        _one_sweep.release()


def _sweep(
    frame: pd.DataFrame | None, target: object, folder: Path, given: dict[str, str], began: float
) -> SweepResult:
    """Run a sweep in a guarded process."""
    path = (folder / TABLE).absolute()
    if frame is not None:
        from pipeline.data import frame as border

        frame = border.check_frame(frame)
        name = border.find_target(frame, target)
        frame, is_classes = border.with_plain_target(frame, name)
        own = {"data.path": _item(str(path)), "data.target": _item(name)}
        own |= {"data.task": "classification"} if is_classes else {}
        given = {"data": "table"} | own | given
    from pipeline.config.compose import compose

    arguments = [f"{key}={value}" for key, value in given.items()]
    config = compose(arguments)
    folder.mkdir(parents=True, exist_ok=True)
    if frame is not None:
        border.write_frame(frame, path, config.data.drop)
    from pipeline.session.loop import run

    with _command_line(arguments):
        run(config, folder, grace=None, began=began, quiet=not config.verbose)

    try:
        done = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise SweepError(
            f"the sweep is complete in the tracking store, but {folder} does not take its summary.json: "
            f"{error}. Give another folder (output_dir=)."
        ) from None
    return SweepResult(done["sweep_run_id"], folder, config.tracking.uri)


def _value(value: object) -> str:
    """Write a value as the command line does."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case dict():
            return f"{{{','.join(f'{_key(key)}: {_item(item)}' for key, item in value.items())}}}"
        case list() | tuple():
            return f"[{','.join(_item(item) for item in value)}]"
    return str(value)


def _key(name: object) -> str:
    """Write a key of a mapping, the name of a column."""
    return str(name) if str(name).isidentifier() else quoted(str(name))


def _item(value: object) -> str:
    """Write an item of a list; text is quoted where it holds special characters, or would not stay text."""
    if isinstance(value, str):
        is_plain = value != "null" and re.fullmatch(r"[\w./:@%+-]+", value)
        return value if is_plain else quoted(value)
    return _value(value)


@contextmanager
def _command_line(arguments: Sequence[str]) -> Iterator[None]:
    """Record these arguments as the command, not those that started the notebook."""
    before, sys.argv = sys.argv, ["pipeline.sweep", *arguments]
    try:
        yield
    finally:
        sys.argv = before
