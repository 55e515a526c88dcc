"""One run for each trial, between the sweep and its fits: the rows that people compare in MLflow.

They are written after the choice. No search, resume or report reads them: a resumed sweep deletes the
rows of its earlier end and writes them anew.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pipeline.core import language
from pipeline.core.records import Fit, Outcome, Trial
from pipeline.ledger.donefits import DoneFit
from pipeline.ledger.environment import SOURCE, user
from pipeline.ledger.facts import SweepFacts
from pipeline.ledger.fitrecord import RowRecord
from pipeline.ledger.fitrun import LONGEST_TAG, scalars, trial_parameters
from pipeline.ledger.fitwriter import FITS
from pipeline.ledger.store import Store
from pipeline.ledger.writer import Job
from pipeline.search.decide import median_execution
from pipeline.search.ranking import Ranked

if TYPE_CHECKING:
    from mlflow.entities import Metric

KIND = "trial"
"""Value of the tag `kind` of these runs; a sweep has `sweep`, fits have none."""
PLACE = "place"
"""Metric: 1 = the champion's trial."""
SIZE = "log10 parameters"
"""Metric: axes of MLflow that show a metric are not logarithmic, and sizes spread over powers of ten."""
SPREAD = "score and standard error"
"""Metric of the best trial of a capacity: score minus error, score, score plus error, at the same `SIZE`.
MLflow's charts have no error bars; drawn over `SIZE` these points are one. Also the chart's title."""
COLOURS = ("#c2410c", "#0f766e", "#4c46a6", "#0c3a63", "#4a86b8", "#b8860b")
"""Colours of the first trials, whose curves share a chart: more cannot be distinguished."""
OTHERS = "#a8a299"
SHOWN_DIGITS = {"score": 4, "score_se": 2, "behind": 2}
"""Significant digits by metric, 3 for others: MLflow shows all that are stored."""
ORDER = (Outcome.completed, Outcome.dropped, Outcome.diverged, Outcome.infeasible)
"""Order of outcomes; a cut fit with a score counts as completed, as the champion may be one."""
MOST_POINTS = 300
"""Most epochs of a mean curve that are written, evenly spaced; a chart of MLflow shows 320."""


def leading_curve(metric: str) -> str:
    """Return the metric that holds the mean curves of the first trials alone; it is the chart's title."""
    return f"{metric} by epoch"


class TrialRows:
    """Writes the rows of one sweep."""

    def __init__(self, store: Store, sweep: str, facts: SweepFacts) -> None:
        """Keep the store; nothing is written yet."""
        self._store, self._sweep, self._facts = store, sweep, facts
        self.champion = ""
        """Run id of the first row, once it is written."""

    def remove(self) -> None:
        """Delete the rows of an earlier end of the sweep."""
        condition = f"tags.sweep = '{self._sweep}' AND tags.kind = '{KIND}'"
        client, experiment = self._store.client, self._store.experiment_id
        while rows := client.search_runs([experiment], condition):
            for run in rows:
                client.delete_run(run.info.run_id)

    def jobs(
        self,
        fits: Iterable[DoneFit],
        ranked: Sequence[Ranked],
        champion: Fit | None,
        verdicts: Mapping[str, str],
    ) -> Iterator[Job]:
        """Yield the jobs that write each trial's row and move its fits below it with their rank.

        Args:
            fits: All fits that are finished, or were cut with a score.
            ranked: The usable trials, the champion's first.
            champion: The fit whose model is saved, or None.
            verdicts: Verdict of the search by capacity.
        """
        fits = _by_rank(fits, [entry.evidence.trial for entry in ranked], champion)
        said = {entry.evidence.trial: entry for entry in ranked}
        ranks = {done.place.key: rank for rank, done in enumerate(fits, start=1)}
        trials = list(dict.fromkeys(done.fit.trial for done in fits))
        now = int(time.time() * 1000)
        for place, trial in enumerate(trials, start=1):
            own = [done for done in fits if done.fit.trial == trial]
            verdict = verdicts.get(trial.capacity.label, "")
            row = _Row(place, trial, trials[0], own, said.get(trial), verdict)
            steps = self._steps(row, {done.run_id: ranks[done.place.key] for done in own}, now)
            yield Job(f"row of {trial.name}", steps, alone=self._store.is_local)

    def _steps(self, row: _Row, ranks: Mapping[str, int], now: int) -> list[Callable[[], object]]:
        client, made = self._store.client, list[str]()
        tags = row.tags() | {"sweep": self._sweep, "mlflow.parentRunId": self._sweep}

        def create() -> None:
            # The page of the sweep lists the runs below it by their start, the latest first.
            run = client.create_run(self._store.experiment_id, now - row.place, tags, row.name)
            made.append(run.info.run_id)
            if row.place == 1:
                self.champion = made[0]

        def fill() -> None:
            metrics = row.metrics(self._facts, now)
            params, status = trial_parameters(row.trial), "FINISHED" if row.said else "FAILED"
            record = RowRecord(made[0], row.name, metrics, params, status, ranks, now)
            FITS.write(self._store, record)

        return [create, fill]


