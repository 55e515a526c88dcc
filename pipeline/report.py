"""`python -m pipeline.report`: the page of a sweep, or of several compared, from the ledger."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pipeline.core.errors import ConfigError
from pipeline.runtime.cli import arguments, exit_with

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
    """Write the page of the sweeps that the command line names; return the exit code."""
    given = arguments(sys.argv[1:] if argv is None else argv, ARGUMENTS, ("sweep",), ABOUT)
    sweeps = [name for name in given["sweep"].split(",") if name]
    if not sweeps:
        raise ConfigError(f"sweep={given['sweep']}: names no sweep; {ARGUMENTS['sweep']}")
    from pipeline.session.report import report

    print(report(sweeps, given.get("output"), given.get("tracking.uri")))
    return 0


if __name__ == "__main__":
    exit_with(main)
