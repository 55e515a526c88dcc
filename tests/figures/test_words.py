"""Numbers as people say them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.figures import words


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
    assert words.number(value) == said


def test_error_and_value_have_the_same_decimals() -> None:
    """A value is given to the second digit of its standard error."""
    assert words.with_error(0.42868, 0.0123).replace(words.GLUE, " ") == "0.429 ± 0.012"
    assert words.with_error(0.42868, None) == "0.429"
    assert words.with_error(2.302585, 1.6e-17) == "2.30"  # rounding is no spread


def test_depth_is_said_in_the_familys_words() -> None:
    """Layers of an MLP, blocks of a CNN; the linear model has none."""
    said = [words.depth(n, blocks=blocks) for n, blocks in ((2, False), (1, True), (0, True))]
    assert said == ["2 hidden layers", "1 block", "no hidden layer"]


@given(st.floats(allow_nan=True, allow_infinity=True), st.floats())
def test_any_number_can_be_said(value: float, error: float) -> None:
    """No float, however odd, breaks a sentence."""
    assert words.number(value)
    assert words.with_error(value, error)
    assert words.count(value)
    assert words.duration(value)


@pytest.mark.parametrize(
    ("items", "said"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (list("abc"), "a, b and c")],
)
def test_lists_are_joined_as_in_a_sentence(items: list[str], said: str) -> None:
    """Commas, and one `and` at the end."""
    assert words.listing(items) == said


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.9967, "99.7 %"), (0.99996, "99.996 %"), (1.0, "100 %"), (0.0, "0 %"), (0.0004, "0.04 %")],
)
def test_what_is_not_all_is_not_written_as_all(share: float, said: str) -> None:
    """100 % means every one of them, 0 % none."""
    assert words.percent(share).replace("\N{NO-BREAK SPACE}", " ") == said
