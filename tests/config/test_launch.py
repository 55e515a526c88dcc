"""The entry point: output folders, -m, exit codes, and how little an answer without a sweep needs."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.config.help import help_text
from pipeline.config.launch import compose_for_plan, launch
from pipeline.core.errors import (
    BudgetError,
    ConfigError,
    DataError,
    Interrupted,
    NoUsableTrialError,
)

HEAVY = ("tensorflow", "keras", "jax", "mlflow", "keras_tuner", "sklearn", "pipeline.session.loop")


@pytest.fixture(autouse=True)
def _undo(monkeypatch, tmp_path):
    """Run in an empty folder; put logging and the environment back as they were."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_LOGGING_LEVEL", os.environ.get("MLFLOW_LOGGING_LEVEL", ""))
    root, ours = logging.getLogger(), logging.getLogger("pipeline")
    before = list(root.handlers), root.level, ours.level
    yield
    for handler in set(root.handlers) - set(before[0]):
        handler.close()
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])


class Task:
    """A sweep that only remembers what it was given, and fails when told to."""

    def __init__(self, *outcomes: int | Exception) -> None:
        """Take one outcome a run; 0 when there are no more."""
        self.outcomes = list(outcomes)
        self.configs = []
        self.folders = []

    def __call__(self, config, folder):
        """Take a run."""
        self.configs.append(config)
        self.folders.append(folder)
        outcome = self.outcomes.pop(0) if self.outcomes else 0
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def nothing(config) -> None:
    """Find nothing wrong with any file."""


def test_a_run_gets_its_configuration_and_a_folder_of_its_own(tmp_path):
    """Two starts in the same second must not share one."""
    first, second = Task(), Task()
    assert launch(first, nothing, ["seed=4"]) == 0
    assert launch(second, nothing, ["seed=4"]) == 0
    assert first.configs[0].seed == 4
    assert first.folders != second.folders
    assert {folder.parent.parent for folder in first.folders + second.folders} == {
        tmp_path / "outputs"
    }
    assert Path.cwd() == tmp_path


def test_the_folder_can_be_chosen_whatever_its_name(tmp_path):
    """hydra.run.dir is read literally too."""
    task = Task()
    launch(task, nothing, ["hydra.run.dir=my out,=[1]"])
    assert task.folders == [tmp_path / "my out,=[1]"]
    assert {file.name for file in task.folders[0].iterdir()} == {"config.yaml", "sweep.log"}


def test_the_folder_tells_how_to_start_the_run_again():
    """config.yaml opens with the command."""
    task = Task()
    launch(task, nothing, ["data=titanic", "tracking.uri=http://u:pw@host:1", "hydra.run.dir=out"])
    text = Path("out/config.yaml").read_text("utf-8")
    assert text.startswith("# python -m pipeline.sweep data=titanic 'tracking.uri=")
    assert "pw" not in text


def test_multirun_gives_every_run_a_folder_and_the_worst_exit_code(tmp_path):
    """A run that fails does not stop those after it."""
    task = Task(NoUsableTrialError("all diverged"), BudgetError("no time"), 0)
    code = launch(task, nothing, ["-m", "data=wages,titanic,credit", "hydra.sweep.dir=many"])
    assert code == NoUsableTrialError.exit_code
    assert [config.data.name for config in task.configs] == ["wages", "titanic", "credit"]
    assert task.folders == [tmp_path / "many" / str(number) for number in range(3)]
    assert "run 2 of 3: data=titanic" in (task.folders[1] / "sweep.log").read_text()


def test_an_unexpected_failure_keeps_its_traceback_and_the_next_run_goes_on():
    """A bug in one run is not the end of the others, and not silent."""
    task = Task(ValueError("a bug at http://user:pw@host"), 0)
    assert launch(task, nothing, ["-m", "seed=0,1", "hydra.sweep.dir=many"]) == 1
    assert len(task.configs) == 2
    log = Path("many/0/sweep.log").read_text()
    assert "Traceback" in log
    assert "pw" not in log


def test_a_signal_ends_the_whole_multirun():
    """Who asks a process to stop means all of it."""
    task = Task(Interrupted("resume=ID", 15), 0)
    with pytest.raises(SystemExit) as leaving:
        launch(task, nothing, ["-m", "seed=0,1"])
    assert leaving.value.code == 143
    assert len(task.configs) == 1


@pytest.mark.parametrize("words", [["seed=-1"], ["-m", "seed=0,-1"], ["sed=1"]])
def test_nothing_is_run_or_written_when_anything_is_wrong(tmp_path, words):
    """Not even the runs of -m before the wrong one."""
    task = Task()
    with pytest.raises(ConfigError):
        launch(task, nothing, words)
    assert task.configs == []
    assert list(tmp_path.iterdir()) == []


