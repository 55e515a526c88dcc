"""The cache file: whole or not at all, and never in the way."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path as File
from typing import TYPE_CHECKING

import pytest

from pipeline.forecast import cache
from pipeline.forecast.calibration import Calibration
from pipeline.forecast.machine import Machine, machine
from pipeline.forecast.path import Leg, Path
from pipeline.forecast.remembered import Coming, Remembered, recall

if TYPE_CHECKING:
    from pathlib import Path as Folder

HERE = Machine("here | 2 cores", "stacked", 2)
LEGS = (Leg("start", 6, 18, 2, 5.0), Leg("grow", 6, 18, 2, 7.0))
WAY = Path(10.0, LEGS, 8.0, 12, (5, 900))
COLD = Path(10.0, (Leg("start", 6, 18, 2, 9.0, 4.0), *LEGS[1:]), 8.0, 12, (5, 900))
"""The same, when it compiled its programs."""


def past(
    digest: str = "d", rows: int = 100, fingerprint: str = "f", key: str = HERE.key, way: Path = WAY
) -> Remembered:
    """Return a remembered sweep."""
    return Remembered(fingerprint, digest, f"mark of {digest}", key, rows, way)


@pytest.fixture
def place(tmp_path: Folder, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """Return the cache file of a fresh cache folder."""
    monkeypatch.delenv(cache.VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "capacity-sweep" / cache.NAME


def test_what_is_kept_is_found_again(place: Folder) -> None:
    """Rates by machine, and sweeps."""
    rates = Calibration(startup_seconds=33.0, sweeps=2)
    cache.keep(HERE, rates, [past()])
    assert place.is_file()
    assert cache.calibration_of(HERE) == rates
    assert cache.calibration_of(Machine("elsewhere", "stacked", 2)) == Calibration()
    assert cache.sweeps() == [past()]


def test_the_same_sweep_is_remembered_once(place: Folder) -> None:
    """The latest counts; the file does not grow for ever."""
    for number in range(cache.MOST_SWEEPS + 10):
        cache.keep(HERE, Calibration(), [past(f"d{number}"), past("every night")])
    found = cache.sweeps()
    assert len(found) == cache.MOST_SWEEPS
    assert sum(one.digest == "every night" for one in found) == 1
    assert place.stat().st_size < 200_000


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe\x00", b"[]", b'{"format": 1, "machines": [], "sweeps": {}}',
     b'{"format": 99}', b'{"format": 1, "machines": {"here | 2 cores": 7}, "sweeps": [7, {}]}',
     b'{"format": 1, "sweeps": [{"fingerprint": 1}]}', b"[" * 100_000],
)  # fmt: skip
def test_a_damaged_file_is_as_good_as_none(place: Folder, content: bytes) -> None:
    """Nothing is raised, the built-in rates hold, and the next sweep repairs the file."""
    place.parent.mkdir(parents=True)
    place.write_bytes(content)
    assert cache.calibration_of(HERE) == Calibration()
    assert cache.sweeps() == []
    cache.keep(HERE, Calibration(sweeps=1))
    assert cache.calibration_of(HERE).sweeps == 1


def test_a_write_that_fails_leaves_the_old_file(
    place: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk costs the update, not the file, and leaves nothing beside it."""
    cache.keep(HERE, Calibration(sweeps=1))

    def full(self: File, target: File) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(File, "replace", full)
    cache.keep(HERE, Calibration(sweeps=2))
    assert cache.calibration_of(HERE).sweeps == 1
    assert [entry.name for entry in place.parent.iterdir()] == [cache.NAME]


def test_readers_never_see_half_a_file(place: Folder) -> None:
    """While others write."""
    cache.keep(HERE, Calibration(sweeps=1), [past(f"d{n}") for n in range(20)])
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            cache.keep(HERE, Calibration(sweeps=1), [past("again")])

    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(150):
            assert json.loads(place.read_text())["format"] == cache.FORMAT
    finally:
        stop.set()
        for writer in writers:
            writer.join()


