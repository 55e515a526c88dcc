"""From a file of raw rows to a file of predictions, by a saved model."""

from __future__ import annotations

import gzip
import shutil
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import pandas as pd

from pipeline.config.combinations import TABS
from pipeline.config.schema_data import DataConfig
from pipeline.core.errors import ConfigError, DataError
from pipeline.core.files import write_whole
from pipeline.core.language import plural
from pipeline.ledger.location import Location, check, resolve
from pipeline.models.artefact_predictor import UNREADABLE, Predictor

SUFFIXES = (".csv", ".csv.gz", ".parquet")
STDIN, STDOUT = {"-", "/dev/stdin"}, {"-", "/dev/stdout"}


def predict(given: Mapping[str, str]) -> str:
    """Predict the rows of a file; return how many, in a sentence.

    Args:
        given: The arguments `model`, `input` and `output`, maybe `id`, `delimiter`, `unreadable` and
            `tracking.uri`.

    Raises:
        ConfigError: An argument that cannot be used.
        DataError: Rows that the model does not take.
    """
    share = _share(given.get("unreadable"))
    output = _output(given["output"])
    location = resolve(given.get("tracking.uri"))
    check(location, reading=True)
    with ExitStack() as stack:
        source = _source(given["input"], stack)
        if output is not None and output.exists() and output.samefile(source):
            raise ConfigError(f"output={output} is the input; choose another name")
        rows = _rows(source, given.get("delimiter"))
    ids = _ids(rows, given.get("id"))
    predicted, note = _predictions(given, location, rows, share)
    if ids is not None:
        predicted.insert(0, str(ids.name), ids)
    if source.is_dir():  # a table's predictions are in the order of its rows
        predicted = rows.join(predicted)
    _write(predicted, output)
    return f"{plural(len(predicted), 'prediction')} in {output or 'stdout'}{note}"


def _predictions(
    given: Mapping[str, str], location: Location, rows: pd.DataFrame, share: float
) -> tuple[pd.DataFrame, str]:
    """Return the predictions, and a note on values that count as missing."""
    from pipeline.models.find_model import load_predictor
    from pipeline.training.host import start

    checked: list[pd.DataFrame] = []

    def look(predictor: Predictor) -> None:
        """Refuse rows that cannot be meant before TensorFlow is imported."""
        try:
            checked.append(predictor.check(rows, share))
        except ValueError as error:
            raise DataError(f"input={given['input']}: {error}") from error
        start()

    predictor = load_predictor(location, given["model"], look)
    try:
        predicted = predictor.answers(checked[0])
    except (ValueError, OSError) as error:
        raise DataError(f"input={given['input']}: {error}") from error
    imputed = sum(predictor.unread.values())
    return predicted, f" ({imputed:,} unreadable values counted as missing)" if imputed else ""


def _share(text: str | None) -> float:
    """Return the largest share of a column's values that may be unreadable."""
    if text is None:
        return UNREADABLE
    try:
        share = 0.0 if text == "error" else float(text)
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 1.0:
        raise ConfigError(f"unreadable={text}: must be a share from 0 to 1, or error")
    return share


def _source(text: str, stack: ExitStack) -> Path:
    """Return the file or folder to read; a pipe is copied until the stack ends: tables are read twice."""
    from pipeline.data.source import find

    if text not in STDIN and not (place := find(text, "input")).is_fifo():
        return place
    copy = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "stdin"
    with copy.open("wb") as target:
        pipe = sys.stdin.buffer if text in STDIN else stack.enter_context(place.open("rb"))
        shutil.copyfileobj(pipe, target)
    return copy


def _ids(rows: pd.DataFrame, name: str | None) -> pd.Series | None:
    """Return the column that is kept beside the predictions."""
    if name is None:
        return None
    if name not in rows.columns:
        shown = ", ".join(repr(str(column)) for column in rows.columns[:10])
        raise ConfigError(f"id={name}: the input has no such column; it has {shown}")
    if name == "prediction" or name.startswith("probability_"):
        raise ConfigError(f"id={name}: a prediction has this name; rename the column in the input")
    return rows[name]


def _rows(source: Path, delimiter: str | None) -> pd.DataFrame:
    """Return the rows of a table, or one row for every image of a folder."""
    if delimiter is not None and len(delimiter) != 1 and delimiter not in TABS:
        raise ConfigError(f"delimiter={delimiter}: must be one character, or tab")
    if source.is_dir():
        from pipeline.data.images import image_rows

        rows, notes = image_rows(source, "input")
        for note in notes:
            sys.stderr.write(f"{note}\n")
        return rows
    from pipeline.data.load import read_table

    return read_table(source, "input", config=DataConfig(delimiter=delimiter))


def _output(text: str) -> Path | None:
    """Return the file to write, None for stdout; what could not be written is refused at once."""
    if text in STDOUT:
        return None
    output = Path(text)
    if not output.name.endswith(SUFFIXES):
        raise ConfigError(f"output={output}: the name must end in {', '.join(SUFFIXES)}")
    if output.is_dir() or not output.absolute().parent.is_dir():
        problem = "is a folder" if output.is_dir() else "its folder does not exist"
        raise ConfigError(f"output={output}: {problem}")
    return output


def _write(predicted: pd.DataFrame, output: Path | None) -> None:
    from pipeline.data.csvfile import write_csv

    if output is None:
        sys.stdout.write(write_csv(predicted))
        return
    if output.suffix == ".parquet":
        content = predicted.to_parquet(index=False)
    else:
        content = write_csv(predicted).encode()
    try:
        write_whole(output, gzip.compress(content) if output.suffix == ".gz" else content)
    except OSError as error:
        raise ConfigError(f"output={output}: cannot be written ({error.strerror})") from error
