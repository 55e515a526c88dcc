"""What all tests share: a quiet, bounded environment and a working directory with a ready store.

Loaded in the JAX environment too, which has no TensorFlow and no MLflow: import both late.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis.internal.conjecture import providers

from pipeline.core.collector import collect_seldom

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Set before any test imports a framework, and inherited by the processes that tests start.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ["CUDA_VISIBLE_DEVICES"] = ""  # one result everywhere, also on a machine with a GPU
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_NAME"):
    os.environ.pop(name, None)  # an outer run must not be joined by a test
# One cache for all workers of this run, and none of the user's: what sweeps of tests take teaches
# nothing of this machine, and a program compiled by another version would hide a fault of this one.
if "PYTEST_XDIST_WORKER" not in os.environ:
    os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="capacity-sweep-")
    atexit.register(shutil.rmtree, os.environ["XDG_CACHE_HOME"], ignore_errors=True)
OF_THIS_RUN = Path(os.environ["XDG_CACHE_HOME"])

collect_seldom()  # as the entry points do: a tenth of the processor time went into visiting TensorFlow
with contextlib.suppress(ImportError):  # on JAX there is none
    import skops.io  # noqa: F401 - looks through all modules: 4 s after TensorFlow, 1 s before

# The suite is the same every time; `make fuzz` explores.
settings.register_profile("suite", max_examples=40, deadline=None, derandomize=True)
settings.register_profile("fuzz", max_examples=2000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))
# Hypothesis also draws constants that it reads in the modules imported so far: other files in the same
# worker, other examples.
providers._get_local_constants = lambda: providers._local_constants


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--part=K/N` and `--rare-part=K/N`."""
    for option, which in (("--part", "test"), ("--rare-part", "rare test")):
        parser.addoption(
            option, metavar="K/N", help=f"run every N-th {which}, from the K-th on; K from 0"
        )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run files with slow tests first: no worker then waits for the other's last minutes."""
    rare = {item.nodeid for item in items if item.get_closest_marker("rare")}
    left_out: set[str] = set()
    for option, known in (("part", {item.nodeid for item in items}), ("rare_part", rare)):
        if part := config.getoption(option):
            first, step = map(int, part.split("/"))
            left_out |= known - set(sorted(known)[first::step])
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid in left_out])
    items[:] = [item for item in items if item.nodeid not in left_out]
    slow = {item.path for item in items if item.get_closest_marker("slow") or item.nodeid in rare}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def repo() -> Path:
    """Return the checkout's root."""
    return Path(__file__).parent.parent


@pytest.fixture
def benchmark(repo: Path) -> Callable[..., Any]:
    """Return what runs a benchmark and reads its last line; nothing that it started outlives a time limit."""
    import psutil

    def run(name: str, *words: str) -> Any:
        process = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.{name}", *words],
            cwd=repo, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            out, errors = process.communicate(timeout=1200)
        finally:
            if process.poll() is None:  # its servers, in sessions of their own, would stay
                own = psutil.Process(process.pid)
                for one in [*own.children(recursive=True), own]:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        one.kill()
        assert process.returncode == 0, errors[-3000:] + out[-2000:]
        return json.loads(out.splitlines()[-1])

    return run


@pytest.fixture(scope="session")
def migrated_store() -> Path:
    """Return an empty MLflow database that has seen all migrations: they take 4 s, a copy none.

    The workers of a run share it.
    """
    from filelock import FileLock

    database = OF_THIS_RUN / "migrated" / "mlflow.db"
    database.parent.mkdir(exist_ok=True)
    with FileLock(database.with_suffix(".lock")):
        if not database.exists():
            from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

            store = SqlAlchemyStore(f"sqlite:///{database}", str(database.parent / "artefacts"))
            store.engine.dispose()  # a copy must not miss what sqlite still holds open
    return database


@pytest.fixture(scope="session", autouse=True)
def _hydra_composes_the_same_files_once() -> Iterator[None]:
    """Keep what Hydra makes of the shipped conf/: a third of a second each, some hundred times.

    Values, checks and messages come after it, and lookups are not resolved yet. Nothing is kept where a
    test brings files of its own. The working directory is the one thing of the surroundings in it.
    """
    from hydra.core.global_hydra import GlobalHydra

    from pipeline.config import compose as module
    from pipeline.config.places import conf_dir

    whole, kept = module.hydra_compose, {}
    shipped = {str(conf_dir()), "pkg://hydra.conf", "structured://"}

    def composed(name: str, **how: Any) -> Any:
        searched = GlobalHydra.instance().config_loader().get_search_path().get_path()
        if any(entry.path not in shipped for entry in searched):
            return whole(name, **how)
        key = repr((name, how))
        if key not in kept:
            kept[key] = pickle.dumps(whole(name, **how))
        found = pickle.loads(kept[key])  # noqa: S301 - ours; a quarter of the time of a deep copy
        found.hydra.runtime.cwd = str(Path.cwd())
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "hydra_compose", composed)
        yield


@pytest.fixture(scope="session", autouse=True)
def _one_process_verifies_for_all_sweeps_of_a_worker() -> Iterator[None]:
    """Let the process that loads saved models wait for the next sweep: its imports take 10 s of a core.

    It still ends when memory gets short.
    """
    with pytest.MonkeyPatch.context() as patch:
        with contextlib.suppress(ImportError):  # JAX's environment saves no models
            from pipeline.models import verify

            patch.setattr(verify, "SPARE_SECONDS", 1800.0)
        yield


@pytest.fixture
def workplace(tmp_path: Path, migrated_store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change to an empty working directory whose default store is ready, and return it."""
    (tmp_path / "mlruns").mkdir()
    shutil.copy(migrated_store, tmp_path / "mlruns" / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def _absl_leaves_captured_streams_open() -> None:
    """Point absl's log handler at the real stderr.

    TensorFlow brings absl, whose handler keeps the stderr of its import: here one that pytest
    captures. It closes that stream whenever logging is configured anew, as a sweep does.
    """
    absl = sys.modules.get("absl.logging")
    if absl is not None:
        absl.get_absl_handler().python_handler.stream = sys.__stderr__
