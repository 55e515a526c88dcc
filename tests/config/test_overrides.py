"""Command line words: text is read literally, and a comma means several runs only under -m."""

from __future__ import annotations

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config.arguments import runs
from pipeline.config.compose import compose
from pipeline.config.help import groups
from pipeline.config.launch import parse
from pipeline.core.commands import quoted
from pipeline.core.errors import ConfigError

AWKWARD = [
    "a,b.csv",
    "x=y.csv",
    "with space.csv",
    "t[1]/(a){b}.csv",
    "größe.csv",
    "it's.csv",
    'say "hi".csv',
    "C:\\data\\x.csv",
    "#1.csv",
    "$HOME.csv",
    "~/x.csv",
]


@pytest.mark.parametrize("path", AWKWARD)
def test_a_path_is_taken_as_it_stands(path):
    """Hydra's grammar would refuse most of these, or read them as lists."""
    assert compose(["data=table", f"data.path={path}", "data.target=y"]).data.path == path


@pytest.mark.parametrize("column", ["08", "1e3", "true", "0x1F", "1_000", "wage (USD)", "a, b"])
def test_a_column_is_never_read_as_a_number(column):
    """Columns may be called anything."""
    assert compose([f"data.target={column}"]).data.target == column


@pytest.mark.parametrize("sweep", ["no", "auto", "1234e567", "0123456789", "1e5"])
def test_an_id_that_looks_like_a_number_stays_text(sweep):
    """A run id of hex digits can be a valid float."""
    assert compose([f"resume={sweep}"]).resume == sweep


def test_quotes_of_the_users_own_are_respected():
    """Who knows Hydra's grammar may quote."""
    assert compose(["data.target='a, b'"]).data.target == "a, b"


def test_null_is_null_where_the_type_allows_it():
    """`registry.name=null` unregisters; it does not register a model called null."""
    assert compose(["registry.name=null"]).registry.name is None


def test_the_name_of_a_table_is_taken_from_its_file():
    """data.name is for those who want another."""
    words = ["data=table", "data.path=/a/b/my.table.csv.gz", "data.target=y"]
    assert compose(words).data.name == "my"
    assert compose([*words, "data.name=other"]).data.name == "other"


@pytest.mark.parametrize("more", [[], ["experiment=smoke"], ["experiment=thorough"]])
def test_a_path_alone_is_a_table_of_its_own_name(more):
    """It is never recorded under the name of the table that is swept where nothing is said."""
    data = compose([*more, "data.path=/a/my.csv", "data.target=y"]).data
    assert (data.name, data.path, data.target, data.task) == ("my", "/a/my.csv", "y", "auto")


def test_a_path_with_a_choice_of_data_is_that_choice():
    """Another copy of a shipped table is that table."""
    assert compose(["data=titanic", "data.path=/a/my.csv"]).data.name == "titanic"


def test_the_nearest_choice_is_suggested():
    """Of a key as of a group."""
    with pytest.raises(ConfigError, match=r"greedy; did you mean greedy\?"):
        compose(["champion=gredy"])
    with pytest.raises(ConfigError, match=r"must be one of single, ensemble, greedy \("):
        compose(["champion=xyz"])


def test_a_builder_alone_picks_its_family():
    """`model.builder=package.module:function` is all that a user must say."""
    model = compose(["model.builder=package.module:function"]).model
    assert (model.family, model.builder) == ("builder", "package.module:function")


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1))
def test_quoting_is_undone_by_hydras_parser(text):
    """Whatever the text, Hydra hands back the same."""
    assert OverridesParser.create().parse_override(f"data.path={quoted(text)}").value() == text


def test_several_values_make_several_runs_under_multirun():
    """Every combination, the last word fastest; text is split at commas too."""
    words = ["data=wages,titanic", "seed=0,1", "training.epochs=3"]
    assert [run[:2] for run in runs(words, groups())] == [
        ["data=wages", "seed=0"],
        ["data=wages", "seed=1"],
        ["data=titanic", "seed=0"],
        ["data=titanic", "seed=1"],
    ]


def test_every_value_of_a_multirun_is_looked_at():
    """A typo in the last of ten runs must not wait for the nine before."""
    with pytest.raises(ConfigError, match="did you mean titanic"):
        runs(["data=wages,titanik"], groups())


def test_flags_may_stand_anywhere():
    """`a=1 -m b=2` is how people type."""
    line = parse(["seed=1", "-m", "data=wages"])
    assert (line.arguments, line.multirun) == (["seed=1", "data=wages"], True)


@pytest.mark.parametrize("flag", ["--foo", "--experimental-rerun=x.pickle", "--config-path=x"])
def test_a_flag_that_is_not_ours_is_refused(flag):
    """Hydra's rerun would load a pickle: nothing of the kind exists here."""
    with pytest.raises(ConfigError, match="--config-dir"):
        parse([flag])


def test_a_folder_of_the_users_own_adds_options(tmp_path):
    """--config-dir takes recipes without touching the installation."""
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(
        "# @package _global_\ndefaults:\n  - override /data: titanic\nseed: 5\n"
    )
    config = compose(["experiment=mine"], extra=tmp_path)
    assert (config.data.name, config.seed) == ("titanic", 5)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("training:\n  epohcs: 5\n", "did you mean training.epochs?"),
        ("training:\n  epochs: abc\n", "training.epochs: must be a whole number"),
        ("search:\n  trials: 5\n", "search.trials: is a key of search=grid"),
        ("defaults:\n  - override /data: titanik\n", "did you mean titanic?"),
        ("training: [\n", "line 3: no valid YAML"),
        ("data: 5\n", "mine.yaml"),
    ],
)
def test_a_mistake_in_a_file_of_the_users_own_is_refused(tmp_path, text, says):
    """The schema holds for files as for words."""
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(f"# @package _global_\n{text}")
    with pytest.raises(ConfigError) as error:
        compose(["experiment=mine"], extra=tmp_path)
    assert says in str(error.value)


def test_a_recipe_without_its_header_is_explained(tmp_path):
    """Without @package the keys would land under `experiment`."""
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text("seed: 5\n")
    with pytest.raises(ConfigError, match="@package _global_"):
        compose(["experiment=mine"], extra=tmp_path)
