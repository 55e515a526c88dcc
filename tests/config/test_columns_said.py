"""What the command line says of columns: any name, and one message for what cannot be meant."""

from __future__ import annotations

import pytest

from pipeline.config.compose import compose
from pipeline.core.errors import ConfigError
from pipeline.data.judged import setting

TABLE = ["data=table", "data.path=t.csv", "data.target=y"]


@pytest.mark.parametrize(
    ("word", "key", "value"),
    [
        ("data.dates={when: %d.%m.%Y}", "dates", {"when": "%d.%m.%Y"}),
        ("data.dates={when:%m/%d/%Y %H:%M}", "dates", {"when": "%m/%d/%Y %H:%M"}),
        ("data.dates={when: '%b %d, %Y', b: ISO8601}", "dates", {"when": "%b %d, %Y", "b": "ISO8601"}),
        ('data.dates={"sold (on): a, b": "%d"}', "dates", {"sold (on): a, b": "%d"}),
        ("data.dates={Verkauft über: %Y-%m}", "dates", {"Verkauft über": "%Y-%m"}),
        ("data.dates={}", "dates", {}),
        ("data.ordered={size: [S, M, L]}", "ordered", {"size": ["S", "M", "L"]}),
        ("data.ordered={'Maß': [klein, 'ganz groß', 3]}", "ordered", {"Maß": ["klein", "ganz groß", "3"]}),
        ("data.categories=[zip, Miete (€), 'a,b']", "categories", ["zip", "Miete (€)", "a,b"]),
        ("data.drop=[Größe,my col]", "drop", ["Größe", "my col"]),
        ("data.numbers=[]", "numbers", []),
        ("data.delimiter=;", "delimiter", ";"),
        ("data.delimiter=|", "delimiter", "|"),
        ("data.decimal=,", "decimal", ","),
        ("data.encoding=cp1252", "encoding", "cp1252"),
    ],
)  # fmt: skip
def test_columns_are_said_as_people_type_them(word, key, value):
    """With blanks, umlauts, parentheses; with and without quotes."""
    assert getattr(compose([*TABLE, word]).data, key) == value


@pytest.mark.parametrize(
    "name", ["when", "my col", "Größe (m²)", "it's", 'say "so"', "null", "a:b"]
)
def test_the_override_that_a_message_shows_is_one_that_works(name):
    """Whatever a column is called; as a shell hands it on."""
    import shlex

    (kept,) = shlex.split(setting("keep", name))
    (dated,) = shlex.split(setting("dates", name, "%d/%m/%Y %H:%M"))
    config = compose([*TABLE, kept, dated]).data
    assert config.keep == [name]
    assert config.dates == {name: "%d/%m/%Y %H:%M"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data.numbers=[a]", "data.categories=[a]"], "data.numbers=a: is in data.categories, too"),
        (["data.dates={a: '%Y'}", "data.ordered={a: [x, z]}"], "is in data.dates, too"),
        (["data.numbers=[a,a]"], "stands there twice"),
        (["data.numbers=[a]", "data.drop=[a]"], "is left out by data.drop"),
        (["data.categories=[y]"], "is the target"),
        (["data.ordered={a: [x]}"], "at least two levels"),
        (["data.dates={a: day}"], "must be a format like %d.%m.%Y"),
        (["data.delimiter=;;"], "must be one character"),
        (["data.decimal=x"], r"must be \. or ,"),
        (["data.encoding=klingon"], "must be one of Python"),
        (["data.dates=[a]"], "a mapping from columns like"),
    ],
)
def test_what_cannot_be_meant_is_refused(words, message):
    """Before the table is read."""
    with pytest.raises(ConfigError, match=message):
        compose([*TABLE, *words])
