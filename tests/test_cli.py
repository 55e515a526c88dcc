"""Literal command lines, and how a program ends."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import pipeline
from pipeline.__main__ import COMMANDS, main
from pipeline.core.errors import ConfigError, DataError, Interrupted, StoreError
from pipeline.runtime.cli import arguments, exit_with

ALLOWED = {
    "model": "run id or registered model",
    "input": "file of rows",
    "output": "file to write",
}


@pytest.mark.parametrize(
    "value",
    ["a=b.csv", "x,y.csv", "[1].csv", "models:/wages@champion", "0012", "1e5", "größe", " "],
)
def test_a_value_is_read_literally(value):
    """No grammar: paths may hold anything, ids may look like numbers."""
    assert arguments([f"input={value}"], ALLOWED) == {"input": value}


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["inptu=x"], "did you mean input?"),
        (["x.csv"], "allowed: model=... input=... output=..."),
        (["input="], "file of rows"),
        (["input=a", "input=b"], "twice"),
        (["--input", "x"], "not understood"),
        (["model=a"], "input=... is missing"),
    ],
)
def test_a_wrong_word_is_told_with_what_is_allowed(argv, says):
    """One message that shows the way."""
    with pytest.raises(ConfigError, match=says.replace("?", r"\?").replace("...", r"\.\.\.")):
        arguments(argv, ALLOWED, needed=["model", "input"])


def test_a_wrong_word_does_not_show_a_password():
    """Users paste whole URIs."""
    with pytest.raises(ConfigError) as error:
        arguments(["uri=http://user:pw@host"], ALLOWED)
    assert "pw" not in str(error.value)


def test_help_shows_every_word(capsys):
    """--help wins over everything else on the line."""
    with pytest.raises(SystemExit) as leaving:
        arguments(["nonsense", "--help"], ALLOWED, needed=["model"], about="Predicts.")
    told = capsys.readouterr().out
    assert leaving.value.code == 0
    assert all(f"{name}=" in told for name in ALLOWED)
    assert "Predicts." in told


@pytest.mark.parametrize("command", ["", *(f".{name}" for name in COMMANDS)])
def test_every_command_says_its_version(command):
    """Alone or beside other words, without importing a framework."""
    code = (
        "import runpy, sys; sys.argv[1:] = ['--version']\n"
        "try:\n    runpy.run_module('pipeline"
        + command
        + "', run_name='__main__', alter_sys=True)\n"
        "finally:\n    assert not {'tensorflow', 'mlflow', 'pandas'} & sys.modules.keys()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, f"capacity-sweep {pipeline.__version__}\n"), (
        ended
    )


def test_the_package_lists_its_commands(capsys):
    """`python -m pipeline` is what people type first; a space for the dot is understood."""
    assert main([]) == 0
    told = capsys.readouterr().out
    assert all(f"python -m pipeline.{name} " in told for name in COMMANDS)
    with pytest.raises(ConfigError, match=r"-m pipeline.sweep data=titanic"):
        main(["sweep", "data=titanic"])
    with pytest.raises(ConfigError, match=r"did you mean sweep\?"):
        main(["swep"])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("x"), 2),
        (DataError("x"), 2),
        (StoreError("x"), 5),
        (Interrupted("x", 15), 143),
        (KeyboardInterrupt(), 130),
        (ValueError("x"), 1),
    ],
)
def test_an_error_ends_with_its_exit_code(error, code):
    """The contract of the command line."""

    def main():
        raise error

    with pytest.raises(SystemExit) as leaving:
        exit_with(main)
    assert leaving.value.code == code


def test_a_failure_that_the_user_can_act_on_is_one_message(capsys):
    """No traceback; credentials hidden."""

    def main():
        raise StoreError("cannot reach http://user:pw@host")

    with pytest.raises(SystemExit):
        exit_with(main)
    assert capsys.readouterr().err == "cannot reach http://***@host\n"


def test_an_unforeseen_failure_keeps_its_traceback_but_no_credentials(capsys):
    """A bug must be reportable without leaking."""

    def main():
        raise ValueError("http://user:pw@host")

    with pytest.raises(SystemExit):
        exit_with(main)
    told = capsys.readouterr().err
    assert "Traceback" in told
    assert "pw@" not in told


def test_success_returns_the_programs_own_code():
    """0, or what main says."""
    with pytest.raises(SystemExit) as leaving:
        exit_with(lambda: 3)
    assert leaving.value.code == 3


def test_a_log_on_a_full_disk_does_not_change_the_exit_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever started the sweep must still be told that it can be resumed."""

    class Full(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    def main() -> int:
        raise StoreError("out of reach")

    monkeypatch.setattr(sys, "stderr", Full())
    with pytest.raises(SystemExit) as ended:
        exit_with(main)
    assert ended.value.code == StoreError.exit_code


@pytest.mark.parametrize("end", ["return 0", "raise StoreError('out of reach')"])
def test_words_that_cannot_be_printed_in_the_end_have_an_exit_code_of_ours(end: str) -> None:
    """Python leaves with 120 when what a stream holds cannot be written in the end."""
    code = textwrap.dedent(f"""
        from pipeline.runtime.cli import exit_with
        from pipeline.core.errors import StoreError
        def main():
            print("waits in the stream until the end")
            {end}
        exit_with(main)
    """)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-c", code], stdout=full, stderr=full, env=environment, check=False
        )
    # The answer of a program that succeeded is lost: that is no success.
    assert ended.returncode == (1 if end == "return 0" else StoreError.exit_code)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_stream_that_was_closed_is_not_missed(
    stream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`2>&-`: Python has None there."""
    monkeypatch.setattr(sys, stream, None)
    with pytest.raises(SystemExit) as ended:
        exit_with(lambda: 0)
    assert ended.value.code == 0


def test_no_file_gets_the_number_of_a_stream_that_was_closed(tmp_path: Path) -> None:
    """Libraries write to the number 2 whatever file it is."""
    script = tmp_path / "closed.py"
    script.write_text(
        textwrap.dedent("""
            import os, sys
            from pipeline.runtime import cli
            cli._open_standard()
            sys.stderr.write("heard by nobody")
            sys.stderr.flush()
            print(sys.stdin.read(), open(os.devnull).fileno() > 2)
        """)
    )
    ended = subprocess.run(
        ["/bin/sh", "-c", f"{sys.executable} {script} <&- 2>&-"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.split() == ["True"]
