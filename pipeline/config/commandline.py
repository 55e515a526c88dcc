"""The command line of `python -m pipeline.sweep`: flags and arguments."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from pipeline.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

_NO_HELP = "no --help"


@dataclass(frozen=True)
class CommandLine:
    """What was asked for."""

    arguments: tuple[str, ...]
    """`key=value` each, as typed."""
    multirun: bool
    """Whether a comma separates values that are run one after another."""
    show: bool
    """Only print the composed configuration."""
    extra: Path | None
    """A further folder of configuration files."""
    help: str | None
    """The group to explain; empty for the overview, None when no help was asked for."""
    version: bool = False
    """Only say which version this is."""


def parse(argv: Sequence[str]) -> CommandLine:
    """Read the command line.

    Raises:
        ConfigError: An unknown flag, or a folder that does not exist.
    """
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("arguments", nargs="*")
    parser.add_argument("-h", "--help", nargs="?", const="", default=_NO_HELP)
    parser.add_argument("--version", action="store_true")
    parser.add_argument("-m", "--multirun", action="store_true")
    parser.add_argument("-c", "--cfg", choices=["job"])
    parser.add_argument("-cd", "--config-dir", type=Path)
    given = parser.parse_intermixed_args(list(argv))
    extra = given.config_dir.absolute() if given.config_dir else None
    if extra is not None and not extra.is_dir():
        raise ConfigError(f"--config-dir {given.config_dir}: no such folder")
    return CommandLine(
        arguments=tuple(given.arguments),
        multirun=given.multirun,
        show=given.cfg is not None,
        extra=extra,
        help=None if given.help == _NO_HELP else given.help,
        version=given.version,
    )


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser whose complaints are ours."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing a usage line and leaving."""
        raise ConfigError(
            f"{message} (settings are KEY=VALUE: data.target=COLUMN; flags: --help, --version, -m, "
            "--cfg job, --config-dir DIR)"
        )
