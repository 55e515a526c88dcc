"""What is refused, and in which words: each message names the key, the value and what is allowed."""

from __future__ import annotations

import copy
import functools
import math
from typing import TYPE_CHECKING

import pytest

from pipeline.config.checks import problems
from pipeline.config.compose import compose
from pipeline.config.fields import LARGEST, Range
from pipeline.config.keys import all_keys
from pipeline.config.schema_search import PER_TRIAL
from pipeline.core.errors import ConfigError
from pipeline.training.families.base import choices

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.config.messages import Problem
    from pipeline.config.schema import SweepConfig


def refused(*words: str) -> str:
    """Return the message with which the words are refused."""
    with pytest.raises(ConfigError) as error:
        compose(words)
    return str(error.value)


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("training.epohcs=5", "did you mean training.epochs?"),
        ("trainng.epochs=5", "did you mean training.epochs?"),
        ("epochs=5", "did you mean training.epochs?"),
        ("tracking_uri=x", "did you mean tracking.uri?"),
        ("Data=wages", "did you mean data?"),
        ("+training.epohcs=5", "did you mean training.epochs?"),
        ("++data.foo=1", "unknown key data.foo"),
        ("data=wags", "did you mean wages?"),
        ("search=bayes", "did you mean bayesian?"),
        ("experiment=course_digit", "did you mean course_digits?"),
        ("data=my.csv", "data=table data.path=FILE"),
        ("wages", "written key=value"),
        ("=5", "written key=value"),
        ("flats.csv", "of your own: data.path=flats.csv data.target=COLUMN"),
        ("~data", "nothing can be removed"),
        ("search.space.architectures=[[50]", "cannot be read"),
        ("training.epochs=1,2", "with -m"),
        ("search=grid search.growth=2", None),
    ],
)
def test_a_word_that_is_not_understood_gets_a_hint(word, says):
    """The nearest key or option is suggested, or the right form is shown."""
    message = refused(*word.split())
    assert (says or "search=capacity") in message
    assert word.split("=")[0].lstrip("+~").split(".")[0] in message


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("training.epochs=abc", "must be a whole number"),
        ("training.epochs=1.5", "must be a whole number"),
        ("training.epochs=null", "must be a whole number"),
        ("seed=true", "must be a whole number"),
        ("search.growth=wide", "must be a number"),
        ("verbose=maybe", "must be true or false"),
        ("training.engine=staked", "must be one of stacked, fit"),
        ("data.drop=name", "must be a list like [name,ticket]"),
        ("search.learning_rate.values=0.1", "must be a list like [0.001,0.01], or null"),
        ("search.nuisance.encoding=[log]", "standard, robust, quantile, piecewise"),
        ("search.space=5", "must be a group of keys"),
        ("data={name: x}", "must be one of"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(word, says):
    """The message shows key and value as typed, and what the key takes."""
    message = refused(word)
    assert says in message
    assert word.partition("=")[0] in message


@functools.cache
def _composed(search: str) -> SweepConfig:
    return compose(["data=mnist", f"search={search}"])


def _told(key: str, value: object) -> list[Problem]:
    """Return the problems of an otherwise sound configuration in which one value is replaced."""
    is_shared = {"search.trials", "search.round", "search.factor"}
    config = copy.deepcopy(_composed("random" if key in is_shared else "capacity"))
    *groups, name = key.split(".")
    setattr(functools.reduce(getattr, groups, config), name, value)
    return problems(config)


def _just_outside(allowed: Range) -> Iterator[float]:
    if math.isfinite(allowed.low):
        yield allowed.low if allowed.low_open else allowed.low - 1
    if allowed.high < LARGEST:
        yield allowed.high if allowed.high_open else allowed.high + 1


LISTS = {
    "search.space.units",
    "search.learning_rate.values",
    *(f"search.nuisance.{name}" for name in PER_TRIAL),
}
RANGES = {name: key.allowed for name, key in all_keys().items() if key.allowed is not None}
OUTSIDE = [(key, value) for key, allowed in RANGES.items() for value in _just_outside(allowed)]


@pytest.mark.parametrize(("key", "value"), OUTSIDE, ids=str)
def test_a_number_outside_its_range_is_refused(key, value):
    """The first value beyond each end is one problem, which names the key and the range."""
    if key == "search.space.architectures":
        value = [[32, value]]
    told = _told(key, [value] if key in LISTS else value)
    assert [each.key for each in told if "must be " + str(RANGES[key]) in each.sentence] == [key]
    assert f"{key}=" in told[0].sentence


@pytest.mark.parametrize("value", ["nan", "inf", "1e400", "9" * 400])
def test_a_number_that_is_none_is_refused(value):
    """NaN compares false with everything, and a whole number can be too large for a float."""
    assert "budget.seconds" in refused(f"budget.seconds={value}")


COMBINATIONS = [
    ("training.epochs=10 training.patience=10", "training.patience"),
    ("search.learning_rate.low=0.1 search.learning_rate.high=0.01", "search.learning_rate.low"),
    ("search.learning_rate.values=[]", "search.learning_rate.values"),
    ("search.learning_rate.values=[0.1,0.1]", "search.learning_rate.values"),
    (
        "search.space.layers_min=3 search.space.layers_max=2 search.start_layers=3",
        "search.space.layers_min",
    ),
    ("search.space.units_min=64 search.space.units_max=32", "search.space.units_min"),
    ("search.max_executions=2", "search.max_executions"),
    ("search=random search.space.units=[32,32]", "search.space.units"),
    ("search=grid search.space.architectures=[[5],[5]]", "search.space.architectures"),
    ("search.space.architectures=[[50]]", "search.space.architectures"),
    ("search.space.units=[100,200]", "search=capacity goes from start_units"),
    (
        "data=mnist model=cnn search=grid search.space.architectures=[[50,32]]",
        "which model=cnn does not have",
    ),
    ("search.nuisance.dropout=[]", "search.nuisance.dropout"),
    ("search.nuisance.encoding=[robust,robust]", "search.nuisance.encoding"),
    ("search.nuisance.optimizer=[adam,sdg]", "did you mean sgd?"),
    ("search.nuisance.activation=[softmax]", "search.nuisance.activation=softmax"),
    ("search.nuisance.batch_normalization=[true,true]", "search.nuisance.batch_normalization"),
    ("search.nuisance.optimizer=[adam] training.momentum=0.9", "training.momentum"),
    ("search.kind=grid", "search=grid"),
    ("training.optimizer=adm", "adam"),
    ("training.optimizer=adam training.momentum=0.9", "training.momentum"),
    ("training.class_weight=balanced", "training.class_weight"),
    ("model.activation=rleu", "did you mean relu?"),
    ("model.activation=softmax", "model.activation"),
    ("model=cnn", "model.family"),
    ("model.augment=true", "model.augment"),
    ("model=builder", "model.builder"),
    ("model=mlp model.builder=a.b:c", "model.family"),
    ("model.builder=os.system", "model.builder"),
    ("model.builder='a.b:c()'", "model.builder"),
    ("budget.cost=5", "budget.cost_per_hour"),
    ("compute.address=auto", "compute.address"),
    ("objective=val_auc", "must be a metric of this task"),
    ("data=titanic objective=val_auc", "val_auc:max"),
    ("data=titanic objective=val_accuracy:min", "val_accuracy:max"),
    ("objective=val_los", "did you mean val_loss?"),
    ("objective=val_loss:max", "val_loss:min"),
    ("resume=", "resume=: must not be empty"),
    ("resume=a/b", "resume"),
    ("data.name=", "data.name=: must not be empty"),
    ("registry.name=", "must not be empty, or null"),
    ("registry.name=team/wages", "registry.name"),
    ("data.target=", "data.target=: must not be empty"),
    ("data=table data.target=y", "data.path"),
    ("data=table data.path=F.csv", "data.target"),
    ("data.kind=tabel", "did you mean table?"),
    ("data.drop=[wage]", "data.drop"),
    ("data.drop=[age,age]", "data.drop"),
    ("data.group=wage", "one role"),
    ("data.group=region data.time=age", "data.group"),
    ("data.time=age data.split=hash", "data.split"),
    ("data.group=region data.split=last", "data.split"),
    ("data.id=age", "data.id"),
    ("data.repeats=3", "data.repeats"),
    ("data.folds=5 champion_rows=refit", "champion_rows"),
    ("model.builder=a:b search.nuisance.encoding=[embedded]", "model=mlp or tabm"),
    ("champion=greedy champion_rows=folds", "champion_rows"),
    ("data=mnist data.image_channels=2", "data.image_channels"),
    ("data=mnist data.image_height=null", "data.image_height"),
    ("data=images data.path=F data.task=regression", "data.task"),
    ("notify.url=ftp://host", "notify.url"),
    ("notify.url=hooks.example.com/x", "notify.url"),
]


@pytest.mark.parametrize(("words", "says"), COMBINATIONS)
def test_a_combination_that_cannot_be_meant_is_refused(words, says):
    """One message, one line, with the key to change."""
    message = refused(*words.split())
    assert says in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "words",
    [
        "search=grid search.learning_rate.points=1 search.learning_rate.low=0.002",
        "search.learning_rate.low=0.02",
        "search.learning_rate.high=0.0002",
        "search.space.units_max=16",
        "search.space.units_min=64",
        "search.space.layers_max=0",
        "search.space.layers_min=2",
    ],
)
def test_limits_move_a_start_that_was_not_given(words):
    """Who narrows the space need not know where the search begins."""
    compose(words.split())


