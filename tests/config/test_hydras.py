"""No configuration runs code: every form in which Hydra takes a setting is tried, with code planted."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from pipeline.config.compose import BASE, compose, own_hydra
from pipeline.config.launch import launch
from pipeline.config.schema import SweepConfig
from pipeline.core.errors import ConfigError, SweepError

MARK = "it-ran"
EVIL = f"open({MARK!r}, 'w').close()\n"
"""Module `evil`: importing it leaves a file."""

TARGET = "{_target_: evil.Call}"
RECIPES = {
    "callbacks as a dictionary": f"hydra:\n  callbacks: {{x: {TARGET}}}\n",
    "callbacks as a list": f"hydra:\n  callbacks: [{TARGET}]\n",
    "a list inside callbacks": f"hydra:\n  callbacks: {{x: [{TARGET}]}}\n",
    "a library to preload": "hydra:\n  job: {env_set: {LD_PRELOAD: /tmp/evil.so}}\n",
    "a variable copied": "hydra:\n  job: {env_copy: [PYTHONSTARTUP]}\n",
    "a factory of the log": "hydra:\n  job_logging: {filters: {x: {(): evil.Call}}}\n",
    "a class of the log": "hydra:\n  job_logging: {handlers: {x: {class: evil.Call}}}\n",
    "an ext:// value of the log": "hydra:\n  job_logging: {handlers: {x: {stream: 'ext://evil.x'}}}\n",
    "a list in the log": "hydra:\n  hydra_logging: {root: {handlers: [{(): evil.Call}]}}\n",
    "no log at all": "hydra:\n  job_logging: null\n",
    "a launcher": f"hydra:\n  launcher: {TARGET}\n",
    "a sweeper": f"hydra:\n  sweeper: {TARGET}\n",
    "parameters of a sweeper": "hydra:\n  sweeper: {params: {seed: '0,1'}}\n",
    "a module to search": "hydra:\n  searchpath: [pkg://evil]\n",
    "the mode": "hydra:\n  mode: MULTIRUN\n",
    "another working directory": "hydra:\n  job: {chdir: true}\n",
    "the name of the log": "hydra:\n  job: {name: ../../x}\n",
    "Hydra's own folder": "hydra:\n  output_subdir: mine\n",
    "a help page": "hydra:\n  help: {template: evil}\n",
    "the environment in a folder's name": "hydra:\n  run: {dir: 'out/${oc.env:HOME}'}\n",
    "a decoded value in a folder's name": "hydra:\n  sweep: {dir: '${oc.decode:evil}'}\n",
    "a list as a folder": "hydra:\n  run: {dir: [evil]}\n",
    "a dictionary as a folder": f"hydra:\n  run: {{dir: {TARGET}}}\n",
    "a key below a folder": f"hydra:\n  run: {{x: {TARGET}}}\n",
    "a look-up as the whole group": "hydra:\n  callbacks: ${hydra.help}\n",
    "a look-up as verbose": "hydra:\n  verbose: ${oc.env:HOME}\n",
    "a key of nobody": f"hydra:\n  evil: {TARGET}\n",
    "a group of Hydra's picked by a file": "defaults:\n  - override /hydra/launcher: mine\n",
    "a log picked by a file": "defaults:\n  - override /hydra/job_logging: mine\n",
    "an added group of Hydra's": "defaults:\n  - /hydra/callbacks: mine\n",
    "a tag of YAML": "seed: !!python/object/apply:evil.Call []\n",
    "a target among our keys": f"training: {TARGET}\n",
    "a target at the top": "_target_: evil.Call\n",
    "a resolver that decodes": "seed: ${oc.decode:evil}\n",
    "a resolver that creates": "training: ${oc.create:{_target_:evil.Call}}\n",
    "a resolver whose name is looked up": "data: {target: oc.env}\nseed: '${${data.target}:HOME}'\n",
    "Hydra's resolver": "objective: ${hydra:runtime.cwd}\n",
}

WORDS = [
    ["hydra.callbacks=[{_target_:evil.Call}]"],
    ["+hydra.callbacks.x._target_=evil.Call"],
    ["++hydra.job.env_set.LD_PRELOAD=/tmp/evil.so"],
    ["hydra={callbacks:{x:{_target_:evil.Call}}}"],
    ["hydra/launcher=mine"],
    ["+hydra/callbacks=mine"],
    ["hydra/job_logging=mine"],
    ["hydra.searchpath=[pkg://evil]"],
    ["hydra.sweeper._target_=evil.Call"],
    ["hydra.job.chdir=true"],
    ["hydra.sweep.subdir=evil"],
    ["hydra.output_subdir=evil"],
    ["~hydra.job_logging"],
    ["hydra.mode=MULTIRUN"],
    ["/hydra/launcher=mine"],
    ["hydra@x=mine"],
    ["hydra.run.dir=out/${oc.env:HOME}"],
    ["hydra.run.dir="],
    ["hydra.verbose=${oc.env:HOME}"],
    ["-m", "seed=0,1", "hydra/launcher=mine"],
    ["-m", "hydra.mode=RUN,MULTIRUN"],
    ["-m", "seed=0,1", "hydra.sweep.dir=${oc.decode:evil}"],
    ["--config-path", "."],
    ["--config-name", "evil"],
    ["--experimental-rerun", "evil.pickle"],
    ["--package", "hydra"],
]


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Return a folder of configuration in which code lies that leaves a file when it runs."""
    (tmp_path / "evil.py").write_text(EVIL)
    (tmp_path / "mine" / "experiment").mkdir(parents=True)
    for group in ("launcher", "sweeper", "callbacks", "job_logging", "env"):
        (tmp_path / "mine" / "hydra" / group).mkdir(parents=True)
        (tmp_path / "mine" / "hydra" / group / "mine.yaml").write_text(f"x: {TARGET}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "mine"


def _refusal(*words: str) -> str:
    def never(*_: object) -> int:
        raise AssertionError("the sweep began")

    with pytest.raises(SweepError) as refused:
        launch(never, never, list(words))
    assert refused.value.exit_code == 2
    assert not Path(MARK).exists()
    assert "evil" not in sys.modules
    return str(refused.value)


@pytest.mark.parametrize("text", RECIPES.values(), ids=RECIPES)
def test_a_recipe_that_would_run_code_is_refused(own, text):
    """Nothing of it is imported, called, set or looked up, and the message says where it comes from."""
    (own / "experiment" / "recipe.yaml").write_text(f"# @package _global_\n{text}")
    said = _refusal("experiment=recipe", "--config-dir", str(own))
    assert "Traceback" not in said


@pytest.mark.parametrize("package", ["hydra", "hydra.callbacks", "hydra.job_logging.handlers"])
@pytest.mark.parametrize("group", ["experiment", "budget"])
def test_a_file_cannot_place_itself_among_hydras_settings(own, group, package):
    """`@package` puts the keys of a file anywhere."""
    (own / group).mkdir(exist_ok=True)
    (own / group / "recipe.yaml").write_text(f"# @package {package}\nx: {TARGET}\n")
    assert "hydra." in _refusal(f"{group}=recipe", "--config-dir", str(own))


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_words_that_would_run_code_are_refused(own, words):
    """On the command line, under -m and beside a folder of one's own too."""
    _refusal(*words, "--config-dir", str(own))


def test_a_refusal_names_the_value_what_is_allowed_and_the_file(own):
    """One message, whatever was wrong at once."""
    (own / "experiment" / "recipe.yaml").write_text(
        f"# @package _global_\n{RECIPES['a list inside callbacks']}  output_subdir: x\n"
    )
    said = _refusal("experiment=recipe", "--config-dir", str(own))
    assert "hydra.callbacks.x=[{'_target_': 'evil.Call'}]" in said
    assert "hydra.output_subdir=x" in said
    assert said.startswith("2 problems")
    assert "allowed: hydra.run.dir=DIR, hydra.sweep.dir=DIR, hydra.verbose=true" in said
    assert "experiment=recipe" in said


def test_sweep_yaml_of_a_folder_of_ones_own_is_not_taken(own):
    """Else it could set what Hydra takes from the first file alone: where it searches."""
    (own / "sweep.yaml").write_text("hydra:\n  searchpath: [pkg://evil]\nseed: 9\n")
    assert compose([], own).seed == 0
    assert not Path(MARK).exists()


@pytest.mark.parametrize(
    "text",
    [
        RECIPES["callbacks as a list"],
        RECIPES["a factory of the log"],
        RECIPES["a module to search"],
    ],
    ids=["callback", "factory", "module"],
)
def test_a_process_of_its_own_refuses_with_exit_2_and_one_message(own, text):
    """As a user starts it."""
    (own / "experiment" / "recipe.yaml").write_text(f"# @package _global_\n{text}")
    root = str(Path(__file__).parents[2])
    told = subprocess.run(
        [*(sys.executable, "-m", "pipeline.sweep", "experiment=recipe"), "--config-dir", str(own)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([root, str(own.parent)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 2
    assert told.stderr.count("hydra.") >= 1
    assert "Traceback" not in told.stderr
    assert not Path(MARK).exists()


def test_what_is_allowed_works_in_files_and_words(own):
    """The output folders and the detail of the log, as Hydra's users know them."""
    (own / "experiment" / "recipe.yaml").write_text(
        "# @package _global_\nhydra:\n  run: {dir: 'out/${now:%Y}'}\n  verbose: [pipeline.x]\n"
    )
    seen = []

    def task(config, folder):
        seen.append(folder)
        logging.getLogger("pipeline.x").debug("a detail")
        logging.getLogger("pipeline.y").debug("another")
        return 0

    before = list(logging.getLogger().handlers)
    try:
        assert launch(task, lambda _: None, ["experiment=recipe", "--config-dir", str(own)]) == 0
        log = (seen[0] / "sweep.log").read_text()
        assert seen[0].parent.name == "out"
        assert "a detail" in log
        assert "another" not in log
        launch(task, lambda _: None, ["hydra.verbose=true", "hydra.run.dir=a,b"])
        assert seen[1].name == "a,b"
        assert "another" in (seen[1] / "sweep.log").read_text()
        launch(task, lambda _: None, ["-m", "seed=0,1", "hydra.sweep.dir=x,y"])
        assert [folder.relative_to(own.parent).as_posix() for folder in seen[2:]] == [
            "x,y/0",
            "x,y/1",
        ]
    finally:
        for handler in set(logging.getLogger().handlers) - set(before):
            handler.close()
        logging.getLogger().handlers[:] = before
        logging.getLogger().setLevel(logging.WARNING)
        for name in ("pipeline", "pipeline.x"):
            logging.getLogger(name).setLevel(logging.NOTSET)


def test_a_wrong_setting_is_a_configuration_error_through_compose_too(own):
    """`api` and `plan` compose the same way."""
    with pytest.raises(ConfigError, match=r"hydra\.job\.chdir"):
        compose(["hydra.job.chdir=true"])


def test_a_schema_of_the_hosts_that_has_our_name_is_in_nobodys_way() -> None:
    """Schemas are stored once a process; what lies there under that name may be another's."""
    with own_hydra():
        ConfigStore.instance().store(name=BASE, node={"theirs": 1})
        assert compose(["seed=3"]).seed == 3
        known = ConfigStore.instance().repo[f"{BASE}.yaml"]
        assert OmegaConf.get_type(known.node) is SweepConfig
