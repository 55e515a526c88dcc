"""Closing up the ranks of a stack once its open members need fewer tiles. Knows no framework."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.training.stacked.tile import Tile


def repacked(tiles: Sequence[Tile], size: int) -> list[Tile]:
    """Return as few of the tiles as hold the open members; the others are emptied into them.

    It follows from results, not from clocks. Tiles with the fewest open members give way, one after
    the other, so that little is moved and the state of one tile at most is held twice.

    Args:
        tiles: Of one stack.
        size: Members of a tile.
    """
    crowd = [len(tile.open) for tile in tiles]
    needed = -(-sum(crowd) // size)
    fullest = sorted(range(len(tiles)), key=lambda at: -crowd[at])[:needed]
    kept = [tiles[at] for at in sorted(fullest)]
    for at, tile in enumerate(tiles):
        if at not in fullest:
            _empty(tile, kept)
    return kept


def _empty(tile: Tile, others: Sequence[Tile]) -> None:
    """Move the open members of a tile into the places of ended ones."""
    moving = tile.leave()
    for other in others:
        moving = other.fill(moving)
