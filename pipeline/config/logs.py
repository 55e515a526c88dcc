"""Where log lines go: sweep.log, and warnings the terminal too (stderr; stdout carries the result)."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from pipeline.config.redact import RedactingFormatter

FILE = "sweep.log"


class LogFile(logging.FileHandler):
    """A file of log lines; when it cannot be written any more, the terminal says so once."""

    _lost = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say that the file is incomplete from here on."""
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
    """Send this process' log lines into a folder, warnings to the terminal too; what was set before ends.

    In the file ours count from INFO, everybody else's from WARNING.

    Args:
        detailed: True: every line of everybody; or the loggers of which every line counts. The
            terminal shows them then.
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
