"""Commands as a person types them, with the programs of this environment whether it is activated or not."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from pathlib import Path

DISTRIBUTION = "capacity-sweep"
"""Name of the distribution; the package is `pipeline`."""


def program(name: str) -> str:
    """Return the name of a program of this environment; its path where the name alone runs another."""
    own = Path(sys.executable).parent / name
    on_path = shutil.which(name)
    is_own = on_path is not None and Path(on_path).absolute() == own.absolute()
    return name if is_own or not own.exists() else str(own)


def module(name: str, *arguments: str) -> str:
    """Return the command that runs a module of the package: `python -m pipeline.predict ...`."""
    return shlex.join([program("python"), "-m", f"pipeline.{name}", *arguments])


def quoted(text: str) -> str:
    """Return text in Hydra's quotes: a quote of that kind is escaped, and so are backslashes before one.

    Double quotes where the text holds single ones: Hydra keeps the value, and resolves look-ups in it later.
    """
    mark = '"' if "'" in text and '"' not in text else "'"
    escape = re.compile(rf"(\\*)({mark}|$)")
    inside = escape.sub(lambda match: match[1] * 2 + f"\\{mark}" * bool(match[2]), text)
    return f"{mark}{inside}{mark}"


def resume_command(run_id: str) -> str:
    """Return the command that continues the sweep of this process."""
    arguments = [argument for argument in sys.argv[1:] if not argument.startswith("resume=")]
    return module("sweep", *arguments, f"resume={run_id}")


def version() -> str:
    """Return the output of `--version`."""
    from pipeline import __version__

    return f"{DISTRIBUTION} {__version__}"