def test_the_first_rate_lies_within_the_limits():
    """A rate that nobody allowed is not tried."""
    rates = compose(["search.learning_rate.low=0.02"]).search.learning_rate
    assert rates.inner_start == 0.02
    assert compose([]).search.learning_rate.inner_start == 0.003


def test_listed_units_win_over_limits():
    """An explicit list is what the user wants."""
    config = compose(["search=grid", "search.space.units=[3,2000]"])
    assert choices(config.search.space) == [3, 2000]


@pytest.mark.parametrize(
    "uri",
    [
        "mlruns",
        "/data/mlruns",
        "file:///data/mlruns",
        "htp://host:5000",
        "http://",
        "http://host:99999",
        "http://host:port",
        "http://[::1",
        "http://two words",
        "sqlite://x.db",
        "sqlite:///",
        "sqlite:x.db",
        "",
    ],
)
def test_a_malformed_store_address_is_a_wrong_configuration(uri):
    """It is exit code 2, not "out of reach": waiting for it would be in vain."""
    assert "tracking.uri=" in refused(f"tracking.uri={uri}")


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:5000",
        "https://user:pw@host/path?a=1&b=2",
        "sqlite:///mlflow.db",
        "sqlite:////abs/with space/mlflow.db",
        "postgresql://u:p@host/db",
        "postgresql+psycopg2://u:p@host:5432/db",
        "mysql+pymysql://u:p@host/db",
        "databricks",
        "databricks://profile",
    ],
)
def test_a_store_address_is_taken_as_it_stands(uri):
    """Whatever MLflow can write to passes unchanged, special characters included."""
    assert compose([f"tracking.uri={uri}"]).tracking.uri == uri