def test_files_are_looked_at_before_anything_is_written(tmp_path):
    """A missing table leaves no empty output folder behind."""

    def check(config):
        raise DataError(config.data.path)

    with pytest.raises(DataError, match="shipped:hourly_wages"):
        launch(Task(), check, [])
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_wrong_configuration(tmp_path):
    """One message instead of Hydra's traceback."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"file/out.*hydra\.run\.dir"):
        launch(Task(), nothing, ["hydra.run.dir=file/out"])


@pytest.mark.parametrize("word", ["verbose=true", "verbose=false", "hydra.verbose=pipeline"])
def test_sentences_go_to_the_log_file_and_warnings_to_stderr_too(capsys, word):
    """Stdout is left to the result; who asks for details sees them."""

    def task(config, folder):
        logging.getLogger("pipeline.x").info("a detail")
        logging.getLogger("pipeline.x").warning("a problem")
        logging.getLogger("alembic").info("somebody else's")
        return 0

    launch(task, nothing, [word, "hydra.run.dir=out"])
    told, detail = capsys.readouterr(), "a detail\n" if word.startswith("hydra") else ""
    assert (told.out, told.err) == ("", f"{detail}a problem\n")
    written = Path("out/sweep.log").read_text()
    assert "a detail" in written
    assert "somebody" not in written


def test_cfg_job_prints_the_configuration_and_runs_nothing(capsys, tmp_path):
    """What a recipe really says, without reading nine files."""
    task = Task()
    assert launch(task, nothing, ["--cfg", "job", "experiment=course_wider"]) == 0
    assert "architectures:" in capsys.readouterr().out
    assert task.configs == []
    assert list(tmp_path.iterdir()) == []


def test_plan_reads_the_same_words():
    """Whatever starts a sweep can be planned; output folders have no meaning there."""
    config = compose_for_plan(["data=titanic", "hydra.run.dir=x"], "pipeline.plan", "Says what.")
    assert config.data.name == "titanic"
    with pytest.raises(ConfigError, match="-m"):
        compose_for_plan(["-m", "seed=0,1"], "pipeline.plan", "Says what.")


def _asked(*words: str) -> tuple[int, str, str, list[str]]:
    """Start `python -m pipeline.sweep` in a fresh process; return what it told and what it imported."""
    code = (
        "import atexit, json, runpy, sys\n"
        "atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))\n"
        "sys.argv[0] = 'pipeline.sweep'\n"
        "runpy.run_module('pipeline.sweep', run_name='__main__')"
    )
    path = os.pathsep.join(
        filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")])
    )
    told = subprocess.run(
        [sys.executable, "-c", code, *words],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    *message, modules = told.stderr.splitlines()
    return told.returncode, told.stdout, "\n".join(message), json.loads(modules)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--help"], 0, "Usage: python -m pipeline.sweep"),
        (["--help", "training"], 0, "training.patience: a whole number"),
        (["training.epohcs=5"], 2, "did you mean training.epochs?"),
        (["training.patience=500"], 2, "training.epochs=100"),
        (["data=table", "data.path=nowhere.csv", "data.target=y"], 2, "nowhere.csv"),
    ],
    ids=["help", "help of a group", "typo", "combination", "missing file"],
)
def test_an_answer_without_a_sweep_imports_no_framework(words, code, says):
    """So it comes within a second; one message, no traceback."""
    told = _asked(*words)
    assert told[0] == code
    assert says in told[1] + told[2]
    assert "Traceback" not in told[2]
    assert [name for name in HEAVY if name in told[3]] == []


def test_help_lists_every_option(capsys):
    """A group or recipe that --help does not show is not found."""
    from pipeline.config.help import groups

    launch(Task(), nothing, ["--help"])
    page = " ".join(capsys.readouterr().out.split())
    for group, options in groups().items():
        if "/" not in group:
            assert f"{group} {', '.join(option.name for option in options)}" in page


@pytest.mark.parametrize(
    ("program", "several"), [("pipeline.sweep", True), ("pipeline.plan", False)]
)
def test_only_the_sweep_offers_to_run_several(program, several):
    """`plan` takes one configuration and says so."""
    assert ("--multirun" in help_text(program, "A purpose.")) is several


def test_help_on_an_unknown_group_suggests_one():
    """--help traning."""
    with pytest.raises(ConfigError, match="did you mean training"):
        launch(Task(), nothing, ["--help", "traning"])