def _by_rank(
    fits: Iterable[DoneFit], trials: Sequence[Trial], champion: Fit | None
) -> list[DoneFit]:
    """Return the fits, champion first.

    The fits of a trial stand together in the order of the trials; within one the champion's fit is
    first, then the better score. Trials that were not ranked follow by outcome and score.
    """
    place = {trial: index for index, trial in enumerate(trials)}

    def key(done: DoneFit) -> tuple[int, int, bool, float, int, int]:
        outcome, score = done.result.outcome, done.score
        return (
            0 if outcome is Outcome.cut else ORDER.index(outcome),
            place.get(done.fit.trial, len(place)),
            done.fit != champion,
            score if math.isfinite(score) else math.inf,
            done.place.round,
            done.place.position,
        )

    return sorted(fits, key=key)


class _Row(NamedTuple):
    """One trial and the content of its row."""

    place: int
    trial: Trial
    first: Trial
    """The champion's."""
    fits: Sequence[DoneFit]
    said: Ranked | None
    """None: no execution is usable."""
    verdict: str

    @property
    def name(self) -> str:
        """Place and name, without values shared with the champion: MLflow's lists cut long names off."""
        return f"{self.place}. {language.trial_beside(self.trial, self.first.nuisance)}"

    @property
    def is_leading(self) -> bool:
        """Whether it is one of the first trials, whose curves share a chart."""
        return self.place <= len(COLOURS)

    def tags(self) -> dict[str, str]:
        """Return the tags of the row, without those that name the sweep."""
        why = (
            self.said.note
            if self.said
            else ", ".join(sorted({entry.result.outcome for entry in self.fits}))
        )
        values = {
            "kind": KIND,
            "trial": self.trial.name,
            "capacity": self.trial.capacity.label,
            "mlflow.user": user(),
            "mlflow.source.name": SOURCE,
            "mlflow.runColor": COLOURS[self.place - 1] if self.is_leading else OTHERS,
            "verdict": self.verdict,
            "why": why,
        }
        return {name: value[:LONGEST_TAG] for name, value in values.items() if value}

    def metrics(self, facts: SweepFacts, now: int) -> list[Metric]:
        """Return scores, size and mean curves; epochs are counted from 1."""
        from mlflow.entities import Metric

        points = [
            (name, float(f"{value:.{SHOWN_DIGITS.get(name, 3)}g}"), 0)
            for name, value in self._scores(facts).items()
        ]
        size = self.trial.parameters
        points += [(PLACE, float(self.place), 0), ("parameters", float(size), 0)]
        points += [("seconds", sum(done.result.seconds for done in self.fits), 0)]
        points += self._error_bar(round(math.log10(max(size, 1)), 3))
        metric = facts.objective.metric
        curve = self._mean_curve(metric)
        names = [metric, *([leading_curve(metric)] if self.is_leading else [])]
        points += [(name, value, epoch) for name in names for epoch, value in curve.items()]
        return [Metric(n, value, now, step) for n, value, step in points if math.isfinite(value)]

    def _error_bar(self, across: float) -> list[tuple[str, float, int]]:
        said = self.said
        if said is None or not said.stands:
            return []
        score, error = said.evidence.shown, said.se if math.isfinite(said.se) else 0.0
        ends = [score - error, score, score + error]
        down = [(SPREAD, value, step) for step, value in enumerate(ends)]
        return [*down, *((SIZE, across, step) for _, _, step in down)]

    def _counted(self) -> list[DoneFit]:
        results = self.said.evidence.results.values() if self.said else ()
        wanted = {scored.fit for scored in results}
        return [done for done in self.fits if done.fit in wanted]

    def _scores(self, facts: SweepFacts) -> dict[str, float]:
        """Return score and errors, and means over executions of the other metrics at the best epoch."""
        said, counted = self.said, self._counted()
        if said is None:
            return {}
        median = said.evidence.results[median_execution(said.evidence)].fit
        best = next((done.result.best_epoch for done in counted if done.fit == median), -1)
        values = [scalars(done.result, facts) for done in counted]
        names = {name for own in values for name in own if name.startswith("best_")}
        means = {
            name: float(np.mean([own.get(name, math.nan) for own in values])) for name in names
        }
        return means | {
            "score": said.evidence.shown,
            "score_se": said.se,
            "behind": said.gap.mean,
            "executions": len(counted),
            "best_epoch": best + 1,
        }

    def _mean_curve(self, metric: str) -> dict[int, float]:
        """Return the mean over executions by epoch, up to their median number of epochs."""
        known = [done.result.curves.get(metric) for done in self._counted()]
        curves = [curve for curve in known if curve is not None and len(curve)]
        if not curves:
            return {}
        length = int(np.median([len(curve) for curve in curves]))
        epochs = np.unique(np.linspace(0, length - 1, min(length, MOST_POINTS)).astype(int))
        return {
            int(epoch) + 1: float(np.mean([curve[epoch] for curve in curves if epoch < len(curve)]))
            for epoch in epochs
        }
