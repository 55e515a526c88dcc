"""Commands as a person has to type them: the programs of this environment, whether it is activated or not."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from pathlib import Path

DISTRIBUTION = "capacity-sweep"
"""What is installed; the package is `pipeline`."""


def program(name: str) -> str:
    """Return how this environment's program is called: by its path where the name alone means another."""
    own = Path(sys.executable).parent / name
    found = shutil.which(name)
    is_own = found is not None and Path(found).absolute() == own.absolute()
    return name if is_own or not own.exists() else str(own)


def module(name: str, *words: str) -> str:
    """Return the command that runs a module of the package: `python -m pipeline.predict ...`."""
    return shlex.join([program("python"), "-m", f"pipeline.{name}", *words])


def quoted(text: str) -> str:
    """Return text in Hydra's quotes: a quote of that kind is escaped, and so are backslashes before one.

    Double ones where it holds single ones: Hydra keeps the word, and reads look-ups in it again.
    """
    mark = '"' if "'" in text and '"' not in text else "'"
    escape = re.compile(rf"(\\*)({mark}|$)")
    inside = escape.sub(lambda match: match[1] * 2 + f"\\{mark}" * bool(match[2]), text)
    return f"{mark}{inside}{mark}"


def resume_command(run_id: str) -> str:
    """Return the command that continues the sweep of this process."""
    words = [word for word in sys.argv[1:] if not word.startswith("resume=")]
    return module("sweep", *words, f"resume={run_id}")


def version() -> str:
    """Return what `--version` prints."""
    from pipeline import __version__

    return f"{DISTRIBUTION} {__version__}"
