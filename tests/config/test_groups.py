"""Every option of every group, and every recipe, composes and passes the checks."""

from __future__ import annotations

import re

import pytest

from pipeline.config.choices import SearchKind
from pipeline.config.compose import compose
from pipeline.config.help import groups
from pipeline.config.places import conf_dir, find_data
from pipeline.config.schema import SweepConfig
from pipeline.config.schema_search import CapacityConfig, OtherSearchConfig

NEEDED = {
    "data=table": ["data.path=F.csv", "data.target=y"],
    "data=images": ["data.path=F"],
    "model=cnn": ["data=mnist"],
    "model=builder": ["model.builder=package.module:function"],
}
"""What some options cannot be without."""

ALL = [f"{group}={option.name}" for group, options in groups().items() for option in options]
TOP = [choice for choice in ALL if "/" not in choice.partition("=")[0]]
DATA = [choice for choice in TOP if choice.startswith("data=") and choice not in NEEDED]
EXPERIMENTS = [choice for choice in TOP if choice.startswith("experiment=")]


@pytest.fixture(autouse=True)
def _server(monkeypatch: pytest.MonkeyPatch) -> None:
    """tracking=server reads its address from the environment."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")


@pytest.mark.parametrize("choice", TOP)
def test_every_option_of_every_group_composes(choice):
    """An option and what it needs make a checked configuration."""
    config = compose([choice, *NEEDED.get(choice, [])])
    assert isinstance(config, SweepConfig)


@pytest.mark.parametrize("choice", TOP)
def test_every_option_says_what_it_is(choice):
    """The first comment of a file is its line in --help."""
    group, _, name = choice.partition("=")
    (option,) = [option for option in groups()[group] if option.name == name]
    assert len(option.summary) > 10


@pytest.mark.parametrize("choice", EXPERIMENTS)
def test_every_recipe_states_its_command(choice):
    """The comment on top of a recipe is the command that starts it."""
    text = (conf_dir() / "experiment" / f"{choice.partition('=')[2]}.yaml").read_text("utf-8")
    (command,) = re.findall(r"^#   python -m pipeline.sweep (.+)$", text, re.MULTILINE)
    assert command.split()[0] == choice
    assert isinstance(compose(command.split()), SweepConfig)


@pytest.mark.parametrize("choice", DATA)
def test_every_shipped_table_is_there(choice):
    """A data group without a path of the user's own points to a file that exists."""
    assert find_data(compose([choice]).data.path).is_file()


@pytest.mark.parametrize("kind", list(SearchKind))
def test_a_search_has_the_schema_of_its_kind(kind):
    """The capacity search has keys of its own; the others share theirs."""
    search = compose([f"search={kind.name}"]).search
    wanted = CapacityConfig if kind is SearchKind.capacity else OtherSearchConfig
    assert (type(search), search.kind) == (wanted, kind)


@pytest.mark.parametrize("kind", list(SearchKind))
def test_a_family_brings_its_own_limits_to_every_search(kind):
    """model=cnn narrows the space, whichever search reads it."""
    space = compose([f"search={kind.name}", "data=mnist", "model=cnn"]).search.space
    assert (space.layers_min, space.units_max) == (1, 64)


def test_a_recipe_beats_the_primary_file_and_a_word_beats_the_recipe():
    """The order is schema, groups, sweep.yaml, experiment, command line."""
    recipe = compose(["experiment=course_early_stopping"])
    word = compose(["experiment=course_early_stopping", "training.epochs=9"])
    assert (recipe.training.epochs, word.training.epochs) == (30, 9)


COURSE = {
    "course_wages": ("wages_course", [[50, 32]], [0.001], "adam", 0.2),
    "course_titanic": ("titanic_course", [[32]], [0.01], "sgd", 0.2),
    "course_learning_rates": ("titanic_course", [[100, 100]], [1e-6, 0.01, 1.0], "sgd", 0.2),
    "course_validation": ("titanic_course", [[100, 100]], [0.001], "adam", 0.3),
    "course_early_stopping": ("titanic_course", [[100, 100]], [0.001], "adam", 0.3),
    "course_wider": ("titanic_course", [[10, 10], [100, 100]], [0.001], "adam", 0.2),
    "course_deeper": ("titanic_course", [[50], [50, 50, 50]], [0.001], "adam", 0.4),
    "course_digits": ("mnist", [[50, 50]], [0.001], "adam", 0.3),
}


@pytest.mark.parametrize("name", COURSE)
def test_a_recipe_of_the_course_is_the_course(name):
    """Data, networks, rates, optimizer and validation share are those that the course states."""
    config = compose([f"experiment={name}"])
    assert (
        config.data.name,
        config.search.space.architectures,
        config.search.learning_rate.values,
        config.training.optimizer,
        config.data.validation_fraction,
    ) == COURSE[name]
    assert (config.data.test_fraction, config.training.executions) == (0, 1)


def test_the_capacity_recipe_takes_the_steps_of_the_course():
    """Start 1x100, growth 2.5 (250, 625), shrink 0.8 (200)."""
    search = compose(["experiment=course_capacity"]).search
    assert (search.start_layers, search.start_units) == (1, 100)
    assert (search.growth, search.shrink, search.space.units_max) == (2.5, 0.8, 625)
