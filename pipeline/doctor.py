"""`python -m pipeline.doctor`: checks store, versions and accelerator, and prints what to do."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pipeline.runtime.cli import arguments, exit_with

ARGUMENTS = {"tracking.uri": "MLflow store; default: sqlite under mlruns/ in the working directory"}
ABOUT = "python -m pipeline.doctor: is everything there that a sweep needs?"


def main(argv: Sequence[str] | None = None) -> int:
    """Print one line a check; return the exit code of the first that did not pass."""
    given = arguments(sys.argv[1:] if argv is None else argv, ARGUMENTS, about=ABOUT)
    from pipeline.ledger.doctor import checks
    from pipeline.ledger.location import resolve
    from pipeline.ledger.viewer import ui_address, ui_command

    location, code = resolve(given.get("tracking.uri")), 0
    for check in checks(location):
        mark = "ok" if check.passed else "FAIL" if check.code else "note"
        print(f"{mark:<5} {check.name:<12} {check.sentence}", flush=True)
        code = code or (0 if check.passed else check.code)
    then = "" if location.is_server else f" then {ui_address(location)}"
    print(f"Look at your sweeps: {ui_command(location)}{then}")
    return code


if __name__ == "__main__":
    exit_with(main)
