"""SECURITY.md, sentence by sentence: each is proven by the tests that are named here."""

from __future__ import annotations

import ast
import io
import pickle
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pipeline import __version__
from pipeline.config.schema_data import DataConfig
from pipeline.config.text import load
from pipeline.core.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
PIPELINE = sorted((ROOT / "pipeline").rglob("*.py"))
TEXT = " ".join((ROOT / "SECURITY.md").read_text(encoding="utf-8").split())

HERE = "test_security.py"
HYDRAS, LOOKUPS = "config/test_hydras.py", "config/test_lookups.py"
ARTEFACT, SECRETS = "models/test_artefact.py", "ledger/test_secrets.py"
PROVEN: dict[str, tuple[str, ...]] = {
    "Nothing that you are given is executed.": (f"{HERE}::test_no_code_here_runs_text",),
    "A data file, a configuration, a stored model or a tracking store cannot run code: no pickle is loaded"
    " anywhere, no `eval`, and no name of code is taken from a file but that of your own function (below).": (
        f"{HERE}::test_a_data_file_that_is_a_pickle_is_refused",
        f"{HERE}::test_a_stored_configuration_runs_nothing",
        f"{HERE}::test_arrays_of_a_store_that_hold_a_pickle_are_not_there",
        f"{HERE}::test_modules_are_imported_by_name_for_the_users_function_alone",
        f"{HYDRAS}::test_a_recipe_that_would_run_code_is_refused",
        f"{ARTEFACT}::test_a_pickle_in_place_of_an_encoder_is_not_opened",
        "test_architecture.py::test_a_framework_stays_in_its_room",
    ),
    "Hydra puts files together and no more: of its own settings `hydra.run.dir`, `hydra.sweep.dir` and"
    " `hydra.verbose` alone can be given, every other is refused with exit 2.": (
        f"{HYDRAS}::test_words_that_would_run_code_are_refused",
        f"{HYDRAS}::test_a_process_of_its_own_refuses_with_exit_2_and_one_message",
        f"{HYDRAS}::test_what_is_allowed_works_in_files_and_words",
    ),
    "Encoders are stored with skops and loaded with an allow-list of types; networks are `.keras` files"
    " loaded in safe mode, so a `Lambda` layer is refused; nothing outside a model's own folder is read.": (
        f"{ARTEFACT}::test_an_encoder_with_foreign_types_is_refused",
        f"{ARTEFACT}::test_a_network_with_code_in_it_is_refused",
        f"{ARTEFACT}::test_a_description_that_points_outside_is_refused",
        f"{ARTEFACT}::test_nothing_in_the_artefact_is_a_pickle_or_a_path_of_this_machine",
    ),
    "`tests/test_architecture.py` keeps pickle and its relatives out of the code; the linter's security"
    " rules run in `make check`.": (
        "test_architecture.py::test_a_framework_stays_in_its_room",
        f"{HERE}::test_the_linters_security_rules_run_in_make_check",
    ),
    "A sweep and the process that it starts to write fits do exchange Python's own records, over a pair of"
    " sockets that only these two hold.": (f"{HERE}::test_nothing_here_opens_a_port",),
    "The one exception is your own code: `model.builder=package.module:function` imports what you name.": (
        "training/test_families_builder.py::test_a_builder_is_searched_like_an_mlp_and_counted_by_building",
    ),
    "It is taken from the command line or from local configuration (`conf/` and the folder that you give as"
    " `--config-dir`), never from a store.": (
        "test_replay.py::test_a_builder_is_given_again_with_the_code_it_had",
        "test_replay.py::test_a_builder_that_had_no_part_is_refused",
    ),
    "On resume and replay you give it again, and the source of its module must be unchanged.": (
        "test_replay.py::test_a_builder_is_given_again_with_the_code_it_had",
        "config/test_identity.py::test_the_fingerprint_knows_the_source_of_a_builder",
    ),
    "Credentials stay out of what is kept.": (f"{SECRETS}::test_a_secret_is_found_nowhere",),
    "User names and passwords in URIs, and configuration values that look like secrets, never reach"
    " parameters, logs, reports, error messages or `summary.json`.": (
        f"{SECRETS}::test_a_secret_is_found_nowhere",
        "ledger/test_ledger.py::test_secrets_of_the_uri_and_the_command_are_not_stored",
        "config/test_identity.py::test_credentials_are_in_no_message",
        "config/test_identity.py::test_credentials_are_in_no_form_of_a_configuration",
    ),
    "An environment variable whose name looks like a secret can be read into `tracking.uri` and `notify.url`"
    " alone.": (
        f"{LOOKUPS}::test_a_secret_variable_is_read_into_an_address_or_not_at_all",
        f"{LOOKUPS}::test_no_way_round_leads_a_secret_into_another_key",
    ),
    "`--cfg job` shows what comes from the environment as it is written, not its value.": (
        f"{LOOKUPS}::test_cfg_job_shows_what_came_from_the_environment_as_it_was_written",
    ),
    "Nothing listens to the network unless you say so.": (
        f"{HERE}::test_nothing_here_opens_a_port",
    ),
    "Neither a sweep nor any other program here opens a port; with `compute=ray` the processes of Ray do, on"
    " every address of the machine.": (f"{HERE}::test_nothing_here_opens_a_port",),
    "It calls only what you name: the tracking server and the artefact store that this names, a Ray cluster,"
    " and `notify.url`; and whether this machine's port 5000 is taken, it asks at 127.0.0.1.": (
        f"{HERE}::test_addresses_are_called_from_four_places_alone",
    ),
    "MLflow's own loaders (`mlflow.pyfunc.load_model` on a foreign run) may execute what a store holds; use"
    " `python -m pipeline.predict`, which refuses such a model.": (
        f"{HERE}::test_predict_refuses_what_another_program_saved",
    ),
    "The locked dependencies are looked up in the public vulnerability database by `make audit`; it is"
    " advice, and needs the network.": (
        f"{HERE}::test_the_linters_security_rules_run_in_make_check",
    ),
}
"""The sentences that promise something, without their emphasis, and what proves each."""

