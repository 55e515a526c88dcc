"""Where files are looked for."""

from __future__ import annotations

import shutil

import pytest

from pipeline.config import places
from pipeline.config.messages import nearest
from pipeline.config.places import conf_dir, data_dir, find_data
from pipeline.core.errors import ConfigError


def test_the_working_directory_wins_over_the_shipped_data(tmp_path, monkeypatch):
    """A file of the user's own is meant, unless the path says shipped:."""
    monkeypatch.chdir(tmp_path)
    shipped = data_dir() / "titanic_891.csv"
    assert find_data("titanic_891.csv") == shipped
    (tmp_path / "titanic_891.csv").write_text("mine")
    assert find_data("titanic_891.csv") == tmp_path / "titanic_891.csv"
    assert find_data("shipped:titanic_891.csv") == shipped


def test_a_path_that_is_nowhere_stays_where_it_points(tmp_path, monkeypatch):
    """The message about it then names the place that the user meant."""
    monkeypatch.chdir(tmp_path)
    assert find_data("a/b.csv") == tmp_path / "a" / "b.csv"


def test_a_wheel_finds_its_own_conf_and_data(tmp_path, monkeypatch):
    """In a wheel both lie inside the package, and win over a folder beside it."""
    package = tmp_path / "pipeline"
    shutil.copytree(conf_dir(), package / "conf")
    shutil.copytree(data_dir(), package / "shipped_data")
    shutil.copytree(conf_dir(), tmp_path / "conf")
    monkeypatch.setattr(places, "_PACKAGE", package)
    assert (conf_dir(), data_dir()) == (package / "conf", package / "shipped_data")


def test_a_broken_installation_says_so(tmp_path, monkeypatch):
    """Instead of a traceback from deep inside Hydra."""
    monkeypatch.setattr(places, "_PACKAGE", tmp_path / "pipeline")
    with pytest.raises(ConfigError, match="installation is incomplete"):
        conf_dir()


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("training.epohcs", "training.epochs"),
        ("epochs", "training.epochs"),
        ("trainng.epochs", "training.epochs"),
        ("EPOCHS", "training.epochs"),
        ("sed", "seed"),
        ("zzz", None),
        ("", None),
    ],
)
def test_the_nearest_word_is_the_one_that_was_meant(word, meant):
    """Typos, a missing group, a misspelt group; nothing where nothing is near."""
    assert nearest(word, ["training.epochs", "training.patience", "seed"]) == meant
