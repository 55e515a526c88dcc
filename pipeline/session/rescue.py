"""Saves the champion so far of a sweep whose store was lost."""

from __future__ import annotations

import logging

from pipeline.core.errors import LostStoreError
from pipeline.core.files import write_whole
from pipeline.session.sweep import Sweep

log = logging.getLogger(__name__)

CHAMPION = "champion"
"""Folder in the output folder for a model that `mlflow.pyfunc.load_model` loads."""


def rescued(sweep: Sweep, error: Exception) -> str:
    """Save the best network after an error; return the error as the reason of the sweep's end.

    Only where the store was lost: after any other error the sweep can be resumed.
    """
    if isinstance(error, LostStoreError):
        try:
            log.error("%s", _rescue(sweep))
        except Exception as failure:  # noqa: BLE001 - the loss of the store is the error to report
            log.error("the champion so far could not be saved: %s", failure)  # noqa: TRY400 - one line
    return f"{type(error).__name__}: {error}"


def _rescue(sweep: Sweep) -> str:
    """Write the best network and `summary.json`; return a sentence about them."""
    from pipeline.evaluation.final import Member
    from pipeline.models.artefact import save_beside
    from pipeline.session.summary import dumps, partial_summary

    ledger = sweep.ledger
    choice = sweep.searcher.choose(ledger.finished())
    if choice is None:
        return "no fit was usable yet: nothing is left of this sweep but its log"
    name = choice.trial.name
    done = [entry for entry in ledger.done if entry.fit.trial == choice.trial]
    kept = [entry for entry in done if sweep.networks.kept(entry.fit)]
    if not kept:
        return f"{name} was the best, but its network is no longer in memory"
    best = min(kept, key=lambda entry: (entry.fit.execution != choice.execution, entry.score)).fit
    member = Member(best, sweep.networks.model(best))
    place = (sweep.output_dir / CHAMPION).absolute()
    trainer = sweep.trainer
    save_beside(place, trainer.dataset, member, {"sweep": ledger.run_id, "trial": name})
    metric = trainer.settings.objective.metric
    about = partial_summary(choice, member, ledger, metric, sweep.budget)
    about["champion"]["model_uri"] = str(place)
    summary = sweep.output_dir / "summary.json"
    write_whole(summary, dumps(about).encode())
    return (
        f"the best so far, {name}, is saved: mlflow.pyfunc.load_model({str(place)!r}) takes raw"
        f" rows; {summary} says what it is"
    )
