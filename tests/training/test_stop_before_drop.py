"""A stop before learning rates are compared: nothing is dropped on part of the evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pipeline.core.records import Arrays, Outcome
from pipeline.training.families.mlp import of_widths

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.core.family import Family
    from pipeline.core.records import Fit

DROP_AFTER = 2
TOLD = {"drop_after": DROP_AFTER, "drop_margin": 0.0}


@pytest.fixture(scope="module")
def family(regression: Arrays, make_family: Callable[..., Family]) -> Family:
    """MLPs for the regression."""
    return make_family(regression)


@pytest.fixture(scope="module")
def fits(family: Family, make_fits: Callable[..., tuple[Fit, ...]]) -> tuple[Fit, ...]:
    """A rate that is far behind and one that is not, by seed: each half could be compared."""
    found = make_fits(family, of_widths(8), (1e-6, 0.03), epochs=4, seeds=4)
    return tuple(sorted(found, key=lambda fit: fit.seed))


@pytest.mark.parametrize("kind", ["fit", "stacked"])
def test_undisturbed_the_slow_rate_is_dropped(
    kind: str, fits: tuple[Fit, ...], regression: Arrays, family: Family, train: Any
) -> None:
    """In every seed."""
    results = train(fits, regression, family, kind, **TOLD)
    dropped = [one.fit.trial.learning_rate for one in results if one.outcome is Outcome.dropped]
    assert dropped == [1e-6] * 4


@pytest.mark.parametrize(
    ("kind", "questions"),
    [
        # At the start, then before every fit and after each of its epochs: four fits are through.
        pytest.param("fit", 1 + 4 * (1 + DROP_AFTER), id="fit"),
        # At the start, then before every tile of four: one of the two is through.
        pytest.param("stacked", 1 + 1, id="stacked"),
    ],
)
def test_a_stop_before_all_can_be_compared_drops_none(
    kind: str,
    questions: int,
    fits: tuple[Fit, ...],
    regression: Arrays,
    family: Family,
    train: Any,
    stopping_control: type,
) -> None:
    """A dropped fit is done and never trained again: the resumed sweep would differ for good."""
    results = train(fits, regression, family, kind, stopping_control(questions), **TOLD)
    assert sorted(one.epochs for one in results) == [0] * 4 + [DROP_AFTER] * 4
    assert {one.outcome for one in results} == {Outcome.cut}