def test_without_a_place_nothing_is_kept(place: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """`CAPACITY_SWEEP_CACHE=` turns it off; a folder that cannot be made is no error."""
    monkeypatch.setenv(cache.VARIABLE, "")
    cache.keep(HERE, Calibration(sweeps=1))
    assert cache.calibration_of(HERE) == Calibration()
    monkeypatch.setenv(cache.VARIABLE, "/proc/nowhere")
    cache.keep(HERE, Calibration(sweeps=1))
    assert cache.calibration_of(HERE) == Calibration()
    assert not place.exists()


def test_the_key_names_what_changes_the_speed() -> None:
    """Another engine or family has rates of its own."""
    keys = {machine("stacked", "mlp").key, machine("fit", "mlp").key, machine("fit", "cnn").key}
    assert len(keys) == 3
    assert all("cores" in key and "keras" in key for key in keys)


def test_the_very_same_sweep_is_recalled_before_a_similar_one() -> None:
    """By digest or by the mark of its file; another configuration or machine never."""
    known = [past("old"), past("new"), past("x", fingerprint="g"), past("old", key="elsewhere")]

    def coming(*data: str, rows: int = 100, fingerprint: str = "f") -> Coming:
        return Coming(fingerprint, HERE.key, rows, frozenset(data))

    assert recall(known, coming("old")) == (WAY, True)
    assert recall(known, coming("mark of old")) == (WAY, True)
    assert recall(known, coming("other", fingerprint="h")) == (None, False)
    path, same = recall(known, coming("tonight", rows=110))
    assert path is not None
    assert not same
    assert path.training_seconds == pytest.approx(1.1 * WAY.training_seconds)
    assert recall(known, coming("tonight", rows=1000)) == (None, False)


def test_what_was_compiled_is_not_compiled_again() -> None:
    """A table of as many rows finds its programs on the disk; one of more rows needs others."""
    known = [past("here", way=COLD)]
    assert recall(known, Coming("f", HERE.key, 100, frozenset(["here"]))) == (WAY, True)
    assert recall(known, Coming("f", HERE.key, 100, frozenset(["changed"]))) == (WAY, False)
    path, _ = recall(known, Coming("f", HERE.key, 110, frozenset(["tonight"])))
    assert path is not None
    assert path.training_seconds == pytest.approx(1.1 * WAY.training_seconds + 4.0)
    assert path.again().training_seconds == pytest.approx(1.1 * WAY.training_seconds)


def one_second(leg: Leg) -> Leg:
    """Return a round of which a second of compiling was waited for, the rest found on the disk."""
    compiling = min(leg.compiling, 1.0)
    return replace(leg, seconds=leg.seconds - leg.compiling + compiling, compiling=compiling)


def test_a_sweep_that_compiled_nothing_leaves_what_was_known_of_compiling(place: Folder) -> None:
    """Tonight's larger table has to compile again; one that went another way is believed alone."""
    for way in (COLD, WAY):
        cache.keep(HERE, Calibration(), [past("here", way=way)])
    assert cache.sweeps() == [past("here", way=COLD)]
    partly = replace(COLD, legs=tuple(one_second(leg) for leg in COLD.legs))
    cache.keep(HERE, Calibration(), [past("here", way=partly)])
    (known,) = cache.sweeps()
    assert [leg.compiling for leg in known.path.legs] == [leg.compiling / 2 for leg in COLD.legs]
    assert known.path.again() == WAY
    other = Path(10.0, LEGS[:1], 8.0, 6, (5, 900))
    cache.keep(HERE, Calibration(), [past("here", way=other)])
    assert cache.sweeps() == [past("here", way=other)]
    assert place.is_file()


def test_a_sweep_remembered_without_its_compiling_is_understood(place: Folder) -> None:
    """As files of version 0.1 have it; one that compiled longer than it took makes no sense."""
    cache.keep(HERE, Calibration(), [past("old"), past("damaged")])
    document = json.loads(place.read_text())
    for leg in document["sweeps"][0]["path"]["legs"]:
        del leg["compiling"]
    document["sweeps"][1]["path"]["legs"][0]["compiling"] = 99.0
    place.write_text(json.dumps(document))
    assert cache.sweeps() == [past("old")]
