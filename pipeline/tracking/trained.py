"""A fit between training and its run: kept in its stack's file, so that a killed sweep has it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from pipeline.records import Finding, FitResult, Outcome
from pipeline.tracking.fitkey import decode_fit, encode_fit
from pipeline.tracking.fitrun import Place
from pipeline.tracking.stackfile import FitCurves

if TYPE_CHECKING:
    import numpy as np

FROM_PLACE = ("round", "phase", "position", "stack")
FROM_RESULT = ("best_epoch", "seconds", "message")


@dataclass(frozen=True)
class Trained:
    """All that is written of a fit, but for its network."""

    place: Place
    result: FitResult
    """Without what its run does not show: weights, row losses, probes."""
    row_losses: np.ndarray | None
    """float32, at most `stackfile.SAMPLED_ROWS`."""
    ended: int
    """When the fit ended, milliseconds since 1970."""

    @classmethod
    def of(
        cls, place: Place, result: FitResult, row_losses: np.ndarray | None, ended: int
    ) -> Trained:
        """Keep what is written of a result."""
        kept = replace(result, weights=None, row_losses=None, probes={})
        return cls(place, kept, row_losses, ended)

    @property
    def curves(self) -> FitCurves:
        """What the stack's file holds of it."""
        about = {
            "fit": encode_fit(self.result.fit),
            "outcome": self.result.outcome.value,
            "findings": [asdict(finding) for finding in self.result.findings],
            "ended": self.ended,
            **{name: getattr(self.place, name) for name in FROM_PLACE},
            **{name: getattr(self.result, name) for name in FROM_RESULT},
        }
        return FitCurves(self.result.curves, self.row_losses, json.dumps(about))

    @classmethod
    def read(cls, sweep: str, key: str, found: FitCurves) -> Trained | None:
        """Return what `curves` kept; None where a file of an older version, or a damaged one, does not say.

        Args:
            sweep: Id of the parent run.
            key: The fit key.
            found: From the stack's file.
        """
        try:
            about = json.loads(found.about)
            place = Place(sweep=sweep, key=key, **{name: about[name] for name in FROM_PLACE})
            result = FitResult(
                fit=decode_fit(about["fit"]),
                outcome=Outcome(about["outcome"]),
                curves=found.curves,
                weights=None,
                row_losses=None,
                findings=tuple(Finding(**finding) for finding in about["findings"]),
                **{name: about[name] for name in FROM_RESULT},
            )
            return cls(place, result, found.row_losses, about["ended"])
        except (KeyError, TypeError, ValueError):
            return None
