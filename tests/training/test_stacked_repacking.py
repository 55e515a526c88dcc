"""Repacking: few members move, none is lost, and no number changes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.records import Arrays, Stack
from pipeline.training import sizes
from pipeline.training.engine import engine
from pipeline.training.families.mlp import of_widths
from pipeline.training.settings import Settings
from pipeline.training.stacked.engine import repacked
from pipeline.training.stacked.tile import Tile

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.core.family import Family
    from pipeline.core.records import Fit, FitResult

SIZE = 4


@dataclass
class Crowd:
    """A tile of which only the members are looked at."""

    open: list[int]
    filled: int = 0

    def leave(self) -> list[int]:
        """Give all members away."""
        gone, self.open = self.open, []
        return gone

    def fill(self, moving: list[int]) -> list[int]:
        """Take as many as there are places."""
        places = SIZE - len(self.open)
        self.filled += len(moving[:places])
        self.open = self.open + moving[:places]
        return moving[places:]


@given(crowds=st.lists(st.integers(0, SIZE), max_size=9))
def test_as_few_tiles_as_possible_by_as_few_moves_as_possible(crowds: list[int]) -> None:
    """Nobody is lost, the fullest tiles stay in their order, and only the others' members move."""
    names = iter(range(1000))
    tiles = [Crowd([next(names) for _ in range(count)]) for count in crowds]
    members = [name for tile in tiles for name in tile.open]
    left: Any = repacked(tiles, SIZE)  # type: ignore[arg-type]
    assert sorted(name for tile in left for name in tile.open) == members
    assert len(left) == -(-len(members) // SIZE)
    assert left == [tile for tile in tiles if any(tile is one for one in left)]
    fewest = sum(sorted(crowds)[: len(crowds) - len(left)])
    assert sum(tile.filled for tile in left) == fewest


@pytest.fixture(scope="module")
def family(regression: Arrays, make_family: Callable[..., Family]) -> Family:
    """MLPs for the regression."""
    return make_family(regression)


@pytest.fixture(scope="module")
def fits(family: Family, make_fits: Callable[..., tuple[Fit, ...]]) -> tuple[Fit, ...]:
    """Four tiles: some members stop at once, most after some epochs, the lowest rate trains on."""
    slow = make_fits(family, of_widths(16), (0.001,), epochs=12, seeds=2)
    quick = make_fits(family, of_widths(9), (0.3, 0.1), epochs=12, seeds=3)
    one_epoch = [replace(fit, epochs=1) for fit in quick]
    return (*quick, slow[0], *one_epoch, slow[1])


def trained(fits: tuple[Fit, ...], arrays: Arrays, family: Family, control: Any) -> list[FitResult]:
    """Train as one stack that never stops before its last epoch but for lack of improvement."""
    stack = Stack(0, fits, (16,))
    return engine("stacked")(stack, arrays, family, Settings(patience=2), control)


def test_tiles_close_up_without_being_built_again(
    fits: tuple[Fit, ...],
    regression: Arrays,
    family: Family,
    stopping_control: type,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fewer tiles train from chunk to chunk; some are filled, one never is, and all bits stay."""
    built: list[Tile] = []
    at_work: dict[int, list[Tile]] = defaultdict(list)
    filled: list[tuple[Tile, int]] = []
    start, advance, fill = Tile.__init__, Tile.advance, Tile.fill

    def watched_start(tile: Tile, *arguments: Any) -> None:
        start(tile, *arguments)
        if tile.open:  # else it measures what was trained
            built.append(tile)

    def watched_advance(tile: Tile, *arguments: Any) -> str:
        at_work[tile.open[0].epoch].append(tile)
        return advance(tile, *arguments)

    def watched_fill(tile: Tile, leaving: Any) -> Any:
        rest = fill(tile, leaving)
        filled.append((tile, len(leaving.runs) - len(rest.runs)))
        return rest

    monkeypatch.setattr(sizes, "MOST_EPOCHS", 2)
    monkeypatch.setattr(Tile, "__init__", watched_start)
    monkeypatch.setattr(Tile, "advance", watched_advance)
    monkeypatch.setattr(Tile, "fill", watched_fill)
    together = trained(fits, regression, family, stopping_control())
    crowds = [len(at_work[epoch]) for epoch in sorted(at_work)]
    assert crowds == sorted(crowds, reverse=True)
    assert crowds[0] == len(built) == 4
    assert crowds[-1] == 1
    changed = {id(tile) for tile, moved in filled if moved}
    assert changed
    assert any(id(tile) not in changed for tile in at_work[2])
    monkeypatch.undo()
    for fit, beside in zip(fits, together, strict=True):
        alone = trained((fit, fit), regression, family, stopping_control())[0]
        assert (alone.outcome, alone.best_epoch) == (beside.outcome, beside.best_epoch)
        assert all(np.array_equal(alone.curves[name], beside.curves[name]) for name in alone.curves)
        pairs = zip(alone.weights or (), beside.weights or (), strict=True)
        assert all(np.array_equal(one, other) for one, other in pairs)
        assert np.array_equal(alone.row_losses, beside.row_losses)


def test_weights_read_back_do_not_keep_a_tile(
    fits: tuple[Fit, ...], regression: Arrays, family: Family, stopping_control: type
) -> None:
    """They own their memory: as views they would hold the weights of every member of their tile."""
    for result in trained(fits[:4], regression, family, stopping_control()):
        assert result.weights
        assert all(array.base is None for array in result.weights)
