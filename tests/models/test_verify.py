"""A saved model that does not predict the same is found out."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.models import verify as module
from pipeline.models.verify import Question, UnfaithfulModelError, Verifier

ROWS = pd.DataFrame({"age": [1.5, None], "sex": ["f", None], "big": [2**53 + 1, 7]})


@pytest.fixture
def verifier_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a maker of verifiers whose fresh process runs some other code."""
    made: list[Verifier] = []

    def make(code: str) -> Verifier:
        script = tmp_path / "script.py"
        start = "import json, sys; task = json.loads(sys.stdin.readline())\n"
        script.write_text(start + textwrap.dedent(code))
        monkeypatch.setattr(module, "SCRIPT", script)
        made.append(Verifier())
        return made[-1]

    yield make
    for verifier in made:
        verifier.close()


ECHO = """
    kinds = [kind.rpartition(".")[2].rpartition("/")[2] for kind, _ in task["requests"]]
    assert kinds == ["json", "csv", "parquet"] * 2, kinds
    rows = json.load(open(task["requests"][0][1]))["dataframe_split"]["data"]
    assert rows == [[1.5, "f", 9007199254740993], [None, None, 7]], rows
    csv = open(task["requests"][1][1]).read()
    assert csv == "age,sex,big\\n1.5,f,9007199254740993\\n,,7\\n", csv
    found = [{"prediction": 3.0}, {"prediction": 4.0}]
    answers = [found] * 3 + [found[:1]] * 3
    json.dump(answers, open(task["answer"], "w"))
"""
MORE = """
    task = json.loads(sys.stdin.readline())
"""


def test_equal_predictions_pass(verifier_that: Any, tmp_path: Path) -> None:
    """Up to 1e-6, in every form of a request; the rows arrive exactly, missing values as null."""
    verifier_that(ECHO).check(tmp_path, ROWS, np.array([[3.0], [4.000001]]))


@pytest.mark.parametrize("expected", [[[3.0], [4.1]], [[3.0], [np.nan]], [[3.0]], [[3.0, 4.0]]])
def test_other_predictions_do_not(verifier_that: Any, tmp_path: Path, expected: Any) -> None:
    """Another value, another number of rows, another number of classes."""
    with pytest.raises(UnfaithfulModelError):
        verifier_that(ECHO).check(tmp_path, ROWS, np.array(expected))


def test_probabilities_are_compared_where_there_are_any(verifier_that: Any, tmp_path: Path) -> None:
    """The label alone would hide a difference."""
    code = """
        found = [{"prediction": "no", "probability_no": 0.75, "probability_yes": 0.25}]
        json.dump([found] * 6, open(task["answer"], "w"))
    """
    verifier_that(code).check(tmp_path, ROWS.head(1), np.array([[0.75, 0.25]]))


def test_a_model_that_does_not_load_is_named(verifier_that: Any, tmp_path: Path) -> None:
    """With the last line of what the process said."""
    with pytest.raises(UnfaithfulModelError, match="no such layer"):
        verifier_that("raise ValueError('no such layer')").check(tmp_path, ROWS, np.zeros((2, 1)))


def test_a_process_that_hangs_is_ended(
    verifier_that: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep must end, also where a model does not load."""
    monkeypatch.setattr(module, "SECONDS", 0.5)
    verifier = verifier_that("import time; time.sleep(600)")
    with pytest.raises(UnfaithfulModelError, match=r"within .* twice"):
        verifier.check(tmp_path, ROWS, np.zeros((2, 1)))
    assert not verifier.alive


def test_a_process_that_was_killed_is_started_once_more(verifier_that: Any, tmp_path: Path) -> None:
    """Memory that ran out for a moment says nothing about the model."""
    kill = """
        import os, pathlib
        if not pathlib.Path(task["model"], "asked").exists():
            pathlib.Path(task["model"], "asked").touch()
            os.kill(os.getpid(), 9)
    """
    verifier = verifier_that(textwrap.dedent(kill) + textwrap.dedent(ECHO))
    verifier.check(tmp_path, ROWS, np.array([[3.0], [4.0]]))


def test_a_process_ends_with_its_owner(verifier_that: Any, tmp_path: Path) -> None:
    """Whatever it is at; one that was never asked has no process."""
    verifier = verifier_that("import time; time.sleep(600)")
    verifier.close()
    assert not verifier.alive
    verifier.ask(Question(tmp_path, ROWS, str(tmp_path)))
    process = verifier.process
    verifier.close()
    assert process.poll() == -signal.SIGKILL


def test_a_waiting_process_gives_way_when_memory_is_short(
    verifier_that: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty sweeps on one machine: the process ends, and another one answers when asked."""
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(module, "LEAST_FREE", 2.0)
    verifier = verifier_that(ECHO)
    for _ in range(2):
        verifier.check(tmp_path, ROWS, np.array([[3.0], [4.0]]))
        verifier.process.wait(60)


def test_the_next_sweep_of_this_process_takes_over_the_process(
    verifier_that: Any, tmp_path: Path
) -> None:
    """It has imported already; one that has died is started again."""
    verifier = verifier_that("while True:" + textwrap.indent(textwrap.dedent(ECHO), "    ") + MORE)
    pids = []
    for _ in range(3):
        verifier.check(tmp_path, ROWS, np.array([[3.0], [4.0]]))
        verifier.release()
        pids.append(verifier.process.pid)
        if len(pids) == 2:
            verifier.process.kill()
            verifier.process.wait()
    assert pids[0] == pids[1] != pids[2]


def test_a_process_that_nobody_takes_over_ends(
    verifier_that: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A notebook that is done with sweeps has its memory back; while a sweep lasts, it waits."""
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(module, "LEAST_FREE", 0.0)
    monkeypatch.setattr(module, "SPARE_SECONDS", 0.0)
    verifier = verifier_that(ECHO + MORE)
    verifier.check(tmp_path, ROWS, np.array([[3.0], [4.0]]))
    time.sleep(0.1)
    assert verifier.alive
    verifier.release()
    verifier.process.wait(60)
    assert not verifier.alive


COPIED = """
import importlib.util, os, sys
from pipeline.models import artefact_verify, verify

def main():
    own = [name for name in sys.modules if name.partition(".")[0] == "pipeline"]
    print(own, importlib.util.find_spec("user"), "pandas" in sys.modules, file=sys.stderr)
    print(sys.dont_write_bytecode, os.environ["TF_FORCE_GPU_ALLOW_GROWTH"], file=sys.stderr)
    print(sys.stdin.read() == "", file=sys.stderr)
    return 5

artefact_verify.main = main
verifier = verify.Verifier()
verifier.fork()
verifier.process.stdin.close()
print(verifier.process.wait(60))
verifier._errors.seek(0)
print(verifier._errors.read())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="no copies are made elsewhere")
def test_a_copy_of_a_command_knows_no_more_than_a_fresh_process(tmp_path: Path) -> None:
    """Neither this package nor what lies in the user's folder; of the frameworks what was imported."""
    (tmp_path / "user.py").touch()
    found = subprocess.run(
        [sys.executable, "-c", COPIED],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(module.__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert found.stdout.split() == ["5", "[]", "None", "True", "True", "true", "True"], found.stderr
