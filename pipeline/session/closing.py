"""What a sweep says last: the answer and where to go from here, for a person; one line for scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.core.commands import module
from pipeline.core.language import exact
from pipeline.evaluation.stand import METRICS, best, called
from pipeline.ledger.viewer import ui_command
from pipeline.search.sentences import is_selection, size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.session.sweep import Sweep


def labelled(sweep: Sweep, about: Mapping[str, Any]) -> dict[str, str]:
    """Return label and text of the last lines: answer, why, report, predict, compare, link."""
    store = sweep.ledger.store
    lines = {
        "answer": answer(about),
        "why": about["champion"]["reason"],
        "report": about["report"] or "",
        "predict": predict(sweep, about),
    }
    if not store.location.is_server:
        lines["compare"] = ui_command(store.location)
    lines["link"] = about["link"] or f"the runs of {sweep.ledger.run_id}"
    return {label: text for label, text in lines.items() if text}


def answer(about: Mapping[str, Any]) -> str:
    """Say what was found and how good it is in the target's own unit, beside the best baseline."""
    champion = about["champion"]
    found = size(champion)
    if not is_selection(champion):
        found = f"{champion['capacity']} ({found})"
    own = about["baselines"].get(champion["kind"], {})
    tested = champion["test_loss"] is not None
    part, rows = ("test", "test") if tested else ("val", "validation")
    names = (champion["objective"].removeprefix("val_"), "rmse", "accuracy", "loss")
    name = next((n for n in names if n != "loss" and f"{part}_{n}" in own), "loss")
    if f"{part}_{name}" not in own:
        return found
    found += f": {rows} {METRICS.get(f'val_{name}', name)} {exact(own[f'{part}_{name}'])}"
    rival = best(about)
    theirs = rival and about["baselines"][rival.model].get(f"{part}_{name}")
    if rival is None or theirs is None:
        return found
    said = f"{found}; the best baseline, {rival.words}, has {exact(theirs)}"
    compared = "" if name in {"rmse", champion["objective"].removeprefix("val_")} else called(about)
    if not (rival.is_worse or rival.is_better):
        return f"{said}{f', the {compared}' if compared else ':'} no different beyond noise"
    how = "worse" if rival.is_worse else "better"
    return f"{said} and " + (f"a {how} {compared}" if compared else f"is {how}")


def predict(sweep: Sweep, about: Mapping[str, Any]) -> str:
    """Return the command that predicts, ready to run: on the file of the sweep until another is named."""
    words = [f"model={about['champion']['model_uri']}"]
    words += [f"input={sweep.config.data.path or 'FILE'}", "output=predictions.csv"]
    if sweep.config.tracking.uri is not None:
        words.append(f"tracking.uri={sweep.ledger.store.location.shown}")
    return module("predict", *words)


def last_line(sweep: Sweep, about: Mapping[str, Any]) -> str:
    """Return the line that names the champion, its model and how to open the comparison."""
    champion, location = about["champion"], sweep.ledger.store.location
    start = "" if location.is_server else f"{ui_command(location)} then "
    return (
        f"champion {champion['trial']} ({champion['objective']} {champion['score']:.4g}): "
        f"{champion['model_uri']} | compare: {start}{about['link'] or 'the runs of ' + sweep.ledger.run_id}"
    )
