"""When the tracking store is deleted under a sweep: its champion so far goes into the output folder."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pipeline.core.errors import LostStoreError

if TYPE_CHECKING:
    from pipeline.session.sweep import Sweep

log = logging.getLogger(__name__)

CHAMPION = "champion"
"""Folder in the output folder: a model for `mlflow.pyfunc.load_model`, which takes raw rows."""


def rescued(sweep: Sweep, error: Exception) -> str:
    """Save what can be saved after an error; return the error as the reason of the sweep's end.

    Only a store that is gone for good asks for it: after any other error the sweep is resumed.
    """
    if isinstance(error, LostStoreError):
        try:
            log.error("%s", _rescue(sweep))
        except Exception as failure:  # noqa: BLE001 - the error that is told is the loss of the store
            log.error("the champion so far could not be saved: %s", failure)  # noqa: TRY400 - one line
    return f"{type(error).__name__}: {error}"


def _rescue(sweep: Sweep) -> str:
    """Write the best network and `summary.json`; return what was saved, in a sentence."""
    from pipeline.evaluation.final import Member
    from pipeline.models.artefact import save_beside
    from pipeline.session import summary as document

    choice = sweep.searcher.choose(sweep.ledger.finished())
    if choice is None:
        return "no fit was usable yet: nothing is left of this sweep but its log"
    done = [one for one in sweep.ledger.done if one.fit.trial == choice.trial]
    kept = [one for one in done if sweep.networks.kept(one.fit)]
    if not kept:
        return f"{choice.trial.name} was the best, but its network is no longer in memory"
    best = min(kept, key=lambda one: (one.fit.execution != choice.execution, one.score))
    trial, place = choice.trial, (sweep.output_dir / CHAMPION).absolute()
    member = Member(best.fit, sweep.networks.model(best.fit))
    save_beside(place, sweep.dataset, member, {"sweep": sweep.ledger.run_id, "trial": trial.name})
    about = {
        "sweep_run_id": sweep.ledger.run_id,
        "experiment": sweep.ledger.experiment,
        "status": "store lost",
        "seconds": round(sweep.budget.spent(), 1),
        "fits": len(sweep.ledger.done),
        "champion": {
            "trial": trial.name,
            "capacity": trial.capacity.label,
            **dict(trial.capacity.values),
            "parameters": trial.parameters,
            "learning_rate": trial.learning_rate,
            "objective": sweep.objective.metric,
            "score": sweep.objective.as_loss(choice.score),
            "score_se": choice.se,
            "reason": choice.reason,
            "model_uri": str(place),
        },
    }
    document.write(sweep.output_dir / "summary.json", document.dumps(about))
    return (
        f"the best so far, {trial.name}, is saved: mlflow.pyfunc.load_model({str(place)!r}) takes raw"
        f" rows; {sweep.output_dir / 'summary.json'} says what it is"
    )
