"""`python -m pipeline`: prints the commands."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pipeline.runtime.cli import exit_with

COMMANDS = {
    "sweep": "finds the right-sized network for a table: the main job",
    "plan": "says what the sweep would do: trials, fits, seconds, money",
    "predict": "raw rows in, predictions out",
    "report": "the page of a sweep again, or several sweeps compared",
    "replay": "trains one recorded fit again and compares every epoch",
    "doctor": "checks store, accelerator and versions, and says what to do",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Print the commands, or the version; return the exit code."""
    from pipeline.config.messages import did_you_mean
    from pipeline.core.commands import module, version
    from pipeline.core.errors import ConfigError

    arguments = list(sys.argv[1:] if argv is None else argv)
    if "--version" in arguments:
        print(version())
        return 0
    if arguments and not {"-h", "--help"} & set(arguments):
        name = arguments[0]
        if name in COMMANDS:
            raise ConfigError(f"a dot, not a space, before the command: {module(*arguments)}")
        raise ConfigError(
            f"{name}: no such command{did_you_mean(name, COMMANDS)}"
            f" (python -m pipeline.COMMAND; allowed: {', '.join(COMMANDS)})"
        )
    print("Finds the right-sized Keras network for your table, and shows why.\n")
    for name, purpose in COMMANDS.items():
        print(f"  python -m pipeline.{name:<8}  {purpose}")
    print("\nEach explains itself with --help. --version says which version this is.")
    return 0


if __name__ == "__main__":
    exit_with(main)
