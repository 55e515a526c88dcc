"""`python -m pipeline.report`: the page of a sweep, or of several compared, from the ledger."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.errors import ConfigError
from pipeline.runtime.cli import arguments, exit_with

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.ledger.read import SweepRecord

ABOUT = (
    "python -m pipeline.report sweep=ID|latest|A,B [output=FILE] [tracking.uri=URI]\n\n"
    "Writes one HTML file that needs no network: a sweep's answer, figures, decisions and fits."
)
ARGUMENTS = {
    "sweep": "id of a sweep, `latest`, or several separated by commas to compare them",
    "output": "the file to write; default report.html, or comparison.html for several",
    "tracking.uri": "the store that holds the sweep; default sqlite under mlruns/",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page that the command line asks for; return the exit code."""
    given = arguments(
        sys.argv[1:] if argv is None else argv, ARGUMENTS, needed=("sweep",), about=ABOUT
    )
    sweeps = [name for name in given["sweep"].split(",") if name]
    if not sweeps:
        raise ConfigError(f"sweep={given['sweep']}: names no sweep; {ARGUMENTS['sweep']}")
    usual = "report.html" if len(sweeps) == 1 else "comparison.html"
    target = _writable(Path(given.get("output", usual)))
    from pipeline.ledger.read import read_sweep

    records = [read_sweep(given.get("tracking.uri"), sweep) for sweep in sweeps]
    from pipeline.session.summary import write

    try:
        write(target, render(records))
    except OSError as error:
        raise ConfigError(
            f"output={target}: cannot be written ({error.strerror}); output=FILE names another place"
        ) from error
    print(f"{target}: {_about(records)}")
    return 0


def render(records: Sequence[SweepRecord]) -> str:
    """Return the page of one sweep, or the comparison of several."""
    if len(records) == 1:
        from pipeline.figures.page import page

        return page(records[0])
    from pipeline.figures.comparepage import compare_page

    return compare_page(records)


def _writable(path: Path) -> Path:
    """Return the path when a file can be written there.

    Raises:
        ConfigError: Its folder does not exist, or it is a folder itself.
    """
    if path.is_dir():
        raise ConfigError(f"output={path}: is a folder; name the file to write, {path}/report.html")
    if not path.parent.is_dir():
        raise ConfigError(f"output={path}: there is no folder {path.parent}; make it first")
    return path


def _about(records: Sequence[SweepRecord]) -> str:
    from pipeline.figures.compare import sentences
    from pipeline.figures.verdict import answer

    return sentences(records)[0] if len(records) > 1 else answer(records[0])[0]


if __name__ == "__main__":
    exit_with(main)
