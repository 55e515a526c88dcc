"""`python -m pipeline.predict`: raw rows in, predictions out."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pipeline.runtime.cli import arguments, exit_with

ARGUMENTS = {
    "model": "RUN_ID of a sweep (its champion) or of a fit, NAME@ALIAS, a models:/ URI, or latest (the"
    " champion of the newest sweep that finished)",
    "input": "CSV (also .gz) or Parquet file with the columns that the model was trained on, a folder of"
    " images, or - (a table on stdin)",
    "output": "file to write: .csv, .csv.gz or .parquet, or - (CSV on stdout); in CSV a text that a"
    " spreadsheet would run (=..., @..., +a, -a) stands behind an apostrophe",
    "id": "column of the input that is written before the predictions",
    "delimiter": "what parts the cells of a CSV input, where it is not found: one character, or tab",
    "unreadable": "largest share of a column's given values that may be unreadable and then counts as"
    " missing, 0 to 1 (default 0.01), or error (none)",
    "tracking.uri": "MLflow store; default: sqlite under mlruns/ in the working directory",
}
ABOUT = "python -m pipeline.predict model=MODEL input=FILE output=FILE: predictions for raw rows"


def main(argv: Sequence[str] | None = None) -> int:
    """Predict the rows of a file; return the exit code."""
    needed = ("model", "input", "output")
    given = arguments(sys.argv[1:] if argv is None else argv, ARGUMENTS, needed, ABOUT)
    from pipeline.models.predict import STDOUT, predict

    sentence = predict(given)
    print(sentence, file=sys.stderr if given["output"] in STDOUT else sys.stdout)
    return 0


if __name__ == "__main__":
    exit_with(main)
