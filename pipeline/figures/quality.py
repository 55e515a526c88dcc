"""Remarks on the champion: severe findings, epochs, fit, calibration, baselines and optimism."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from pipeline.core import language
from pipeline.evaluation.stand import CLEARLY, CONSTANT, Stand, best, called, is_noise, stands
from pipeline.figures.findings import OF_DATA, all_findings, most_show, of_champion
from pipeline.figures.predictions import miscalibration
from pipeline.figures.remark import SEVERE, Remark, listing, setting
from pipeline.figures.sizes import leader_losses
from pipeline.figures.trials import champion_entry, champion_fits
from pipeline.ledger.read import SweepRecord

NARROW_GAP = 0.05
"""Share of the validation loss by which training loss lies below it that is next to nothing."""
MISCALIBRATED = 0.1
"""Mean distance of claimed from observed probability that a reader of probabilities would notice; on few
rows a perfect model shows more (`miscalibration`), and then nothing is said."""
NO_BETTER = "No better than a constant prediction beyond noise"
ENCODING = "search.nuisance.encoding"
ENCODINGS = ("standard", "quantile", "embedded")
"""Proposed to a champion that a baseline beats; a user's own network embeds nothing."""
EVERY_ROW = "choose on every row instead of a few"
KEPT_EPOCHS = {
    "first-epoch": "were best in their first epoch: the score is that of hardly trained weights.",
    "lucky-epoch": "are kept at an epoch that is far better than those around it: the score flatters.",
}
"""Findings on the epoch that is kept (`training/diagnose/symptoms.py`), of most of its fits."""


def severe(record: SweepRecord) -> list[Remark]:
    """Return severe findings of the champion's fits, or of all fits where there is no champion.

    They come first: dead units, for example, make every score void.
    """
    has_champion = bool(champion_entry(record))
    table = of_champion(record) if has_champion else all_findings(record)
    # Those of the data lead the page.
    grave = table[(table["severity"] == SEVERE) & ~table["code"].isin(OF_DATA)]
    return [
        Remark(str(code).replace("-", " "), f"{said[:1].upper()}{said[1:]}.", SEVERE)
        for code, said in grave.groupby("code", sort=False)["sentence"].first().items()
        if not has_champion or most_show(record, str(code))[0]
    ]


def epochs(record: SweepRecord) -> Iterator[Remark]:
    """Warn when most of the champion's fits were still improving in the last allowed epoch."""
    allowed = setting(record, "training.epochs")
    own = champion_fits(record)
    if allowed is None or own.empty:
        return
    at_end = int((own["best_epoch"] + 1 >= allowed).sum())
    if 2 * at_end > len(own):
        sentence = (
            f"{at_end} of the champion's {language.plural(len(own), 'fit')} were still improving in "
            f"epoch {allowed:g}, the last allowed."
        )
        overrides = (f"training.epochs={allowed * 2:g}",)
        yield Remark("epochs", sentence, "warning", overrides, "let it train to its end")


def folds(record: SweepRecord) -> str:
    """Return the override that validates on every row, with at most as many folds as groups."""
    return str(_few(record).get("hint") or "data.folds=5")


def few(record: SweepRecord) -> Iterator[Remark]:
    """Warn when there were few validation rows to choose the champion by (`data/fewrows.py`)."""
    if note := _few(record).get("note"):
        yield Remark("few rows", f"{note}.", "warning", (folds(record),), EVERY_ROW)


def _few(record: SweepRecord) -> dict[str, Any]:
    return dict((record.summary.get("data") or {}).get("validation") or {})


def kept(record: SweepRecord) -> Iterator[Remark]:
    """Warn when most of the champion's fits were best in their first epoch, or in a lucky one."""
    for code, said in KEPT_EPOCHS.items():
        count, own = most_show(record, code)
        if count:
            sentence = f"{count} of the champion's {language.plural(own, 'fit')} {said}"
            overrides = () if setting(record, "data.folds") is not None else (folds(record),)
            purpose = EVERY_ROW if overrides else ""
            yield Remark("epochs", sentence, "warning", overrides, purpose)


