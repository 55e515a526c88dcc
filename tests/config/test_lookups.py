"""What a configuration may look up, and what of the environment is ever shown."""

from __future__ import annotations

import pytest

from pipeline.config.compose import compose
from pipeline.config.launch import launch
from pipeline.core.errors import ConfigError

SECRET = "hunter2-and-more"  # noqa: S105 - planted


def _printed(capsys, *words: str) -> str:
    launch(lambda *_: 0, lambda _: None, ["--cfg", "job", *words])
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("TOKEN", "${oc.env:%s}"),
        ("MLFLOW_TRACKING_PASSWORD", "${env:%s}"),
        ("AWS_SECRET_ACCESS_KEY", "x-${oc.env:'%s'}-y"),
        ("DB_PASS", "${oc.env:%s,none}"),
        ("github_pat", "${oc.env: %s }"),
    ],
)
def test_a_secret_variable_is_read_into_an_address_or_not_at_all(monkeypatch, name, text):
    """A name or path is printed, logged and sent to the store as it stands."""
    monkeypatch.setenv(name, SECRET)
    with pytest.raises(
        ConfigError, match=rf"registry.name.*{name}.*looks like a secret"
    ) as refused:
        compose([f"registry.name={text % name}"])
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    "words",
    [
        ["data.name=${oc.decode:${oc.env:TOKEN}}"],
        ["data.name=${oc.${data.target}:TOKEN}", "data.target=env"],
        ["data.name=${oc.env:${data.target}}", "data.target=TOKEN"],
        ["data.name=${tracking.uri}", "tracking.uri=http://u:${oc.env:TOKEN}@h"],
        ["data.name=${oc.select:tracking.uri}", "tracking.uri=http://u:${oc.env:TOKEN}@h"],
        ["data.name=${..notify.url}", "notify.url=http://h/${oc.env:TOKEN}"],
        ["data.drop=['${oc.env:TOKEN}']"],
        ["training.patience=${oc.env:TOKEN}"],
        ["data=${oc.env:TOKEN}"],
        ["hydra.run.dir=${oc.env:TOKEN}"],
    ],
    ids=" ".join,
)
def test_no_way_round_leads_a_secret_into_another_key(monkeypatch, words):
    """Decoded, by a name that is looked up, from another key, in a list, as a number."""
    monkeypatch.setenv("TOKEN", SECRET)
    with pytest.raises(ConfigError) as refused:
        compose(words)
    assert SECRET not in str(refused.value)


def test_cfg_job_shows_what_came_from_the_environment_as_it_was_written(monkeypatch, capsys):
    """Also where it arrives through another key, or as a number."""
    monkeypatch.setenv("PLACE", "somewhere-private")
    monkeypatch.setenv("SECONDS_OR_SO", "4321")
    shown = _printed(
        capsys,
        "tracking.experiment=${oc.env:PLACE}",
        "registry.name=${tracking.experiment}",
        "budget.seconds=${env:SECONDS_OR_SO}",
        "data.name=${oc.env:NOT_THERE,given}",
    )
    assert "somewhere-private" not in shown
    assert "4321" not in shown
    assert "experiment: ${oc.env:PLACE}" in shown
    assert "name: given" in shown


def test_cfg_job_hides_the_credentials_of_addresses(monkeypatch, capsys):
    """From the environment, from words, and a secret that was pasted somewhere else."""
    monkeypatch.setenv("TOKEN", SECRET)
    shown = _printed(
        capsys,
        "tracking.uri=http://me:${oc.env:TOKEN}@host",
        "notify.url=https://hooks.example/T0/B0/XXXX",
        f"registry.name=a-{SECRET}",
    )
    assert SECRET not in shown
    assert "XXXX" not in shown


def test_a_variable_may_still_say_where_things_are(monkeypatch):
    """The nightly recipe and shared configurations live from it."""
    monkeypatch.setenv("PLACE", "/data")
    monkeypatch.setenv("TOKEN", SECRET)
    config = compose(
        [
            "data.path=${oc.env:PLACE}/x.csv",
            "data.target=y",
            "tracking.uri=postgresql://u:${oc.env:TOKEN}@h/db",
        ]
    )
    assert config.data.path == "/data/x.csv"
    assert config.tracking.uri == f"postgresql://u:{SECRET}@h/db"


def test_a_variable_that_is_not_set_is_named():
    """Not a traceback of OmegaConf's."""
    with pytest.raises(ConfigError, match="NOT_THERE_AT_ALL is not set"):
        compose(["data.path=${oc.env:NOT_THERE_AT_ALL}", "data.target=y"])
