"""What follows once the champion is saved: summary, report, display. Nothing of it may cost the champion.

Each step is attempted; one that fails is said in a line, and the others are done all the same.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.core.commands import module
from pipeline.core.errors import Interrupted, StoreError, SweepError
from pipeline.session import summary as document

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.session.sweep import Sweep

log = logging.getLogger(__name__)

T = TypeVar("T")

OVERDUE_SECONDS = 2.0
"""A budget that is exceeded by more than this before the report is drawn ends without it."""


class Aftermath:
    """The steps after the champion, and what went wrong in them."""

    def __init__(self, model_uri: str) -> None:
        """Begin.

        Args:
            model_uri: Of the champion, which is saved.
        """
        self._saved = f"The champion is saved as {model_uri}"
        self._store: StoreError | None = None
        self._grave: list[str] = []

    def attempt(self, what: str, step: Callable[[], T], *, grave: bool = False) -> T | None:
        """Return what a step returns; None where it failed.

        Args:
            what: Did not happen then, for the message.
            step: Does it.
            grave: Whether the exit code must tell of it.
        """
        try:
            return step()
        except Interrupted:
            raise
        except StoreError as error:
            self._store = self._store or error
            log.error("%s: %s", what, error)  # noqa: TRY400 - one line, no traceback
        except Exception as error:  # whatever it is, the champion is saved
            reason = str(error) or type(error).__name__
            log.error("%s: %s. %s", what, reason, self._saved)  # noqa: TRY400 - as above
            log.debug("%s", what, exc_info=True)
            if grave:
                self._grave.append(f"{what}: {reason}")
        return None

    def close(self) -> None:
        """Say with the exit code what is not as it should be.

        Raises:
            StoreError: The store was lost after the champion was saved.
            SweepError: Something grave failed.
        """
        if self._store is not None:
            raise StoreError(f"{self._saved}, but not all of the sweep is recorded. {self._store}")
        if self._grave:
            raise SweepError(f"{self._saved}. {'; '.join(self._grave)}")


def write_summary(sweep: Sweep, about: dict[str, Any], after: Aftermath) -> None:
    """Write `summary.json` into the output folder and keep it with the parent run, or print it at least."""
    place = sweep.output_dir / "summary.json"

    def write() -> bool:
        document.write(place, document.dumps(about))
        return True

    def attach() -> bool:
        sweep.ledger.attach("summary.json", document.dumps(about))
        sweep.ledger.flush()
        return True

    written = after.attempt(f"{place} could not be written", write)
    kept = after.attempt("summary.json could not be stored", attach)
    if kept and not written:
        log.error("summary.json is kept with run %s in the tracking store", sweep.ledger.run_id)
    if not written and not kept:
        print(document.dumps(about), flush=True)  # noqa: T201 - where else


def write_report(sweep: Sweep) -> str | None:
    """Draw the report beside `summary.json` and keep it with the parent run; return its path."""
    from pipeline.figures.page import page
    from pipeline.ledger.read import read_sweep

    limit = sweep.budget.limit
    if limit is not None and sweep.budget.spent() > limit + OVERDUE_SECONDS:
        log.warning("the budget is used up: %s draws the report", _command(sweep))
        return None
    content = page(read_sweep(sweep.config.tracking.uri, sweep.ledger.run_id))
    sweep.ledger.attach("report.html", content)
    sweep.ledger.flush()
    place = sweep.output_dir / "report.html"
    document.write(place, content)
    return str(place.absolute())


def no_report(sweep: Sweep) -> str:
    """Return what to say where there is no report, or none in the output folder."""
    return f"there is no report in {sweep.output_dir} ({_command(sweep)} tries again)"


def _command(sweep: Sweep) -> str:
    uri = sweep.config.tracking.uri
    place = () if uri is None else (f"tracking.uri={sweep.ledger.store.location.shown}",)
    return f"`{module('report', f'sweep={sweep.ledger.run_id}', *place)}`"
