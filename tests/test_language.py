"""Numbers as people say them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import language


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.42868, "0.429"),
        (4.1234, "4.12"),
        (12345.6, "12,346"),
        (0.0000123, "1.23e-05"),
        (0, "0"),
        (math.nan, "–"),
        (None, "–"),
        (np.float32(0.5), "0.500"),
    ],
)
def test_measurements_keep_three_digits(value: object, said: str) -> None:
    """Three significant digits, thousands separated, a dash where nothing is known."""
    assert language.number(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.43642, "0.4364"),
        (3.93, "3.930"),
        (9_999.4, "9,999"),
        (9_999.7, "10,000"),
        (19_720.4, "19,720"),
        (-133_013.81, "-133,014"),
        (2.5e6, "2,500,000"),
        (0.0, "0"),
        (float("nan"), "–"),
    ],
)
def test_scores_keep_four_digits_and_are_written_out_in_a_targets_own_unit(
    value: float, said: str
) -> None:
    """A price's RMSE of 1.972e+04 is read by nobody, and 3.93 beside 3.971 seems less sure."""
    assert language.exact(value) == said


def test_error_and_value_have_the_same_decimals() -> None:
    """A value is given to the second digit of its standard error."""
    assert language.with_error(0.42868, 0.0123).replace(language.GLUE, " ") == "0.429 ± 0.012"
    assert language.with_error(0.42868, None) == "0.429"
    assert language.with_error(2.302585, 1.6e-17) == "2.30"  # rounding is no spread


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        (0.00948683, "0.0095"),
        (0.003, "0.003"),
        (0.0125, "0.0125"),
        (1e-6, "1e-06"),
        (0.00177828, "0.0018"),
    ],
)
def test_learning_rates_are_written_as_people_write_them(rate: float, said: str) -> None:
    """As short as is true within two hundredths."""
    assert language.rate(rate) == said


@given(st.floats(allow_nan=True, allow_infinity=True), st.floats())
def test_any_number_can_be_said(value: float, error: float) -> None:
    """No float, however odd, breaks a sentence."""
    assert language.number(value)
    assert language.with_error(value, error)
    assert language.count(value)
    assert language.duration(value)


@pytest.mark.parametrize(
    ("items", "said"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (list("abc"), "a, b and c")],
)
def test_lists_are_joined_as_in_a_sentence(items: list[str], said: str) -> None:
    """Commas, and one `and` at the end."""
    assert language.listing(items) == said


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.9967, "99.7 %"), (0.99996, "99.996 %"), (1.0, "100 %"), (0.0, "0 %"), (0.0004, "0.04 %")],
)
def test_what_is_not_all_is_not_written_as_all(share: float, said: str) -> None:
    """100 % means every one of them, 0 % none."""
    assert language.percent(share).replace("\N{NO-BREAK SPACE}", " ") == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.4, "0.4 s"),
        (round(0.4), "0 s"),
        (59.6, "1 min 00 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 05 min"),
    ],
)
def test_durations_are_said_as_people_do(seconds: float, said: str) -> None:
    """Seconds, minutes, hours: two units at most."""
    assert language.duration(seconds) == said


def test_a_trial_is_called_with_its_rate_as_people_write_it() -> None:
    """Also a fit, a trial with other values, and one that names no rate."""
    said = [
        language.trial(name)
        for name in (
            "1x64 lr 0.00948683",
            "2x9 lr 1e-06 dropout 0.5 #3",
            "no rate",
            "lr 0.00948683",
        )
    ]
    assert said == ["1x64 lr 0.0095", "2x9 lr 1e-06 dropout 0.5 #3", "no rate", "lr 0.00948683"]
