"""The schema: every field is documented, every number has a range, every field is read by somebody."""

from __future__ import annotations

import ast
from dataclasses import fields, is_dataclass

import pytest

from pipeline.config import schema
from pipeline.config.compose import compose
from pipeline.config.help import groups
from pipeline.config.keys import all_keys, required
from pipeline.config.places import conf_dir
from pipeline.config.schema_search import CapacityConfig

LEAVES = [key for key in all_keys().values() if not is_dataclass(key.hint)]


def _has_numbers(hint) -> bool:
    return any(number in str(hint) for number in ("int", "float"))


@pytest.mark.parametrize("key", all_keys().values(), ids=lambda key: key.name)
def test_every_field_has_a_docstring(key):
    """--help GROUP shows them; a field without one would be a riddle."""
    assert len(key.doc) >= 10


def test_every_number_has_a_range():
    """A number that nobody bounds is either forgotten or listed here with its reason."""
    checked_by_value = {"data.image_channels"}  # 1 or 3, not an interval
    numbers = {key.name for key in LEAVES if _has_numbers(required(key.hint))}
    assert numbers - checked_by_value == {key.name for key in LEAVES if key.allowed is not None}


def test_every_key_of_the_conf_files_is_one_of_the_schema():
    """A typo in conf/ itself is refused when it is composed; here for files that no test composes."""
    assert {group.partition("/")[0] for group in groups()} <= {
        *(field.name for field in fields(schema.SweepConfig)),
        "experiment",
    }


def _attributes_read(root) -> set[str]:
    """Return the names of all attributes and string constants that product code reads."""
    read = set()
    for file in root.rglob("*.py"):
        if file.parent.name == "config":
            continue
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                read.add(node.attr)
            elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".nuisance_value"):
                read.add(ast.unparse(node.args[0]).strip("'"))  # a per-trial value, by its name
    return read


def test_every_field_is_read_somewhere(repo):
    """A key that changes nothing is a lie; config/ itself, which checks them, does not count."""
    read = _attributes_read(repo / "pipeline")
    unread = sorted(key.name for key in LEAVES if key.name.rpartition(".")[2] not in read)
    assert unread == []


def test_every_rule_of_the_capacity_search_stands_in_its_file_with_its_reason():
    """conf/search/capacity.yaml is where a user looks for the rules."""
    lines = (conf_dir() / "search" / "capacity.yaml").read_text("utf-8").splitlines()
    explained = {line.partition(":")[0] for line in lines if len(line.partition(" # ")[2]) > 10}
    rules = {each.name for each in fields(CapacityConfig)}
    assert rules - {"kind", "space", "learning_rate", "nuisance"} <= explained


def test_the_default_configuration_is_that_of_the_schema():
    """conf/ states every default again with its reason; the two may not drift apart."""
    config = compose(["model=mlp"])
    for group in ("search", "training", "budget", "compute", "tracking", "registry", "notify"):
        own = getattr(config, group)
        assert own == type(own)()


@pytest.mark.parametrize(
    ("words", "family"),
    [
        ([], "tabm"),
        (["experiment=thorough"], "tabm"),
        (["search=random", "model=tabm"], "tabm"),
        (["model=mlp"], "mlp"),
        (["experiment=plain"], "mlp"),
        (["data=mnist"], "mlp"),
        (["data=images"], "mlp"),
        (["data=mnist", "model=cnn"], "cnn"),
        (["experiment=digits_cnn"], "cnn"),
        (["model.builder=a:b"], "builder"),
        (["data=mnist", "model.builder=a:b"], "builder"),
        *((([f"search={kind}"]), "mlp") for kind in ("grid", "random", "bayesian", "hyperband")),
    ],
)
def test_the_default_network_is_taken_only_where_it_fits(words, family):
    """Images, a network that is named and every other search are as they were."""
    config = compose([*words, *(["data.path=x"] if "data=images" in words else [])])
    assert config.model.family == family
    encodings = ("standard", "embedded-48")
    if words == []:
        assert config.search.nuisance.encodings == encodings
    elif family != "tabm":
        assert config.search.nuisance.encodings == ("standard",)


def test_every_recipe_of_the_course_is_the_plain_network():
    """Its numbers do not change with the default."""
    recipes = sorted(file.stem for file in (conf_dir() / "experiment").glob("course_*.yaml"))
    assert recipes
    assert {compose([f"experiment={name}"]).model.family for name in recipes} == {"mlp"}


def test_the_network_of_the_user_beats_every_file():
    """What is typed wins over a search, a table and an experiment that name one."""
    for words in (["search=grid"], ["data=mnist"], ["experiment=course_capacity"]):
        assert compose([*words, "model=tabm"]).model.family == "tabm"
