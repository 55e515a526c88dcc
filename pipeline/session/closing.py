"""What a sweep says last: the answer and where to go from here, for a person; one line for scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.core.commands import module
from pipeline.core.language import exact
from pipeline.evaluation.stand import best, called, plainly
from pipeline.ledger.location import Location
from pipeline.ledger.viewer import ui_command
from pipeline.search.sentences import is_selection, size


def labelled(
    about: Mapping[str, Any], location: Location, arguments: Sequence[str]
) -> dict[str, str]:
    """Return label and text of the last lines: answer, why, report, predict, compare, link.

    Args:
        about: The summary.
        location: Of the store.
        arguments: What `predict` needs beside the model: the file of the sweep, the store.
    """
    model = f"model={about['champion']['model_uri']}"
    lines = {
        "answer": answer(about),
        "why": about["champion"]["reason"],
        "report": about["report"] or "",
        "predict": module("predict", model, *arguments),
        "compare": "" if location.is_server else ui_command(location),
        "link": _link(about),
    }
    return {label: text for label, text in lines.items() if text}


def answer(about: Mapping[str, Any]) -> str:
    """Say what was found and how good it is in the target's own unit, beside the best baseline."""
    champion = about["champion"]
    found = size(champion)
    if not is_selection(champion):
        found = f"{champion['capacity']} ({found})"
    plain = plainly(about)
    if plain is None:
        return found
    found += f": {plain.part} {plain.label} {exact(plain.own)}"
    rival = best(about)
    theirs = rival and plain.beside.get(rival.model)
    if rival is None or theirs is None:
        return found
    said = f"{found}; the best baseline, {rival.words}, has {exact(theirs)}"
    compared = (
        "" if plain.name in {"rmse", champion["objective"].removeprefix("val_")} else called(about)
    )
    if not (rival.is_worse or rival.is_better):
        return f"{said}{f', the {compared}' if compared else ':'} no different beyond noise"
    how = "worse" if rival.is_worse else "better"
    return f"{said} and " + (f"a {how} {compared}" if compared else f"is {how}")


def last_line(about: Mapping[str, Any], location: Location) -> str:
    """Return the line that names the champion, its model and how to open the comparison."""
    champion = about["champion"]
    start = "" if location.is_server else f"{ui_command(location)} then "
    return (
        f"champion {champion['trial']} ({champion['objective']} {champion['score']:.4g}): "
        f"{champion['model_uri']} | compare: {start}{_link(about)}"
    )


def _link(about: Mapping[str, Any]) -> str:
    return about["link"] or f"the runs of {about['sweep_run_id']}"
