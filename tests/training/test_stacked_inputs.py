"""What the stacks of a process share: tables on the device, and orders of rows."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pipeline.training.order import epoch_order
from pipeline.training.stacked.inputs import Orders, orders, table_of

if TYPE_CHECKING:
    from pipeline.core.records import Arrays

BLOCK = 64


def test_stacks_at_the_same_time_share_a_table(regression: Arrays) -> None:
    """One copy for those arrays, another for others, none when nobody trains on it."""
    first = table_of(regression, BLOCK)
    assert table_of(regression, BLOCK) is first
    assert table_of(replace(regression), BLOCK) is not first
    gone = weakref.ref(first)
    del first
    gc.collect()
    assert gone() is None


def test_an_order_is_drawn_once() -> None:
    """The same array for every tile and stack that asks."""
    kept = Orders()
    first = kept.get(3, 1, 50)
    assert np.array_equal(first, epoch_order(3, 1, 50))
    assert kept.get(3, 1, 50) is first
    assert kept.get(3, 2, 50) is not first


def test_orders_are_let_go_beyond_a_bound() -> None:
    """The one that was used longest ago; an order larger than the bound is not kept at all."""
    kept = Orders(most_bytes=2 * 50 * 4)
    one, two = kept.get(0, 0, 50), kept.get(0, 1, 50)
    assert kept.get(0, 0, 50) is one
    kept.get(0, 2, 50)
    assert kept.get(0, 0, 50) is one
    assert kept.get(0, 1, 50) is not two
    large = kept.get(0, 0, 500)
    assert kept.get(0, 0, 500) is not large
    assert np.array_equal(kept.get(0, 0, 500), large)


def test_a_tile_gets_the_orders_of_its_seeds() -> None:
    """By seed and epoch, filled up with zeros."""
    found = orders([2, 7], range(4, 6), 10, (3, 2, 12))
    assert found.dtype == np.int32
    for at, seed in enumerate((2, 7)):
        for place, epoch in enumerate((4, 5)):
            assert np.array_equal(found[at, place, :10], epoch_order(seed, epoch, 10))
    assert not found[2].any()
    assert not found[:, :, 10:].any()
