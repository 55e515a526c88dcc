"""Compiled programs on disk: found again, pruned, replaced when damaged, never in the way."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import TYPE_CHECKING

import keras
import pytest

from pipeline.core.files import CACHE
from pipeline.training import program_cache
from pipeline.training.program_cache import (
    TRACE,
    clear,
    folder,
    keep_trace,
    kept,
    read_trace,
    trace_name,
)
from pipeline.training.stacked.programs import Programs
from pipeline.training.threads import prepare

if TYPE_CHECKING:
    from pathlib import Path

TRAIN = """
import logging, numpy as np
from pipeline.config.schema import ModelConfig
from pipeline.config.schema_search import CapacityConfig
from pipeline.core.records import Arrays, Fit, Stack, Trial
from pipeline.training.engine import engine
from pipeline.training.settings import Settings
from pipeline.training.families import family
from pipeline.training.families.mlp import of_widths
class Silent:
    def report(self, progress): ...
    def stop_reason(self): return ""
logging.basicConfig(format="%(message)s")
x = np.linspace(-1, 1, 60, dtype="f4").reshape(30, 2)
arrays = Arrays(x, x[:, :1] ** 2, x, x[:, :1] ** 2, True)
mlp = family(ModelConfig(), CapacityConfig(), {"standard": (2,)}, 1, True)
fits = tuple(Fit(Trial(of_widths(4), 0.01, 1), seed, seed, 3) for seed in (0, 1))
results = engine("stacked")(Stack(0, fits), arrays, mlp, Settings(), Silent())
print(*(result.curves["val_loss"][-1].hex() for result in results))
"""

ONCE_MORE = """
from pipeline.training.program_cache import kept
from pipeline.training.stacked.engine import PROGRAMS
after = kept()
PROGRAMS.__init__()
again = engine("stacked")(Stack(0, fits), arrays, mlp, Settings(), Silent())
print(len(after) > 0, len(kept() - after))
"""

WITHOUT_TRACING = """
from pipeline.training.stacked import on_tensorflow
def traced(*_, **__): raise SystemExit("traced again")
on_tensorflow.Compiled.traced = traced
"""

OTHER_WORK = """
engine("stacked")
import keras
if keras.backend.backend() == "tensorflow":  # numbers the functions that it traces
    import tensorflow as tf
    tf.function(lambda: tf.while_loop(lambda i: i < 3, lambda i: i + 1, [0])).get_concrete_function()
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Use an empty folder for the cache."""
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    for name in ("TF_XLA_FLAGS", "JAX_COMPILATION_CACHE_DIR"):
        monkeypatch.setenv(name, "")  # so that it is as before afterwards, also where it is not set
        monkeypatch.delenv(name)  # as this process was told when it started
    return tmp_path / "cache"


def train_later(before: str) -> subprocess.CompletedProcess[bytes]:
    """Train the same in another process, which first runs some code."""
    code = TRAIN.replace("results =", f"{before}results =")
    return subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)


@pytest.mark.rare
@pytest.mark.slow
def test_a_later_process_finds_programs_and_compiles_damaged_ones_again(place: Path) -> None:
    """One process fills the cache; the next runs the graphs in it (JAX traces in no time).

    The last finds it damaged, says so, and has the same bits. It keeps its programs under the same
    names, whatever it has done before: else none is found again. What is found leaves nothing new on
    the disk.
    """
    first = subprocess.run(
        [sys.executable, "-c", TRAIN + ONCE_MORE], capture_output=True, check=True
    )
    losses, found = first.stdout.splitlines()
    assert len(losses.split()) == 2
    assert found == b"True 0"
    if keras.backend.backend() == "tensorflow":
        assert list(place.rglob(f"*{TRACE}"))
        assert train_later(WITHOUT_TRACING).stdout.splitlines() == [losses]
    files = [path for path in place.rglob("*") if path.is_file()]
    assert files
    largest = max(files, key=lambda path: path.stat().st_size).name.partition("-")[0]
    for path in files:
        path.write_bytes(path.read_bytes()[:200])
    last = train_later(OTHER_WORK)
    kept_before = {path.name for path in files}
    fresh = {path.name for path in place.rglob("*") if path.is_file()} - kept_before
    # Of JAX the stack's program alone: on a busy moment it keeps small functions too (0.3 s to compile).
    assert not [name for name in fresh if name.startswith(("xla_", largest))]
    assert last.stdout.splitlines() == [losses]
    assert b"compil" in last.stderr.lower()  # the engine's own words, or JAX's


def test_a_trace_that_is_damaged_or_not_ones_own_is_not_run(place: Path) -> None:
    """A graph may read and write files: only this user may have put it there, whole."""
    keep_trace("whole", b"a graph")
    assert read_trace("whole") == b"a graph"
    assert read_trace("another") is None
    (kept_file,) = place.rglob(f"*{TRACE}")
    content = kept_file.read_bytes()
    for damaged in (b"", content[:-1], content.replace(b"graph", b"grape")):
        kept_file.write_bytes(damaged)
        assert read_trace("whole") is None
    kept_file.write_bytes(content)
    kept_file.parent.chmod(0o770)
    assert read_trace("whole") is None
    kept_file.parent.chmod(0o700)
    assert read_trace("whole") == b"a graph"


def test_a_trace_is_of_what_it_computes_and_of_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other shapes or other code of ours: another name; the same: the same in every process."""
    names = {trace_name("key", shape) for shape in ((2, 3), (3, 2))}
    assert names == {trace_name("key", shape) for shape in ((2, 3), (3, 2))}
    assert len(names) == 2
    monkeypatch.setattr(program_cache, "_code", lambda: "of a later version")
    assert trace_name("key", (2, 3)) not in names