def fitting(record: SweepRecord) -> Iterator[Remark]:
    """Say whether the champion over- or under-fits, and what more rows would probably give.

    Whether it over-fits is decided by diagnosis alone, so that the page never contradicts itself.
    """
    losses = leader_losses(record)
    if losses is None:
        return
    severity = "info"
    if most_show(record, "overfitting", "warning")[0]:
        said = ": it over-fits. More rows, or search.nuisance.dropout, would probably help more than units."
    elif is_noise(record.summary):
        return  # what more rows would give is not known where nothing was learnt
    elif losses.gap < -NARROW_GAP:
        said = ": these rows happen to be easier. What more rows would give cannot be told."
    elif losses.gap < NARROW_GAP:
        said = ": more rows of the same kind would give little; better columns might."
    else:
        said, severity = (
            ", not more than noise and size explain. More rows would probably help a little.",
            "good",
        )
    yield Remark("more data", f"The champion's {losses.clause}{said}", severity)


def calibration(record: SweepRecord) -> Iterator[Remark]:
    """Say when probabilities are further off than those of a perfect model would be on these rows."""
    error, perfect = miscalibration(record) or (0.0, 0.0)
    if error > max(MISCALIBRATED, perfect):
        weighted = record.config.get("training.class_weight", "none") != "none"
        why = ", as training.class_weight asks for" if weighted else ""
        rank = "" if is_noise(record.summary) else "rank by them, but "
        sentence = (
            f"Its probabilities are off by {language.percent(error)} on average{why}: {rank}do not read "
            "them as chances."
        )
        yield Remark("calibration", sentence)


def baselines(record: SweepRecord) -> Iterator[Remark]:
    """Say when something simpler does as well: a constant, or a baseline that beats the champion."""
    nearest = best(record.summary)
    beaten = nearest is not None and nearest.is_better and nearest.model != CONSTANT
    if is_noise(record.summary):
        (constant,) = (stand for stand in stands(record.summary) if stand.model == CONSTANT)
        how = "Worse than a constant prediction" if constant.is_better else NO_BETTER
        why = (
            "there is something to learn, as a baseline shows: other rates, an encoding or more epochs."
            if beaten
            else "nothing that these columns tell of the target can be seen on these rows. Check that rows "
            "and targets belong together, or get more rows."
        )
        yield Remark("no signal", f"{how} ({constant.noise}): {why}", "warning")
    if nearest is not None and beaten:
        yield _beaten(record, nearest)


def _beaten(record: SweepRecord, baseline: Stand) -> Remark:
    sentence = (
        f"{baseline.label.capitalize()} has {called(record.summary)} {language.number(baseline.value)} on "
        f"the same rows, the champion {language.number(baseline.own)} ({baseline.noise})"
    )
    own = record.config.get("model.family") == "builder"
    wanted = [name.replace("embedded", "piecewise") if own else name for name in ENCODINGS]
    tried = set(listing(record, ENCODING))
    if record.config.get("data.kind", "table") != "table" or tried.issuperset(wanted):
        return Remark("baselines", f"{sentence}: prefer it.", "warning")
    overrides = (f"{ENCODING}=[{','.join(wanted)}]",)
    sentence += ": another encoding of numbers may close the gap."
    return Remark("baselines", sentence, "warning", overrides, "try other encodings of numbers")


def optimism(record: SweepRecord) -> Iterator[Remark]:
    """Compare the test loss with the validation loss that the choice was made by.

    A rise has two causes: selection on the validation rows, or harder test rows. Baselines are not
    selected, so their rise is due to the rows alone.
    """
    gap = language.finite(record.summary.get("optimism"))
    if gap is None:
        return
    side = "above" if gap >= 0 else "below"
    sentence = (
        f"Test loss lies {language.number(abs(gap))} {side} the saved model's validation loss"
    )
    name, more, error = _more_than_baselines(record)
    severity = "info"
    if name and more > CLEARLY * error:
        theirs = gap - more
        its = f"{language.number(abs(theirs))} {'above' if theirs >= 0 else 'below'} its own"
        said = f", that of {name}, which chose nothing, {its}: choosing the best of many flatters"
    elif abs(gap) <= CLEARLY * _own_noise(record):
        said, severity = ", within noise", "good"
    elif gap < 0:
        said = ": the test rows are easier"
    elif name:
        said = f", and that of {name}, which chose nothing, rises no less beyond noise"
        said += ": the test rows are harder"
    else:
        said = ": the choice was made on the validation rows, or the test rows are harder"
    yield Remark("optimism", f"{sentence}{said}.", severity)


def _more_than_baselines(record: SweepRecord) -> tuple[str, float, float]:
    """Return the baseline that moves most with the champion, and how much more the champion rises."""
    beside = dict(record.summary.get("optimism_beside") or {})
    known = [
        (float(rise["more_se"]), str(name).replace("_", " "), float(rise["more"]))
        for name, rise in beside.items()
        if language.finite(rise.get("more")) is not None and language.finite(rise.get("more_se"))
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
