"""`python -m pipeline.predict`: raw rows in, predictions out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli import exit_with, words
from pipeline.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pandas as pd

WORDS = {
    "model": "RUN_ID of a sweep (its champion) or of a fit, NAME@ALIAS, or a models:/ URI",
    "input": "CSV (also .gz) or Parquet file with the columns that the model was trained on, or a"
    " folder of images",
    "output": "file to write: .csv, .csv.gz or .parquet; in CSV a text that a spreadsheet would run"
    " (=..., @..., +a, -a) stands behind an apostrophe",
    "tracking.uri": "MLflow store; default: sqlite under mlruns/ in the working directory",
}
ABOUT = "python -m pipeline.predict model=MODEL input=FILE output=FILE: predictions for raw rows"
SUFFIXES = (".csv", ".csv.gz", ".parquet")


def main(argv: list[str] | None = None) -> int:
    """Predict the rows of a file; return the exit code."""
    asked = words(
        sys.argv[1:] if argv is None else argv, WORDS, ("model", "input", "output"), ABOUT
    )
    output = Path(asked["output"])
    _check_output(output)
    from pipeline.data.source import find
    from pipeline.tracking.location import check, resolve

    source = find(asked["input"], "input")
    location = resolve(asked.get("tracking.uri"))
    check(location, reading=True)

    rows = _rows(source)
    from pipeline.tracking.find_model import load_predictor
    from pipeline.training.quiet import start

    start()
    predictor = load_predictor(location, asked["model"])
    try:
        predicted = predictor.predict(rows)
    except ValueError as error:
        raise DataError(f"input={asked['input']}: {error}") from error
    if source.is_dir():  # a table's predictions are in the order of its rows
        predicted = rows.join(predicted)
    _write(predicted, output)
    print(f"{len(predicted):,} predictions in {output}")
    return 0


def _rows(source: Path) -> pd.DataFrame:
    """Return the rows of a table, or one row for every image of a folder."""
    if source.is_dir():
        from pipeline.data.images import image_rows

        rows, notes = image_rows(source, "input")
        for note in notes:
            print(note, file=sys.stderr)
        return rows
    from pipeline.data.load import read_table

    return read_table(source, "input")


def _check_output(output: Path) -> None:
    """Refuse an output that could not be written, before anything slow."""
    if not output.name.endswith(SUFFIXES):
        raise ConfigError(f"output={output}: the name must end in {', '.join(SUFFIXES)}")
    if output.is_dir() or not output.absolute().parent.is_dir():
        problem = "is a folder" if output.is_dir() else "its folder does not exist"
        raise ConfigError(f"output={output}: {problem}")


def _write(predicted: pd.DataFrame, output: Path) -> None:
    """Write predictions whole or not at all: a file beside the output takes its name at the end."""
    from pipeline.data.csvfile import write_csv

    suffix = "".join(output.suffixes[-2:]) if output.name.endswith(".csv.gz") else output.suffix
    partial = output.with_name(f".{output.name}.partial{suffix}")
    try:
        if suffix == ".parquet":
            predicted.to_parquet(partial, index=False)
        else:
            write_csv(predicted, partial)
        partial.replace(output)
    except OSError as error:
        raise ConfigError(f"output={output}: cannot be written ({error.strerror})") from error
    finally:
        partial.unlink(missing_ok=True)


if __name__ == "__main__":
    exit_with(main)
