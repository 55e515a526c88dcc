"""What a sweep has left in its store, and how that differs from an undisturbed sweep."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.harness.places import Place
    from benchmarks.harness.start import Step


@dataclass(frozen=True)
class Left:
    """What a store holds of a sweep."""

    champion: str
    """Name of the fit with rank 1."""
    scores: dict[str, float]
    """best_val_loss of every done fit, by its name."""
    running: int
    """Runs that still say RUNNING."""
    pending: int
    """Models that still say PENDING."""
    doubled: int
    """Fits recorded twice."""


@dataclass
class Difference:
    """What is not as in the undisturbed sweep; all of it should be nothing."""

    left_running: int = 0
    models_left_pending: int = 0
    fits_lost: int = 0
    fits_added: int = 0
    fits_doubled: int = 0
    scores_differ: int = 0
    champions_differ: int = 0
    names: list[str] = field(default_factory=list)
    """Of fits, for whoever looks into it."""

    def __bool__(self) -> bool:
        """Return whether there is any."""
        return any(vars(self).values())

    def add(self, other: Difference) -> None:
        """Add up."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


def left(place: Place) -> Left:
    """Read a store through a client of its own."""
    from mlflow import MlflowClient

    client = MlflowClient(place.uri, registry_uri=place.uri)
    found = client.get_experiment_by_name(place.experiment)
    if found is None:
        return Left("", {}, 0, 0, 0)
    runs = client.search_runs([found.experiment_id], max_results=10_000)
    models, token = [], None
    while True:
        page = client.search_logged_models([found.experiment_id], page_token=token)
        models += page
        token = page.token
        if not token:
            break
    done = [run for run in runs if run.data.tags.get("outcome", "cut") != "cut"]
    scores = {run.info.run_name: run.data.metrics.get("best_val_loss", -1.0) for run in done}
    champions = [run.info.run_name for run in done if run.data.metrics.get("rank") == 1]
    return Left(
        champion=", ".join(champions),
        scores=scores,
        running=sum(run.info.status == "RUNNING" for run in runs),
        pending=sum(str(model.status) == "PENDING" for model in models),
        doubled=len(done) - len({run.data.tags["fit_key"] for run in done}),
    )


def difference(found: Left, expected: Left) -> Difference:
    """Compare a sweep with the undisturbed one; scores must be equal to the last bit."""
    same = found.scores.keys() & expected.scores.keys()
    differing = sorted(name for name in same if found.scores[name] != expected.scores[name])
    lost = sorted(expected.scores.keys() - same)
    added = sorted(found.scores.keys() - same)
    return Difference(
        left_running=found.running,
        models_left_pending=found.pending,
        fits_lost=len(lost),
        fits_added=len(added),
        fits_doubled=found.doubled,
        scores_differ=len(differing),
        champions_differ=int(found.champion != expected.champion),
        names=[*differing, *lost, *added],
    )


def repeated(steps: Iterable[Step]) -> list[tuple[int, int]]:
    """Return, for every process of a sweep, the stacks and fits that an earlier one had trained."""
    known: dict[str, int] = {}
    counts: dict[int, tuple[int, int]] = {}
    own: dict[int, set[str]] = {}
    for step in steps:
        mine = own.setdefault(step.process, set())
        stacks, fits = counts.setdefault(step.process, (0, 0))
        if step.name != "stack":
            continue
        stack, trained = step.about.split()
        if stack in known and stack not in mine and int(trained):
            counts[step.process] = (stacks + 1, fits + min(known[stack], int(trained)))
        known[stack] = max(known.get(stack, 0), int(trained))
        mine.add(stack)
    return list(counts.values())
