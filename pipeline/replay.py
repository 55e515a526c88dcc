"""`python -m pipeline.replay`: retrain one recorded fit and compare every epoch."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pipeline.runtime.cli import arguments, exit_with

ABOUT = (
    "python -m pipeline.replay run=RUN_ID [data.path=FILE] [tracking.uri=URI]\n\n"
    "Trains the stack of a recorded fit again and says whether every epoch is equal."
)
ARGUMENTS = {
    "run": "id of a fit: a child run of a sweep",
    "data.path": "where the table lies now, when it has moved",
    "model.builder": "the user's own builder, which is never taken from a store",
    "tracking.uri": "the store that holds the fit; default sqlite under mlruns/",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Replay the fit that the command line names; return 0 when every epoch is equal, else 1."""
    given = arguments(sys.argv[1:] if argv is None else argv, ARGUMENTS, ("run",), ABOUT)
    from pipeline.session.replay import replay

    equal, sentence = replay(given)
    print(sentence)
    return 0 if equal else 1


if __name__ == "__main__":
    exit_with(main)
