"""A hint that is printed works when it is followed."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config.arguments import read
from pipeline.config.keys import all_keys
from pipeline.config.messages import did_you_mean
from pipeline.core.errors import ConfigError
from pipeline.data.judged import setting

TEXT = st.text(
    st.characters(
        codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="$"
    ),
    min_size=1,
    max_size=12,
).filter(lambda text: text.strip() == text)


def _listed(word: str) -> list[str]:
    (argument,) = read([word], {})
    return argument.value


@settings(max_examples=60, deadline=None)
@given(TEXT)
def test_a_column_that_is_named_in_advice_is_the_column_when_the_advice_is_typed(name):
    """Spaces, equals signs, commas, quotes, brackets, backslashes."""
    (word,) = shlex.split(setting("drop", name))
    assert _listed(word) == [name]


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXT.filter(lambda text: not set(text) & set(",[]'\"")), min_size=1, max_size=3))
def test_the_hint_for_a_list_that_cannot_be_read_is_accepted_and_means_the_same(texts):
    """What was typed without quotes, with them."""
    typed = f"data.drop=[{','.join(texts)}]"
    try:
        read([typed], {})
    except ConfigError as error:
        (word,) = shlex.split(str(error).partition("with its texts in quotes: ")[2])
        assert _listed(word) == texts


@pytest.mark.parametrize("word", ["training.epochs=5)", "budget.seconds=(", "data.classes=["])
def test_a_value_that_is_no_text_is_not_advised_to_be_quoted(word):
    """It would be refused as a text."""
    with pytest.raises(ConfigError) as error:
        read([word], {})
    assert "quotes" not in str(error.value)


@pytest.mark.parametrize(
    "value", ["'a','b'", "'a' and 'b'", "it's", '"a', "a'b\"c", "x\\", "a=b, c"]
)
def test_a_text_is_taken_as_it_was_typed(value):
    """Also where it begins and ends with a quote."""
    (argument,) = read([f"data.target={value}"], {})
    assert argument.value == value


def test_nobody_is_asked_whether_he_meant_what_he_typed():
    """A key without a value is right so far."""
    for name in all_keys():
        assert did_you_mean(name, all_keys()) == ""
    with pytest.raises(ConfigError, match=r"written key=value; what should training\.epochs be\?"):
        read(["training.epochs"], {})
