"""Fingerprint, flat form and YAML text of a configuration; what of it may be shown."""

from __future__ import annotations

import copy
import functools
import os
import subprocess
import sys
from dataclasses import is_dataclass, replace
from enum import Enum
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import builder_source, differences, fingerprint, flatten
from pipeline.config.compose import compose
from pipeline.config.keys import all_keys, required
from pipeline.config.redact import hide_secrets_of, redacted, redacted_argument
from pipeline.config.schema import OUTSIDE_FINGERPRINT
from pipeline.config.text import dump, load
from pipeline.core.errors import ConfigError


@functools.cache
def _default():
    return compose([])


def _another(hint, value):
    """Return a value of the same type that differs."""
    kind = required(hint)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(member for member in kind if member is not value)
    if kind is bool:
        return not value
    if kind in {int, float}:
        return (value or 0) + 1
    if kind is str:
        return f"{value}x"
    return [*value, *value, 1] if value is not None else [1]


CAPACITY_KEYS = [
    key
    for key in all_keys().values()
    if (not is_dataclass(key.hint) and key.owners[-1].__name__ != "OtherSearchConfig")
    or key.name == "search.kind"
]


@pytest.mark.parametrize("key", CAPACITY_KEYS, ids=lambda key: key.name)
def test_the_fingerprint_ignores_exactly_what_is_listed(key):
    """Changing a field changes the fingerprint unless the field is in OUTSIDE_FINGERPRINT."""
    config = copy.deepcopy(_default())
    *groups, name = key.name.split(".")
    owner = functools.reduce(getattr, groups, config)
    setattr(owner, name, _another(key.hint, getattr(owner, name)))
    is_outside = any(f"{key.name}.".startswith(f"{outside}.") for outside in OUTSIDE_FINGERPRINT)
    assert (fingerprint(config) == fingerprint(_default())) is is_outside


@pytest.mark.parametrize("name", ["optimizer", "activation", "batch_normalization"])
def test_a_per_trial_value_that_no_trial_has_is_not_part_of_a_configuration(name):
    """A store of before the value is resumed: the same fingerprint, the same flat form."""
    key = f"search.nuisance.{name}"
    config = copy.deepcopy(_default())
    before = {each: value for each, value in flatten(config).items() if each != key}
    assert flatten(config) == before
    setattr(config.search.nuisance, name, ["relu"])
    assert differences(before, flatten(config)) == [f"{key}: was (not there), is ['relu']"]
    assert fingerprint(config) != fingerprint(_default())


@pytest.mark.parametrize("file", ["my_networks.py", "my_networks/__init__.py"])
def test_the_fingerprint_knows_the_source_of_a_builder(file, tmp_path, monkeypatch):
    """Its own networks with other code are other networks; the code is not run for that."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "my_networks", raising=False)  # another test's
    config = compose(["model.builder=my_networks:residual"])
    place = tmp_path / file
    place.parent.mkdir(exist_ok=True)
    found = [fingerprint(config)]
    for text in ("raise SystemExit(1)", "raise SystemExit(2)"):
        place.write_text(text)
        found.append(fingerprint(config))
    assert len(set(found)) == 3
    place.write_text("raise SystemExit(1)")
    assert fingerprint(config) == found[1]
    assert "my_networks" not in sys.modules
    before = flatten(config)
    place.write_text("raise SystemExit(4)")
    (said,) = differences(before, flatten(config))
    assert said.startswith("model.builder.source: was ")


def test_a_builder_is_found_as_an_import_finds_it(tmp_path, monkeypatch):
    """A package before a module of its name; in a package; nothing where there is nothing."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "their_networks.py").write_text("1")
    module = builder_source("their_networks:made")
    (tmp_path / "their_networks").mkdir()
    (tmp_path / "their_networks" / "__init__.py").write_text("22")
    (tmp_path / "their_networks" / "deep.py").write_text("333")
    package, inner = (builder_source(f"their_networks{it}:made") for it in ("", ".deep"))
    (tmp_path / "their_networks" / "bare").mkdir()
    (tmp_path / "their_networks" / "bare" / "nets.py").write_text("4444")
    bare = builder_source("their_networks.bare.nets:made")
    assert len({module, package, inner, bare, ""}) == 5
    assert builder_source("their_networks.nowhere:made") == builder_source("nowhere.x:made") == ""
    assert "their_networks" not in sys.modules


def test_the_fingerprint_knows_the_backend(monkeypatch):
    """TensorFlow and JAX round differently: their fits are not the same fits."""
    before = fingerprint(_default())
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert fingerprint(_default()) != before


def test_the_fingerprint_is_the_same_in_another_process():
    """A resumed sweep is found by it: no hash seed may enter."""
    code = "from pipeline.config import fingerprint; from pipeline.config.compose import compose;"
    code += "print(fingerprint(compose([])))"
    told = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == fingerprint(_default())


def test_what_changed_is_told_key_by_key():
    """The refusal of a resume shows the difference, not two hashes."""
    now = compose(["training.epochs=50", "budget.seconds=5"])
    assert differences(flatten(_default()), flatten(now)) == ["training.epochs: was 100, is 50"]


