"""Turn the command line of `python -m pipeline.sweep` into checked runs, with one output folder each.

All checks precede the first write. Hydra only composes the files: its own runs would call, import and set
what a file names (callbacks, launchers, logging, job.env_set), and leave credentials in multirun.yaml. The
runs of `-m` follow one another in this process.
"""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from omegaconf import OmegaConf

from pipeline.config.help import SWEEP, groups, help_text
from pipeline.config.redact import RedactingFormatter, hide_secrets_of, redacted, redacted_argument
from pipeline.config.schema import SweepConfig
from pipeline.core.commands import version
from pipeline.core.errors import ConfigError, Interrupted, SweepError

FILE = "sweep.log"


class LogFile(logging.FileHandler):
    """A log file that warns once, on the terminal, when it cannot be written any more."""

    _lost = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Warn that the file is incomplete from here on."""
        if not self._lost and isinstance(error := sys.exception(), OSError):
            self._lost = True
            logging.getLogger(__name__).warning(
                "%s cannot be written (%s): it is incomplete from here on",
                self.baseFilename,
                error.strerror,
            )
        elif not self._lost:
            super().handleError(record)


def log_into(folder: Path, detailed: bool | str | list[str] = False) -> None:
    """Log into a file of a folder, warnings to the terminal too; replaces earlier logging settings.

    The file has lines of this package from INFO, of others from WARNING.

    Args:
        detailed: True: all lines of all loggers; or names of loggers whose lines are all wanted. The
            terminal shows them too.
    """
    names = [detailed] if isinstance(detailed, str) else detailed
    shown = logging.StreamHandler()
    shown.setLevel("NOTSET" if names else "WARNING")
    shown.setFormatter(RedactingFormatter("%(message)s"))
    file = LogFile(folder / FILE, encoding="utf-8")
    file.setFormatter(RedactingFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    level = "DEBUG" if names is True else "WARNING"
    logging.basicConfig(level=level, handlers=[shown, file], force=True)
    # The display prints these lines itself: here they only reach the file.
    display = logging.getLogger("pipeline.terminal.progress")
    display.handlers[:], display.propagate = [file], False
    logging.getLogger("pipeline").setLevel("INFO")
    for name in ["pipeline"] if names is True else names or []:
        logging.getLogger(name).setLevel("DEBUG")


Task = Callable[[SweepConfig, Path], int]
Check = Callable[[SweepConfig], None]

logger = logging.getLogger(__name__)

SWEEP_PURPOSE = (
    "Finds the right-sized neural network for a table or small images: increases capacity while the"
    " validation loss improves beyond noise, then reduces it, and shows why. Everything is logged to MLflow."
)
_QUIET_LIBRARIES = {"TF_CPP_MIN_LOG_LEVEL": "3", "MLFLOW_LOGGING_LEVEL": "WARNING"}
"""Log levels of libraries unless the user sets others: TensorFlow logs harmless events as errors (no GPU
driver, a program loaded from the cache)."""


def launch(task: Task, check: Check, argv: Sequence[str] | None = None) -> int:
    """Run the task once, or under `-m` once for every combination, and return the largest exit code.

    Args:
        task: Called with the checked configuration and its existing output folder; returns an exit code.
        check: Checks the files that a configuration points to, before anything is written.
        argv: The arguments of the command line; None: those of the process.

    Raises:
        ConfigError: Any problem with the command line, the files of conf/ or an output folder.
        DataError: Raised by `check`.
    """
    line = parse(sys.argv[1:] if argv is None else argv)
    if _answered(line, SWEEP, SWEEP_PURPOSE):
        return 0
    jobs = _checked(line, check)
    if line.cfg:
        return 0
    for name, value in _QUIET_LIBRARIES.items():
        os.environ.setdefault(name, value)
    return max([_run(task, job) for job in jobs])


def compose_for_plan(argv: Sequence[str], program: str, purpose: str) -> SweepConfig:
    """Return the checked configuration of the same arguments, for programs that train nothing.

    Raises:
        ConfigError: As `launch`, and for several values of a key.
        SystemExit: After `--help` or `--version`.
    """
    from pipeline.config.compose import compose

    line = parse(argv)
    if _answered(line, program, purpose):
        raise SystemExit(0)
    if line.multirun:
        raise ConfigError(f"{program} takes one configuration; leave -m out")
    return compose(line.arguments, line.extra)


class CommandLine(argparse.Namespace):
    """The parsed command line."""

    arguments: list[str]
    """`key=value` each, as typed."""
    multirun: bool
    """Whether commas separate values that are run one after another."""
    cfg: str | None
    """`job`: print the composed configuration and stop."""
    extra: Path | None
    """A further folder of configuration files."""
    help: str | None
    """The group to explain; empty: the overview, None: no help."""
    version: bool
    """Print the version and stop."""


def parse(argv: Sequence[str]) -> CommandLine:
    """Read the command line.

    Raises:
        ConfigError: An unknown flag, or a folder that does not exist.
    """
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("arguments", nargs="*")
    parser.add_argument("-h", "--help", nargs="?", const="")
    parser.add_argument("--version", action="store_true")
    parser.add_argument("-m", "--multirun", action="store_true")
    parser.add_argument("-c", "--cfg", choices=["job"])
    parser.add_argument("-cd", "--config-dir", type=_folder, dest="extra")
    return parser.parse_intermixed_args(list(argv), CommandLine())


def _folder(text: str) -> Path:
    folder = Path(text).absolute()
    if not folder.is_dir():
        raise ConfigError(f"--config-dir {text}: no such folder")
    return folder


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises ConfigError."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing a usage line and exiting."""
        raise ConfigError(
            f"{message} (settings are KEY=VALUE: data.target=COLUMN; flags: --help, --version, -m, "
            "--cfg job, --config-dir DIR)"
        )


