"""The steps after the champion is saved: summary, report, display. None of them may lose the champion.

Each step is attempted; one that fails is logged in a line, and the others follow all the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pipeline.core.commands import module
from pipeline.core.errors import Interrupted, StoreError, SweepError
from pipeline.core.files import write_whole
from pipeline.core.language import exact
from pipeline.evaluation.stand import best, called, plainly
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.location import Location
from pipeline.ledger.viewer import ui_command
from pipeline.search.sentences import is_selection, size
from pipeline.session.summary import dumps

log = logging.getLogger(__name__)

T = TypeVar("T")


class Aftermath:
    """Runs the steps after the champion, and keeps their failures."""

    def __init__(self, model_uri: str) -> None:
        """Begin with the address of the saved champion."""
        self._saved = f"The champion is saved as {model_uri}"
        self._store: StoreError | None = None
        self._grave: list[str] = []

    def attempt(self, what: str, step: Callable[[], T], *, grave: bool = False) -> T | None:
        """Return the result of a step; None where it failed.

        Args:
            what: The message of a failure, for example "the report is not drawn".
            step: The step.
            grave: Whether a failure changes the exit code.
        """
        try:
            return step()
        except Interrupted:
            raise
        except StoreError as error:
            self._store = self._store or error
            log.error("%s: %s", what, error)  # noqa: TRY400 - one line, no traceback
        except Exception as error:  # in any case the champion is saved
            reason = str(error) or type(error).__name__
            log.error("%s: %s. %s", what, reason, self._saved)  # noqa: TRY400 - as above
            log.debug("%s", what, exc_info=True)
            if grave:
                self._grave.append(f"{what}: {reason}")
        return None

    def close(self) -> None:
        """Raise where a failure changes the exit code.

        Raises:
            StoreError: The store was lost after the champion was saved.
            SweepError: A grave step failed.
        """
        if self._store is not None:
            raise StoreError(f"{self._saved}, but not all of the sweep is recorded. {self._store}")
        if self._grave:
            raise SweepError(f"{self._saved}. {'; '.join(self._grave)}")


def write_summary(folder: Path, ledger: Ledger, about: dict[str, Any], after: Aftermath) -> None:
    """Write `summary.json` into the output folder and keep it with the parent run, or print it at least."""
    place, content = folder / "summary.json", dumps(about)

    def write() -> bool:
        write_whole(place, content.encode())
        return True

    def attach() -> bool:
        ledger.attach("summary.json", content)
        ledger.flush()
        return True

    written = after.attempt(f"{place} could not be written", write)
    kept = after.attempt("summary.json could not be stored", attach)
    if kept and not written:
        log.error("summary.json is kept with run %s in the tracking store", ledger.run_id)
    if not written and not kept:
        print(content, flush=True)  # noqa: T201 - where else


def write_report(folder: Path, ledger: Ledger, uri: str | None) -> str:
    """Draw the report beside `summary.json` and keep it with the parent run; return its path."""
    from pipeline.figures.page import page
    from pipeline.ledger.read import read_sweep

    content = page(read_sweep(uri, ledger.run_id))
    ledger.attach("report.html", content)
    ledger.flush()
    place = folder / "report.html"
    write_whole(place, content.encode())
    return str(place.absolute())


def report_command(ledger: Ledger, uri: str | None) -> str:
    """Return the command that draws the report of a sweep."""
    place = () if uri is None else (f"tracking.uri={ledger.store.location.shown}",)
    return f"`{module('report', f'sweep={ledger.run_id}', *place)}`"


def labelled(
    about: Mapping[str, Any], location: Location, arguments: Sequence[str]
) -> dict[str, str]:
    """Return label and text of the last lines: answer, why, report, predict, compare, link.

    Args:
        arguments: Of `predict` beside the model: the file of the sweep, the store.
    """
    model = f"model={about['champion']['model_uri']}"
    store = (each for each in arguments if each.startswith("tracking.uri="))
    lines = {
        "answer": answer(about),
        "why": about["champion"]["reason"],
        "report": about["report"] or module("report", f"sweep={about['sweep_run_id']}", *store),
        "predict": module("predict", model, *arguments),
        "compare": "" if location.is_server else ui_command(location),
        "link": _link(about),
    }
    return {label: text for label, text in lines.items() if text}


def answer(about: Mapping[str, Any]) -> str:
    """Return the champion's size and its score in the target's own unit, beside the best baseline."""
    champion = about["champion"]
    text = size(champion)
    if not is_selection(champion):
        text = f"{champion['capacity']} ({text})"
    plain = plainly(about)
    if plain is None:
        return text
    text += f": {plain.part} {plain.label} {plain.written(plain.own)}"
    rival = best(about)
    theirs = rival and plain.beside.get(rival.model)
    if rival is None or theirs is None:
        return text
    text += f"; the best baseline, {rival.label}, has {plain.written(theirs)}"
    is_objective = plain.name in {"rmse", champion["objective"].removeprefix("val_")}
    compared = "" if is_objective else called(about)
    if not (rival.is_worse or rival.is_better):
        return f"{text}{f', the {compared}' if compared else ':'} no different beyond noise"
    how = "worse" if rival.is_worse else "better"
    return f"{text} and " + (f"a {how} {compared}" if compared else f"is {how}")


def last_line(about: Mapping[str, Any], location: Location) -> str:
    """Return the line that names the champion, its model and how to open the comparison."""
    champion = about["champion"]
    start = "" if location.is_server else f"{ui_command(location)} then "
    return (
        f"champion {champion['trial']} ({champion['objective']} {exact(champion['score'])}): "
        f"{champion['model_uri']} | compare: {start}{_link(about)}"
    )


def _link(about: Mapping[str, Any]) -> str:
    return about["link"] or f"the runs of {about['sweep_run_id']}"