ADVICE = {
    (
        "Give a tracking server the protection that you give a database: whoever may write to it may replace"
        " your models."
    ),
    (
        "A Ray cluster, the one that `compute=ray` starts on this machine included, runs the code of whoever"
        " can reach it."
    ),
    "Keep it on a private network, or behind a firewall.",
}
"""Sentences that say what to do, or what others do."""


def _sentences() -> Iterator[str]:
    promises = TEXT.partition("## What is promised")[2].partition("## Reporting")[0]
    for item in re.split(r"## What is not promised|(?:^| )- ", promises):
        yield from filter(None, re.split(r"(?<=\.) (?=[A-Z`])", item.replace("**", "").strip()))


def test_every_sentence_is_proven_by_a_test_that_is_there() -> None:
    """A sentence that is added, changed or left without its test fails here."""
    assert set(_sentences()) == PROVEN.keys() | ADVICE
    named = {name for names in PROVEN.values() for name in names}
    files = {name.partition("::")[0] for name in named}
    there = {
        f"{file}::{node.name}"
        for file in files
        for node in ast.walk(ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    }
    assert named - there == set()


def _calls() -> Iterator[tuple[str, str]]:
    """Yield the files of the product and what each calls, as it is written."""
    for path in PIPELINE:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield path.relative_to(ROOT / "pipeline").as_posix(), ast.unparse(node.func)


def _callers(pattern: str) -> set[str]:
    return {path for path, called in _calls() if re.fullmatch(pattern, called)}


def test_no_code_here_runs_text() -> None:
    """Neither Python's own ways nor a shell."""
    assert (
        _callers(r"eval|exec|compile|__import__|runpy\..*|os\.(system|popen|exec\w*|spawn\w*)")
        == set()
    )
    assert not any("shell=True" in path.read_text(encoding="utf-8") for path in PIPELINE)


def test_modules_are_imported_by_name_for_the_users_function_alone() -> None:
    """Every other import of this kind begins with the name of our own package, or is written out."""
    assert (
        _callers(r"hydra\.utils\..*|instantiate|pydoc\.locate|get_(class|object|method)") == set()
    )
    for path in PIPELINE:
        source = path.read_text(encoding="utf-8")
        others = re.findall(r"import_module\((?!f?\"pipeline\.|f\"{__name__}\.|\")", source)
        assert not others or path.name == "builder.py", path


def test_nothing_here_opens_a_port() -> None:
    """The two ends of a pipe have no address."""
    assert (
        _callers(
            r"(?!event\.).*\.(listen|bind|serve_forever)|.*HTTPServer|socketserver\..*|.*Listener"
        )
        == set()
    )
    assert _callers(r"socket\.socketpair|(multiprocessing\.)?Pipe") == {"ledger/fitwriter.py"}


def test_addresses_are_called_from_four_places_alone() -> None:
    """The probes of the tracking store, of a Ray cluster and of this machine's own port, and the webhook."""
    opened = r"(urllib\.)?request\.urlopen|socket\.create_connection"
    opened += r"|requests\.(get|post|put|request|Session)|http\.client\..*"
    assert _callers(opened) == {
        "compute/ray_cluster.py",
        "ledger/location.py",
        "ledger/viewer.py",
        "runtime/notify.py",
    }


class Bomb:
    """Leaves a file when it is unpickled."""

    def __init__(self, witness: Path) -> None:
        """Name the file."""
        self._witness = witness

    def __reduce__(self) -> Any:
        """Say what unpickling calls."""
        return Path.touch, (self._witness,)


@pytest.fixture
def bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[bytes]:
    """Return a pickle that was not opened when the test is over."""
    witness = tmp_path / "it-ran"
    monkeypatch.chdir(tmp_path)
    yield pickle.dumps(Bomb(witness))
    assert not witness.exists()


@pytest.mark.parametrize("name", ["x.csv", "x.parquet", "x.csv.gz", "x.pkl", "x.npz"])
def test_a_data_file_that_is_a_pickle_is_refused(bomb: bytes, name: str) -> None:
    """Whatever its name says."""
    from pipeline.data import prepare

    Path(name).write_bytes(bomb)
    with pytest.raises(DataError):
        prepare(DataConfig(name="x", path=name, target="y"), 0)


@pytest.mark.parametrize(
    "text",
    [
        "data: !!python/object/apply:pathlib.Path.touch [it-ran]",
        "!!python/object/new:pathlib.Path [it-ran]",
        "data: {name: '${oc.env:HOME}'}",
        "training: {_target_: pathlib.Path}",
    ],
)
def test_a_stored_configuration_runs_nothing(bomb: bytes, text: str) -> None:
    """It comes from a tracking store, for replay."""
    with pytest.raises(ConfigError):
        load(text)


def test_arrays_of_a_store_that_hold_a_pickle_are_not_there(bomb: bytes) -> None:
    """Curves and weights are npz archives; an array of objects is a pickle inside."""
    from pipeline.ledger.stackfile import read_stacks, unpack_weights

    objects = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        objects, {"descr": "|O", "fortran_order": False, "shape": (1,)}
    )
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("k/loss.npy", objects.getvalue() + bomb)
    assert read_stacks({"a.npz": archive.getvalue(), "b.npz": bomb}) == {}
    assert unpack_weights(archive.getvalue()) == unpack_weights(bomb) == {}


def test_predict_refuses_what_another_program_saved(tmp_path: Path) -> None:
    """Nothing of it is opened: it has no description of ours."""
    from pipeline.models import find_model

    (tmp_path / "python_model.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(find_model.ForeignModelError, match="not saved by this program"):
        find_model.open_predictor(tmp_path, "models:/theirs/1", None)


def test_the_linters_security_rules_run_in_make_check() -> None:
    """And the audit reads the lock file; the version to report is there."""
    recipes = (ROOT / "Makefile").read_text(encoding="utf-8")
    check = recipes.partition("\ncheck:")[2].partition("\n\n")[0]
    assert "ruff check ." in check
    assert "tests/test_architecture.py" in check
    assert "pip-audit --requirement requirements.lock" in recipes
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert 'select = ["ALL"]' in settings
    assert not re.search(r'"S"|"S3"|"S30[1-7]"', settings)
    assert __version__
