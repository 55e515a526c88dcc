"""Remarks on the champion beside models that have chosen nothing, and beside its own validation score."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pipeline.core import language
from pipeline.evaluation.paired import CONSTANT
from pipeline.evaluation.stand import CLEARLY, best, called, is_noise, stands
from pipeline.figures.remark import Remark, listing
from pipeline.figures.trials import champion_entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.evaluation.stand import Stand
    from pipeline.ledger.read import SweepRecord

NO_BETTER = "No better than a constant prediction beyond noise"
ENCODING = "search.nuisance.encoding"
ENCODINGS = ("standard", "quantile", "piecewise")
"""Proposed to a champion that a baseline beats."""


def baselines(record: SweepRecord) -> Iterator[Remark]:
    """Say when something simpler does as well: a constant, or a baseline that beats the champion."""
    found = best(record.summary)
    beaten = found is not None and found.is_better and found.model != CONSTANT
    if is_noise(record.summary):
        (constant,) = (one for one in stands(record.summary) if one.model == CONSTANT)
        how = "Worse than a constant prediction" if constant.is_better else NO_BETTER
        why = (
            "there is something to learn, as a baseline shows: other rates, an encoding or more epochs."
            if beaten
            else "nothing that these columns tell of the target can be seen on these rows. Check that rows "
            "and targets belong together, or get more rows."
        )
        yield Remark("no signal", f"{how} ({constant.noise}): {why}", "warning")
    if found is not None and beaten:
        yield _beaten(record, found)


def _beaten(record: SweepRecord, found: Stand) -> Remark:
    sentence = (
        f"{found.words.capitalize()} has {called(record.summary)} {language.number(found.value)} on the "
        f"same rows, the champion {language.number(found.own)} ({found.noise})"
    )
    tried = set(listing(record, ENCODING))
    if record.config.get("data.kind", "table") != "table" or tried.issuperset(ENCODINGS):
        return Remark("baselines", f"{sentence}: prefer it.", "warning")
    overrides = (f"{ENCODING}=[{','.join(ENCODINGS)}]",)
    sentence += ": another encoding of numbers may close the gap."
    return Remark("baselines", sentence, "warning", overrides, "try other encodings of numbers")


def optimism(record: SweepRecord) -> Iterator[Remark]:
    """Say how the one honest score compares with the one that the choice was made by.

    A rise has two causes: the choice took what happened to do well on the validation rows, or the test
    rows are harder. A baseline has chosen nothing: what it rises by is the rows' doing.
    """
    gap = language.finite(record.summary.get("optimism"))
    if gap is None:
        return
    side = "above" if gap >= 0 else "below"
    sentence = (
        f"Test loss lies {language.number(abs(gap))} {side} the saved model's validation loss"
    )
    name, more, error = _more_than_baselines(record)
    if name and more > CLEARLY * error:
        why = f"{language.number(more)} more than that of {name}, which chose nothing"
        yield Remark(
            "optimism", f"{sentence}, a rise of {why}: choosing the best of many flatters."
        )
    elif abs(gap) <= CLEARLY * _own_noise(record):
        yield Remark("optimism", f"{sentence}, within noise.", "good")
    elif gap < 0:
        yield Remark("optimism", f"{sentence}: the test rows are easier.")
    elif name:
        sentence += (
            f", and that of {name}, which chose nothing, rises no less beyond noise: the test"
        )
        yield Remark("optimism", f"{sentence} rows are harder.")
    else:
        why = "the choice was made on the validation rows, or the test rows are harder"
        yield Remark("optimism", f"{sentence}: {why}.")


def _more_than_baselines(record: SweepRecord) -> tuple[str, float, float]:
    """Return the baseline that moves most with the champion, and how much more the champion rises."""
    beside = dict(record.summary.get("optimism_beside") or {})
    known = [
        (float(one["more_se"]), str(name).replace("_", " "), float(one["more"]))
        for name, one in beside.items()
        if language.finite(one.get("more")) is not None and language.finite(one.get("more_se"))
    ]
    if not known:
        return "", 0.0, math.inf
    error, name, more = min(known)
    return name, more, error


def _own_noise(record: SweepRecord) -> float:
    """Return the standard error of test minus validation loss: scores of different rows."""
    entry = champion_entry(record)
    beside = dict(record.summary.get("baselines") or {}).get(str(entry.get("kind")), {})
    before = beside.get("val_loss_se", entry.get("val_loss_se"))
    return math.hypot(*(language.finite(e) or 0.0 for e in (entry.get("test_loss_se"), before)))