RATES = st.lists(st.floats(1e-9, 10, exclude_min=True), min_size=1, max_size=4, unique=True)
TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).filter(
    lambda text: "${" not in text
)


@given(
    rates=RATES,
    target=TEXTS,
    drop=st.lists(TEXTS, max_size=3, unique=True),
    seed=st.integers(0, 2**31 - 1),
)
def test_yaml_text_and_back_is_the_same_configuration(rates, target, drop, seed):
    """What a sweep leaves in its folder and in the store is what it was told."""
    config = copy.deepcopy(_default())
    config.search.learning_rate.values = rates
    config.data.target, config.data.drop = target, [each for each in drop if each != target]
    config.seed = seed
    assert load(dump(config)) == config


@pytest.mark.parametrize("word", ["search=hyperband", "experiment=course_deeper", "data=mnist"])
def test_every_kind_of_search_survives_the_text(word):
    """The schema of the search follows from its kind."""
    config = compose([word])
    assert load(dump(config)) == config


def test_what_an_older_sweep_did_not_read_is_no_reason_to_refuse_it():
    """Its fits can still be replayed, though the command line refuses such a key by now."""
    config = copy.deepcopy(_default())
    config.search.space.units = [64]
    assert load(dump(config)) == config


@pytest.mark.parametrize(
    "text", ["", "[]", "{", "data: {name: '${oc.env:HOME}'}", "search: {kind: capacity, foo: 1}"]
)
def test_a_stored_text_is_never_trusted(text):
    """No interpolation is looked up, no unknown key is taken."""
    with pytest.raises(ConfigError, match="stored configuration"):
        load(text)


SECRET = "s3cr3t-value"  # noqa: S105 - planted


def test_credentials_are_in_no_form_of_a_configuration():
    """Flat, as text, and in messages."""
    config = compose(
        [
            f"tracking.uri=postgresql://user:{SECRET}@host/db",
            f"notify.url=https://hooks.example.com/{SECRET}",
        ]
    )
    assert SECRET not in dump(config) + str(flatten(config))
    assert load(dump(config)).notify.url is None


@pytest.mark.parametrize(
    "word",
    [
        f"tracking.uri=htp://user:{SECRET}@host",
        f"trackng.uri=http://user:{SECRET}@host",
        f"notify.url=ftp://host/{SECRET}",
        f"http://user:{SECRET}@host",
        f"training.epochs=http://user:{SECRET}@host",
        f"tracking.uri=[http://user:{SECRET}@host",
    ],
)
def test_credentials_are_in_no_message(word):
    """A mistake must not put a password on the screen of whoever is watching."""
    with pytest.raises(ConfigError) as error:
        compose([word])
    assert SECRET not in str(error.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("at http://user:pw@host:5000/x now", "at http://***@host:5000/x now"),
        ("postgresql+psycopg2://u:p%40w@h/d", "postgresql+psycopg2://***@h/d"),
        ("https://h/x?token=abc&n=1", "https://h/x?token=***&n=1"),
        ("https://h/x?a=1&X-Amz-Signature=abc", "https://h/x?a=1&X-Amz-Signature=***"),
        ("user@example.com wrote", "user@example.com wrote"),
        ("sqlite:///a@b.db", "sqlite:///a@b.db"),
    ],
)
def test_only_the_credentials_of_a_text_are_hidden(text, shown):
    """The rest of a message must stay useful."""
    assert redacted(text) == shown


def test_a_word_with_a_secret_key_is_hidden_whole():
    """A webhook's address is its password."""
    assert redacted_argument("notify.url=https://h/T0/B0") == "notify.url=***"


def test_secrets_of_the_environment_are_hidden_from_then_on(monkeypatch):
    """A library's message may carry what only the environment held."""
    monkeypatch.setattr("pipeline.config.redact._hidden_values", set())
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", SECRET)
    webhook = replace(_default().notify, url="https://h.example/T0/B0secret")
    hide_secrets_of(replace(_default(), notify=webhook))
    assert redacted(f"401 for {SECRET} at /T0/B0secret") == "401 for *** at ***"


def test_all_types_of_the_schema_are_handled():
    """A new kind of field would need an example in --help and a value above."""
    kinds = {required(key.hint) for key in all_keys().values() if not is_dataclass(key.hint)}
    inner = {get_args(kind)[0] if get_args(kind) else kind for kind in kinds}
    assert all(
        kind in {bool, int, float, str, list[int]} or issubclass(kind, Enum) for kind in inner
    )


def test_the_working_directory_is_no_secret(monkeypatch):
    """Its variable is called PWD as those of passwords are; commands that are shown must be right."""
    monkeypatch.setattr("pipeline.config.redact._hidden_values", set())
    monkeypatch.setenv("PWD", "/home/somebody/work")
    monkeypatch.setenv("DB_PWD", "correct-horse")
    hide_secrets_of(_default())
    assert redacted("/home/somebody/work: correct-horse") == "/home/somebody/work: ***"
