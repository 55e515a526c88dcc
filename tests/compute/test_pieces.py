"""Stacks cut for a cluster: nothing lost, nothing compared torn apart, small enough to share."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from pipeline.compute.pieces import MOST_TILES, Piece, Slots, halves, pieces, standing
from pipeline.core.control import Progress
from pipeline.core.records import Capacity, Fit, Stack, StackPlan, Trial

TILE = 4


def stack(number: int, trials: int, rates: int, executions: int) -> Stack:
    """Return a stack of so many trials at so many rates, each trained so often."""
    fits = tuple(
        Fit(Trial(Capacity(f"1x{units}", (("units", units),)), rate, units), execution, 1, 10)
        for units in range(1, trials + 1)
        for rate in range(1, rates + 1)
        for execution in range(executions)
    )
    return Stack(number, fits)


PLANS = st.lists(st.tuples(*[st.integers(1, 4)] * 3), min_size=1, max_size=3).map(
    lambda sizes: StackPlan(
        tuple(stack(number, *size) for number, size in enumerate(sizes)), "stacked", ""
    )
)
SLOTS = st.builds(Slots, st.integers(0, 20), st.booleans())


@given(PLANS, SLOTS, st.booleans())
def test_every_fit_is_in_one_piece_of_its_stack(
    plan: StackPlan, slots: Slots, compared: bool
) -> None:
    """A cluster trains what this machine would."""
    found = pieces(plan, slots, TILE, compared=compared)
    wanted = Counter((one.number, fit) for one in plan.stacks for fit in one.fits)
    assert Counter((one.stack.number, fit) for one in found for fit in one.stack.fits) == wanted
    assert [one.number for one in found] == list(range(len(found)))


@given(PLANS, SLOTS)
def test_rates_that_are_compared_stay_together(plan: StackPlan, slots: Slots) -> None:
    """Which rate is clearly behind must not depend on the cluster."""
    found = pieces(plan, slots, TILE, compared=True)
    places = {
        (one.stack.number, f.trial.with_rate(1.0)): one for one in found for f in one.stack.fits
    }
    for one in found:
        for fit in one.stack.fits:
            assert places[one.stack.number, fit.trial.with_rate(1.0)] is one


def test_pieces_fill_the_cluster_in_whole_tiles() -> None:
    """Few nodes get large pieces, many nodes small ones, a GPU everything at once."""
    plan = StackPlan((stack(0, 5, 5, 4),), "stacked", "")
    sizes = {
        count: [len(one.stack.fits) for one in pieces(plan, Slots(count), TILE, compared=False)]
        for count in (0, 2, 10, 100)
    }
    assert max(sizes[2]) == MOST_TILES * TILE
    assert sorted(sizes[10]) == [4] + [8] * 12
    assert sizes[100] == [4] * 25
    assert sizes[0] == sizes[2]  # nothing there yet: it may grow
    gpus = pieces(plan, Slots(2, gpu=True), TILE, compared=False)
    assert [len(one.stack.fits) for one in gpus] == [50, 50]


def test_the_largest_pieces_go_first() -> None:
    """A round ends evenly."""
    plan = StackPlan((stack(0, 4, 1, 4),), "stacked", "")
    work = [
        one.stack.fits[0].trial.parameters for one in pieces(plan, Slots(2), TILE, compared=True)
    ]
    assert work == sorted(work, reverse=True)


def test_halves_have_all_fits_and_numbers_of_their_own() -> None:
    """A piece that kills its workers is tried in two parts."""
    whole = Piece(3, stack(1, 1, 1, 3))
    one, two = halves(whole, 7)
    assert (one.number, two.number) == (7, 8)
    assert one.stack.fits + two.stack.fits == whole.stack.fits


def test_progress_of_pieces_is_that_of_their_stack() -> None:
    """Members that wait count as live at epoch 0; a stack nobody has begun says nothing."""
    begun, waits = Piece(0, stack(0, 1, 1, 4)), Piece(1, stack(0, 1, 1, 2))
    other = Piece(2, stack(1, 1, 1, 2))
    heard = {0: Progress(0, 9, 10, 2, 0.5)}
    (found,) = standing([begun, waits, other], heard)
    assert found == Progress(0, 4, 10, 4, 0.5)
