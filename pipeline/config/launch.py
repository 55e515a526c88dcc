"""From the words after `python -m pipeline.sweep` to checked runs, one output folder each.

What can be wrong is found before anything is written. The runs of `-m` follow one another in this
process, each an ordinary Hydra run (Hydra's own multirun would write credentials to multirun.yaml).
"""

from __future__ import annotations

import logging
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.config.commandline import parse, runs
from pipeline.config.help import SWEEP, help_text
from pipeline.errors import ConfigError, Interrupted, SweepError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from omegaconf import DictConfig

    from pipeline.config.commandline import CommandLine
    from pipeline.config.schema import SweepConfig

    Task = Callable[[SweepConfig, Path], int]
    Check = Callable[[SweepConfig], None]

logger = logging.getLogger(__name__)

SWEEP_PURPOSE = (
    "Finds the right-sized neural network for a table or small images: increases capacity while the"
    " validation loss improves beyond noise, then reduces it, and shows why. Everything is logged to MLflow."
)
_QUIET_LIBRARIES = {"TF_CPP_MIN_LOG_LEVEL": "3", "MLFLOW_LOGGING_LEVEL": "WARNING"}
"""MLflow's notes are not shown unless the user asks; of TensorFlow only what ends the process: it calls
errors what is none (no GPU driver, a program loaded from the cache)."""


def launch(task: Task, check: Check, argv: Sequence[str] | None = None) -> int:
    """Run the task once, or under `-m` once for every combination, and return the largest exit code.

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
    jobs = _checked(line, check)
    if line.show:
        return 0
    for name, value in _QUIET_LIBRARIES.items():
        os.environ.setdefault(name, value)
    return max([_run(task, job) for job in jobs])


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


@dataclass(frozen=True)
class _Job:
    """One checked run."""

    words: tuple[str, ...]
    """For Hydra, the output folder included."""
    command: str
    """How to start this run alone, credentials hidden."""
    title: str
    """Which run of how many; empty where there is one."""


def _checked(line: CommandLine, check: Check) -> list[_Job]:
    """Return the runs that the words lead to, after all of them were composed and checked.

    With `--cfg job` the configurations are printed instead.
    """
    from pipeline.config.compose import compose_raw, plain, read_words
    from pipeline.config.redact import hide_secrets_of, redacted_word
    from pipeline.config.text import dump

    words = read_words(line.overrides, line.extra, multirun=line.multirun)
    composed = []
    for overrides in runs(words) if line.multirun else [words]:
        raw = compose_raw(overrides)
        config = plain(raw)
        hide_secrets_of(config)
        if line.show:
            print(dump(config), end="")  # noqa: T201 - the answer
        else:
            check(config)
            composed.append((overrides, raw.hydra))
    jobs = []
    for number, (overrides, hydra) in enumerate(composed):
        # the first run's folder for all: every composing has another `now`
        folder = Path(composed[0][1].sweep.dir) / str(number) if line.multirun else hydra.run.dir
        own = [redacted_word(word) for word in overrides if not word.startswith("hydra.")]
        title = f"run {number + 1} of {len(composed)}: {' '.join(own)}" if line.multirun else ""
        command = shlex.join(["python", "-m", SWEEP, *own])
        jobs.append(_Job((*overrides, _output_folder(Path(folder))), command, title))
    return jobs


def _output_folder(path: Path) -> str:
    """Make the output folder; return the word that tells Hydra of it."""
    from pipeline.config.overrides import quoted

    folder = path.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"the output folder {path} cannot be made: {error.strerror} (hydra.run.dir=DIR)"
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(f"the output folder {path} cannot be written to (hydra.run.dir=DIR)")
    return f"hydra.run.dir={quoted(str(folder))}"


def _run(task: Task, job: _Job) -> int:
    """Hand one run to Hydra: it makes the log and composes again, this time for good."""
    import hydra

    from pipeline.config.compose import register
    from pipeline.config.places import conf_dir

    codes: list[int] = []

    def main(cfg: DictConfig) -> None:
        codes.append(_one(task, cfg, job))

    register()
    os.environ["HYDRA_FULL_ERROR"] = "1"  # else Hydra prints errors itself and exits with 1
    before, sys.argv = sys.argv, [sys.argv[0], *job.words]
    try:
        hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="sweep")(main)()
    finally:
        sys.argv = before
    (code,) = codes
    return code


def _one(task: Task, cfg: DictConfig, job: _Job) -> int:
    """Run the task in its output folder; a failure is told, and the next run of `-m` goes on."""
    from hydra.core.hydra_config import HydraConfig

    from pipeline.config.compose import plain
    from pipeline.config.text import dump

    config = plain(cfg)
    folder = Path(HydraConfig.get().runtime.output_dir)
    (folder / "config.yaml").write_text(f"# {job.command}\n{dump(config)}", encoding="utf-8")
    if not config.verbose:
        _quieten()
    if job.title:
        logger.info(job.title)
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