def _answered(line: CommandLine, program: str, purpose: str) -> bool:
    """Print the help or the version where it is requested; return whether it was."""
    if line.version:
        print(version())  # noqa: T201 - the answer
    elif line.help is not None:
        print(help_text(program, purpose, line.help, line.extra))  # noqa: T201 - the answer
    return line.version or line.help is not None


@dataclass(frozen=True)
class _Job:
    """One checked run."""

    config: SweepConfig
    folder: Path
    """Output folder, which exists."""
    command: str
    """The command that starts this run alone, credentials hidden."""
    title: str
    """Number of the run and its arguments; empty for a single run."""
    detailed: bool | str | list[str]
    """`hydra.verbose`: loggers whose lines are all wanted."""


def _checked(line: CommandLine, check: Check) -> list[_Job]:
    """Compose and check all runs of a command line, and return them.

    With `--cfg job` the configurations are printed instead.
    """
    from pipeline.config.arguments import read, runs
    from pipeline.config.compose import compose_raw, own_part, plain
    from pipeline.config.lookups import as_written
    from pipeline.config.text import without_credentials

    known, composed = groups(line.extra), []
    for arguments in runs(line.arguments, known) if line.multirun else [line.arguments]:
        raw = compose_raw(read(arguments, known), line.extra)
        config = plain(raw)
        hide_secrets_of(config)
        if line.cfg:
            shown = as_written(own_part(raw), without_credentials(config))
            print(redacted(OmegaConf.to_yaml(shown)), end="")  # noqa: T201 - the answer
        else:
            check(config)
            composed.append((arguments, config, raw.hydra))
    jobs = []
    for number, (arguments, config, hydra) in enumerate(composed):
        # the first run's folder for all: `now` differs each time it is composed
        folder = Path(composed[0][2].sweep.dir) / str(number) if line.multirun else hydra.run.dir
        own = [redacted_argument(each) for each in arguments if not each.startswith("hydra.")]
        title = f"run {number + 1} of {len(composed)}: {' '.join(own)}" if line.multirun else ""
        command = shlex.join(["python", "-m", SWEEP, *own])
        names = hydra.verbose
        detailed = names if isinstance(names, bool | str) else list(names)
        jobs.append(_Job(config, _output_folder(Path(folder)), command, title, detailed))
    return jobs


def _output_folder(path: Path) -> Path:
    """Create the output folder and return its absolute path."""
    folder = path.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"the output folder {path} cannot be made: {error.strerror} (hydra.run.dir=DIR)"
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(f"the output folder {path} cannot be written to (hydra.run.dir=DIR)")
    return folder


def _run(task: Task, job: _Job) -> int:
    """Run the task in its output folder; a failure is logged, and the next run of `-m` goes on."""
    from pipeline.config.text import dump

    config, folder = job.config, job.folder
    try:
        (folder / "config.yaml").write_text(f"# {job.command}\n{dump(config)}", encoding="utf-8")
        log_into(folder, job.detailed)
    except OSError as error:
        raise ConfigError(
            f"the output folder {folder} cannot be written to: {error.strerror} (hydra.run.dir=DIR)"
        ) from error
    if job.title:
        logger.info(job.title)
        if config.verbose:
            print(job.title, file=sys.stderr)  # noqa: T201 - the run that begins
        sys.argv[1:] = shlex.split(job.command)[3:]  # the arguments of this run alone
    try:
        return task(config, folder)
    except Interrupted as error:
        logger.error(str(error))  # noqa: TRY400 - one line, no traceback
        raise SystemExit(error.exit_code) from error  # no further run of -m starts
    except SweepError as error:
        logger.error(str(error))  # noqa: TRY400 - one line, no traceback
        return error.exit_code
    except Exception:
        logger.exception("unexpected failure; please report it with the lines below")
        return 1