def test_a_trace_without_a_place_is_not_kept(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Switched off: nothing fails."""
    monkeypatch.setenv(CACHE, "")
    keep_trace("one", b"")
    assert read_trace("one") is None
    assert not list(place.rglob(f"*{TRACE}"))


def test_the_folder_belongs_to_versions_flags_and_processor(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other flags of XLA, another folder; nobody else may write there."""
    first = folder()
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_prefer_vector_width=128")
    second = folder()
    assert first is not None
    assert second is not None
    assert first != second
    assert {first.parent, second.parent} == {place}
    assert first.stat().st_mode & 0o077 == 0


def test_the_oldest_programs_make_room(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit, files go in the order in which they were last used."""
    found = folder()
    assert found is not None
    assert found.is_relative_to(place)
    monkeypatch.setattr(program_cache, "LARGEST_BYTES", 250)
    for age, name in enumerate(("new", "middle", "old")):
        (found / name).write_bytes(bytes(100))
        os.utime(found / name, (1e9 - age, 1e9 - age))
    assert folder() == found
    assert sorted(path.name for path in found.iterdir()) == ["middle", "new"]
    clear(found)
    assert list(found.iterdir()) == []


def test_a_file_that_another_process_removes_costs_nothing(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sweeps at the same time share the folder; neither loses its programs over it."""
    found = folder()
    assert found is not None
    monkeypatch.setattr(program_cache, "LARGEST_BYTES", 150)
    for age, name in enumerate(("new", "old", "older")):
        (found / name).write_bytes(bytes(100))
        os.utime(found / name, (1e9 - age, 1e9 - age))
    listed = [*os.scandir(found)]
    (found / "older").unlink()
    with monkeypatch.context() as late:
        late.setattr(program_cache.os, "scandir", lambda _: listed)
        assert folder() == found
    assert [path.name for path in found.iterdir()] == ["new"]


def test_asking_for_names_removes_none(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the backends were told to keep programs, also beyond the limit."""
    monkeypatch.setattr(program_cache, "LARGEST_BYTES", 50)
    own, users = place / "own", place / "users"
    for folder_, name in ((own, "ours"), (users, "theirs")):
        folder_.mkdir(parents=True)
        (folder_ / name).write_bytes(bytes(100))
    monkeypatch.setenv("TF_XLA_FLAGS", f"--x --tf_xla_persistent_cache_directory={own} --y")
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(users))
    assert kept() == {"ours", "theirs"}
    monkeypatch.setenv("TF_XLA_FLAGS", "")
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(place / "nowhere"))
    assert kept() == frozenset()


def test_a_program_is_compiled_once_for_all_who_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one who compiles it, the one who comes meanwhile and waits, and who comes later."""
    begun, ready = threading.Event(), threading.Event()

    def slowly(*_: object) -> object:
        begun.set()
        ready.wait(60)
        return program

    program, plan = object(), SimpleNamespace(key="one")
    monkeypatch.setattr(Programs, "_compiled_of", slowly)
    programs = Programs()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(programs.get, plan, ())  # type: ignore[arg-type]
        begun.wait(60)
        second = pool.submit(programs.get, plan, ())  # type: ignore[arg-type]
        time.sleep(1)  # until it waits
        ready.set()
    assert first.result() is second.result() is programs.get(plan, ()) is program  # type: ignore[arg-type]
    assert programs.count == 1


@pytest.mark.parametrize("value", ["", "/proc/nowhere"])
def test_without_a_place_there_is_no_cache(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Switched off, or not writable: nothing is set and nothing fails."""
    monkeypatch.setenv(CACHE, value)
    monkeypatch.setenv("TF_XLA_FLAGS", "")
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "")
    assert folder() is None
    prepare()
    assert os.environ["TF_XLA_FLAGS"] == ""


def test_flags_of_the_user_are_kept(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment already says about XLA wins; setting twice adds nothing."""
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_prefer_vector_width=256")
    monkeypatch.setenv("TF_XLA_FLAGS", "--tf_xla_clustering_debug")
    prepare()
    flags = os.environ["XLA_FLAGS"], os.environ["TF_XLA_FLAGS"]
    prepare()
    assert (os.environ["XLA_FLAGS"], os.environ["TF_XLA_FLAGS"]) == flags
    assert flags[0].split()[0] == "--xla_cpu_prefer_vector_width=256"
    assert flags[0].count("prefer_vector_width") == 1
    assert str(place) in flags[1]
