"""What the entry points share: literal `name=value` command lines, and how a program ends."""

from __future__ import annotations

import atexit
import contextlib
import errno
import logging
import os
import sys
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NoReturn, TextIO, cast

from pipeline.config.messages import did_you_mean
from pipeline.config.redact import redacted, redacted_argument
from pipeline.core.collector import collect_seldom
from pipeline.core.commands import version
from pipeline.core.errors import ConfigError, SweepError

_HELP = {"-h", "--help"}
_INTERRUPTED = 130


def arguments(
    argv: Sequence[str], allowed: Mapping[str, str], needed: Collection[str] = (), about: str = ""
) -> dict[str, str]:
    """Return the arguments `name=value` of a command line, read literally.

    Hydra is not involved: a value may hold `=`, commas or brackets, and an id stays text.

    Args:
        allowed: The meaning of each name, in a sentence.
        needed: The names that must be given.
        about: The text before the arguments in `--help`.

    Raises:
        ConfigError: An argument that is unknown, given twice, empty or not of this form; a missing one.
        SystemExit: After `--help` or `--version`.
    """
    if "--version" in argv or _HELP & set(argv):
        print(version() if "--version" in argv else _help_text(allowed, needed, about))
        raise SystemExit(0)
    given: dict[str, str] = {}
    for argument in argv:
        name, equals, value = argument.partition("=")
        if not equals or name not in allowed:
            forms = " ".join(f"{each}=..." for each in allowed)
            hint = f"{did_you_mean(name, allowed)} (allowed: {forms})"
            raise ConfigError(f"{redacted_argument(argument)}: not understood{hint}")
        if not value:
            raise ConfigError(f"{name}= is empty: {allowed[name]}")
        if name in given:
            raise ConfigError(f"{name} is given twice")
        given[name] = value
    for name in needed:
        if name not in given:
            raise ConfigError(f"{name}=... is missing: {allowed[name]}")
    return given


def _help_text(allowed: Mapping[str, str], needed: Collection[str], about: str) -> str:
    width = max(map(len, allowed), default=0)
    lines = [
        f"  {name + '=':<{width + 1}}  {meaning}{' (needed)' * (name in needed)}"
        for name, meaning in allowed.items()
    ]
    return "\n".join([about, "", *lines] if about else lines)


def exit_with(main: Callable[[], int]) -> NoReturn:
    """Run a program and leave with its exit code.

    A SweepError is one message on stderr and its own code; any other exception keeps its traceback
    and is 1. Credentials are hidden in both.
    """
    ending = _Ending()
    if ending.own:
        _open_standard()
        collect_seldom()
    try:
        code = main()
    except SweepError as error:
        code = error.exit_code
        _write_error(f"{redacted(str(error))}\n")
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except BrokenPipeError:  # the reader (`| head`) has closed the pipe
        code = 0
    except Exception:  # noqa: BLE001 - the one place where nothing may pass unredacted
        code = 1
        _write_error(redacted(traceback.format_exc()))
    lost = _flush(sys.stdout)
    if lost is not None and code == 0:  # the output of the program is lost
        code = 1
        _write_error(f"stdout could not be written: {lost}\n")
    _flush(sys.stderr)
    ending.code = code
    sys.exit(code)


def _open_standard() -> None:
    """Open what was closed (`2>&-`): the store would get its number, and TensorFlow writes warnings to it."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it gets the lowest number that is free
            os.set_inheritable(number, True)  # noqa: FBT003 - no keyword
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115


class _Ending:
    """Ends a command after all exit handlers: Python would take 2 s to unload TensorFlow."""

    def __init__(self) -> None:
        """Register before any other exit handler: the first that is registered runs last."""
        self.code: int | None = None
        spec = getattr(sys.modules["__main__"], "__spec__", None)
        self.own = spec is not None and spec.name.startswith("pipeline.")
        """Whether this process is a command of this package, and no test and no program of a user."""
        if self.own:
            atexit.register(self._end)

    def _end(self) -> None:
        if self.code is None or "coverage" in sys.modules:  # coverage has registered before
            return
        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            _flush(stream)
        os._exit(self.code)


def _flush(stream: TextIO | None) -> OSError | None:
    """Flush a stream and silence it where that fails, as Python would exit with 120 for it.

    Returns:
        Why it could not be written; None when it was, or when its reader is gone.
    """
    try:
        if stream is not None:  # the parent process may have closed it
            stream.flush()
    except BrokenPipeError:
        _silence(stream)
    except OSError as error:
        _silence(stream)
        return None if error.errno == errno.EIO else error  # its terminal was closed
    except ValueError:  # closed since
        pass
    return None


def _silence(stream: TextIO | None) -> None:
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), cast("TextIO", stream).fileno())


def _write_error(text: str) -> None:
    """Write to stderr; where that fails (a log on a full disk) only the exit code shows the error."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)
            sys.stderr.flush()
