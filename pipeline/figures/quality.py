"""Remarks on the champion itself: what is gravely wrong, the epoch it is kept at, its fit, its claims."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.core import language
from pipeline.evaluation.stand import is_noise
from pipeline.figures.columns import OF_DATA
from pipeline.figures.findings import all_findings
from pipeline.figures.predictions import calibration_error, calibration_noise
from pipeline.figures.remark import SEVERE, Remark, setting
from pipeline.figures.sizes import leader_losses
from pipeline.figures.tables import groups
from pipeline.figures.trials import champion_entry, scored_fits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.ledger.read import SweepRecord

NARROW_GAP = 0.05
"""Share of the validation loss by which training loss lies below it that is next to nothing."""
MISCALIBRATED = 0.1
"""Mean distance of claimed from observed probability that a reader of probabilities would notice; on few
rows a perfect model shows more (`calibration_noise`), and then nothing is said."""
EVERY_ROW = "choose on every row instead of a few"
OF_PROBES = frozenset({"dead-units", "saturation", "vanishing-gradients", "rate-too-low"})
"""Findings that need a look inside a network, which only the best fit of a capacity gets: one says it."""
KEPT_EPOCHS = {
    "first-epoch": "were best in their first epoch: the score is that of hardly trained weights.",
    "lucky-epoch": "are kept at an epoch that is far better than those around it: the score flatters.",
}
"""Findings on the epoch that is kept (`training/diagnose/symptoms.py`), of most of its fits."""


def severe(record: SweepRecord) -> list[Remark]:
    """Return what is gravely wrong with the champion (the fits, where there is none): it comes first.

    A network whose units are dead makes every score below it void.
    """
    table = all_findings(record)
    if entry := champion_entry(record):
        table = table[table["trial"] == entry.get("trial")]
    fits = max(table["run_id"].nunique(), 1)
    found = []
    grave = table[
        (table["severity"] == SEVERE) & ~table["code"].isin(OF_DATA)
    ]  # those lead the page
    for code, group in groups(grave, "code"):
        if code in OF_PROBES or 2 * group["run_id"].nunique() > fits or not entry:
            said = str(group["sentence"].iloc[0])
            found.append(Remark(code.replace("-", " "), f"{said[:1].upper()}{said[1:]}.", SEVERE))
    return found


def epochs(record: SweepRecord) -> Iterator[Remark]:
    """Say when the champion was still improving as it was stopped."""
    allowed = setting(record, "training.epochs")
    fits = scored_fits(record)
    own = fits[fits["trial"] == champion_entry(record).get("trial")]
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
    """Return the override that validates on every row: as many folds as there are groups for."""
    return str(_few(record).get("hint") or "data.folds=5")


def few(record: SweepRecord) -> Iterator[Remark]:
    """Say when few validation rows chose the champion (`data/fewrows.py`)."""
    if note := _few(record).get("note"):
        yield Remark("few rows", f"{note}.", "warning", (folds(record),), EVERY_ROW)


def _few(record: SweepRecord) -> dict[str, Any]:
    return dict(dict(record.summary.get("data") or {}).get("validation") or {})


def kept(record: SweepRecord) -> Iterator[Remark]:
    """Say when the champion was kept at an epoch that says little of it: the first one, or a lucky one."""
    table = all_findings(record)
    table = table[table["trial"] == champion_entry(record).get("trial")]
    fits = scored_fits(record)
    own = fits[fits["trial"] == champion_entry(record).get("trial")]
    for code, said in KEPT_EPOCHS.items():
        count = table.loc[table["code"] == code, "run_id"].nunique()
        if 2 * count > len(own) > 0:
            sentence = f"{count} of the champion's {language.plural(len(own), 'fit')} {said}"
            overrides = () if setting(record, "data.folds") is not None else (folds(record),)
            purpose = EVERY_ROW if overrides else ""
            yield Remark("epochs", sentence, "warning", overrides, purpose)


def fitting(record: SweepRecord) -> Iterator[Remark]:
    """Say whether the champion over- or under-fits, and what more rows would probably give.

    Over-fitting is what diagnosis calls so, from thresholds and noise of its own: a page that says
    "healthy" above and "overfitting" below is not read on.
    """
    found = leader_losses(record)
    if found is None or found[1] <= 0:
        return
    gap = (found[1] - found[0]) / found[1]
    side = "below" if gap >= 0 else "above"
    start = (
        f"The champion's training loss lies {language.percent(abs(gap))} {side} its validation loss"
    )
    if _over_fits(record):
        sentence = (
            f"{start}: it over-fits. More rows, or search.nuisance.dropout, would probably help more "
            "than units."
        )
        yield Remark("more data", sentence)
    elif is_noise(record.summary):
        return  # what more rows would give is not known where nothing was learnt
    elif gap < -NARROW_GAP:
        sentence = (
            f"{start}: the validation rows are easier, or it is measured while the weights still move. "
            "What more rows would give cannot be told from it."
        )
        yield Remark("more data", sentence)
    elif gap < NARROW_GAP:
        sentence = f"{start}: more rows of the same kind would give little; better columns might."
        yield Remark("more data", sentence)
    else:
        sentence = f"{start}, not more than noise and size explain. More rows would probably help a little."
        yield Remark("more data", sentence, "good")


def _over_fits(record: SweepRecord) -> bool:
    """Return whether diagnosis warns of over-fitting in most of the champion's fits."""
    table = all_findings(record)
    own = table[table["trial"] == champion_entry(record).get("trial")]
    warned = own[(own["code"] == "overfitting") & (own["severity"] == "warning")]
    fits = scored_fits(record)
    return bool(
        2 * warned["run_id"].nunique()
        > (fits["trial"] == champion_entry(record).get("trial")).sum()
    )


def calibration(record: SweepRecord) -> Iterator[Remark]:
    """Say when its probabilities are further off than a perfect model's would be on these rows."""
    error, perfect = calibration_error(record), calibration_noise(record)
    if error is not None and perfect is not None and error > max(MISCALIBRATED, perfect):
        weighted = record.config.get("training.class_weight", "none") != "none"
        why = ", as training.class_weight asks for" if weighted else ""
        rank = "" if is_noise(record.summary) else "rank by them, but "
        sentence = (
            f"Its probabilities are off by {language.percent(error)} on average{why}: {rank}do not read "
            "them as chances."
        )
        yield Remark("calibration", sentence)