def test_all_mistakes_are_told_at_once():
    """Ranges and combinations together, each with the file in which it can be changed."""
    message = refused(
        "search.growth=0.5", "search.shrink=2", "training.patience=200", "data.test_fraction=1"
    )
    assert message.startswith("4 problems")
    assert "conf/search/capacity.yaml" in message
    assert "conf/training/default.yaml" in message
    assert "conf/data/wages.yaml" in message


def test_all_typos_are_told_at_once():
    """Hydra stops at the first; a user with three should not need three tries."""
    message = refused("training.epohcs=5", "data=wags", "seed=x")
    assert message.startswith("3 problems")


def test_one_mistake_is_not_told_twice():
    """A combination with a number that is out of range by itself is left out."""
    assert "\n" not in refused("training.epochs=-5")
    assert "\n" not in refused("search.space.units_max=0")


def test_patience_follows_where_there_are_few_epochs():
    """training.epochs=5 alone is no contradiction: nobody has asked for a patience of 8."""
    assert [compose([f"training.epochs={n}"]).training.patience for n in (1, 2, 5, 9, 50)] == [
        1,
        1,
        4,
        8,
        8,
    ]


def test_a_missing_environment_variable_is_named(monkeypatch):
    """tracking=server without its address says which variable to set."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert "MLFLOW_TRACKING_URI" in refused("tracking=server")
