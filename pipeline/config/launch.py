"""From the words after `python -m pipeline.sweep` to checked runs, one output folder each.

Hydra composes, keeps the output folders and runs `-m`; what can be wrong is found before it starts.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.config.commandline import parse, runs
from pipeline.config.help import help_text
from pipeline.errors import ConfigError, Interrupted, SweepError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from omegaconf import DictConfig

    from pipeline.config.commandline import CommandLine
    from pipeline.config.schema import SweepConfig

    Task = Callable[[SweepConfig, Path], int]
    Check = Callable[[SweepConfig], None]

logger = logging.getLogger(__name__)

SWEEP = "pipeline.sweep"
SWEEP_PURPOSE = (
    "Finds the right-sized neural network for a table or small images: increases capacity while the"
    " validation loss improves beyond noise, then reduces it, and shows why. Everything is logged to MLflow."
)
_QUIET_LIBRARIES = {"TF_CPP_MIN_LOG_LEVEL": "2", "MLFLOW_LOGGING_LEVEL": "WARNING"}
"""Warnings and errors of TensorFlow and MLflow are shown, their notes are not, unless the user asks."""


def launch(task: Task, check: Check, argv: Sequence[str] | None = None) -> int:
    """Run the task once, or under `-m` once for every combination, and return the worst exit code.

    Args:
        task: Gets the checked configuration and its output folder, which exists; returns an exit code.
        check: Looks at what a configuration points to (files), before anything is written.
        argv: The words of the command line; None: the process's own.

    Raises:
        ConfigError: Anything wrong with the command line, the files of conf/ or an output folder.
        DataError: What `check` raises.
    """
    line = parse(sys.argv[1:] if argv is None else argv)
    if line.help is not None:
        print(help_text(SWEEP, SWEEP_PURPOSE, line.help, line.extra))  # noqa: T201 - the answer
        return 0
    words = _checked(line, check)
    if line.show:
        return 0
    for name, value in _QUIET_LIBRARIES.items():
        os.environ.setdefault(name, value)
    return _run(task, words, multirun=line.multirun)


def compose_for_plan(argv: Sequence[str], program: str, purpose: str) -> SweepConfig:
    """Return the checked configuration of the same words, for a program that runs nothing.

    Raises:
        ConfigError: As `launch`; several values for a key as well.
        SystemExit: After `--help`.
    """
    from pipeline.config.compose import compose

    line = parse(argv)
    if line.help is not None:
        print(help_text(program, purpose, line.help, line.extra))  # noqa: T201 - the answer
        raise SystemExit(0)
    if line.multirun:
        raise ConfigError(f"{program} takes one configuration; leave -m out")
    return compose(line.overrides, line.extra)


def _checked(line: CommandLine, check: Check) -> list[str]:
    """Return the words for Hydra, after every run they lead to was composed and checked."""
    from pipeline.config.compose import compose_raw, plain, read_words
    from pipeline.config.text import dump

    words = read_words(line.overrides, line.extra, multirun=line.multirun)
    folder = "sweep" if line.multirun else "run"
    for overrides in runs(words) if line.multirun else [words]:
        raw = compose_raw(overrides)
        config = plain(raw)
        if line.show:
            print(dump(config))  # noqa: T201 - the answer
            continue
        check(config)
    return [*words, _output_folder(str(raw.hydra[folder].dir), folder)] if not line.show else words


def _output_folder(path: str, kind: str) -> str:
    """Make the output folder; return the word that tells Hydra of it."""
    from pipeline.config.overrides import quoted

    folder = Path(path).absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"hydra.{kind}.dir={path}: the output folder cannot be made: {error.strerror}"
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(f"hydra.{kind}.dir={path}: the output folder cannot be written to")
    return f"hydra.{kind}.dir={quoted(str(folder))}"


def _run(task: Task, words: Sequence[str], *, multirun: bool) -> int:
    import hydra

    from pipeline.config.compose import register
    from pipeline.config.places import conf_dir

    codes: list[int] = []

    def job(cfg: DictConfig) -> None:
        codes.append(_one(task, cfg))

    register()
    os.environ["HYDRA_FULL_ERROR"] = "1"  # else Hydra prints errors itself and exits with 1
    before, sys.argv = sys.argv, [sys.argv[0], *["-m"] * multirun, *words]
    try:
        hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="sweep")(job)()
    finally:
        sys.argv = before
    return max(codes, default=0)


def _one(task: Task, cfg: DictConfig) -> int:
    """Run the task in its output folder; a failure is told, and the next run of `-m` goes on."""
    from hydra.core.hydra_config import HydraConfig

    from pipeline.config.compose import plain
    from pipeline.config.text import dump

    config = plain(cfg)
    folder = Path(HydraConfig.get().runtime.output_dir)
    (folder / "config.yaml").write_text(dump(config), encoding="utf-8")
    if not config.verbose:
        _quieten()
    try:
        return task(config, folder)
    except Interrupted as error:
        _tell(error)
        raise SystemExit(error.exit_code) from error  # no further run of -m starts
    except SweepError as error:
        _tell(error)
        return error.exit_code
    except Exception:
        logger.exception("unexpected failure; please report it with the lines below")
        return 1


def _tell(error: SweepError) -> None:
    """Put a failure that the user can act on on the terminal and into sweep.log, without a traceback."""
    logger.error(str(error))


def _quieten() -> None:
    """Leave only warnings on the terminal; the file keeps all."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler) and not isinstance(
            handler, logging.FileHandler
        ):
            handler.setLevel(logging.WARNING)
