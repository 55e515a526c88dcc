"""What an earlier sweep took: the best prediction of the same sweep again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pipeline.forecast.path import Path, path_of

if TYPE_CHECKING:
    from collections.abc import Sequence

LIKE = 1.5
"""A table may have grown or shrunk by this factor for an earlier sweep on it to tell of the next."""


@dataclass(frozen=True)
class Remembered:
    """A sweep that ran to its own end."""

    fingerprint: str
    """Of its configuration: all that makes a fit what it is."""
    digest: str
    """Of its data."""
    mark: str
    """Of its file's path, size and time of change: known without reading it."""
    machine: str
    """Where it ran."""
    rows: int
    """Of the table."""
    path: Path

    @property
    def identity(self) -> tuple[str, str, str]:
        """What must agree for the sweep to be the same one again."""
        return self.fingerprint, self.digest, self.machine

    def scaled(self, rows: int) -> Path:
        """Return the path on another table of so many rows.

        Steps, and so seconds of training, follow the rows. Programs for as many rows are on the
        disk; others are compiled, which takes as long as it did.
        """
        if rows == self.rows:
            return self.path.again()
        factor = rows / self.rows
        legs = tuple(
            replace(leg, seconds=(leg.seconds - leg.compiling) * factor + leg.compiling)
            for leg in self.path.legs
        )
        return replace(self.path, legs=legs)

    def knowing(self, before: Remembered) -> Remembered:
        """Return the same with the compiling of an earlier run, which this one was spared.

        Args:
            before: The same sweep when it ran before.
        """
        legs, known = self.path.legs, before.path.legs
        if [leg.fits for leg in legs] != [leg.fits for leg in known]:
            return self
        # A round that compiled something may have found the rest, or the earlier was held up.
        spared = [
            max(0.0, other.compiling / (2.0 if leg.compiling else 1.0) - leg.compiling)
            for leg, other in zip(legs, known, strict=True)
        ]
        together = tuple(
            replace(leg, seconds=leg.seconds + more, compiling=leg.compiling + more)
            for leg, more in zip(legs, spared, strict=True)
        )
        return replace(self, path=replace(self.path, legs=together))


@dataclass(frozen=True)
class Coming:
    """A sweep to come."""

    fingerprint: str
    machine: str
    rows: int
    data: frozenset[str]
    """Digest of the data, mark of its file; whichever is known."""


def recall(past: Sequence[Remembered], coming: Coming) -> tuple[Path | None, bool]:
    """Return the path of the sweep that tells most of one to come, and whether it is the very same.

    Another table of about as many rows (a nightly one) counts where the configuration agrees.

    Args:
        past: Remembered sweeps, the latest last.
        coming: The sweep to come.
    """
    alike = [
        one
        for one in reversed(past)
        if one.fingerprint == coming.fingerprint and one.machine == coming.machine
    ]
    for one in alike:
        if coming.data.intersection((one.digest, one.mark)):
            return one.path.again(), True
    for one in alike:
        if one.rows / LIKE <= coming.rows <= one.rows * LIKE:
            return one.scaled(coming.rows), False
    return None, False


def remembered(document: Any) -> Remembered | None:
    """Return a stored sweep; None where the document makes no sense."""
    try:
        texts = {name: document[name] for name in ("fingerprint", "digest", "mark", "machine")}
        found = Remembered(**texts, rows=int(document["rows"]), path=path_of(document["path"]))
    except (TypeError, KeyError, ValueError):
        return None
    sound = found.rows > 0 and all(isinstance(text, str) for text in texts.values())
    return found if sound else None
