"""The cache file: whole or not at all, and never in the way; the rates that it keeps."""

from __future__ import annotations

import json
import threading
from pathlib import Path as File

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.files import CACHE
from pipeline.forecast import history
from pipeline.forecast.history import Rates, keep, known_rates, machine_key, recall
from pipeline.forecast.stacktime import Path, RoundTime

HERE = "here | 2 cores"
MEASURED = ("startup_seconds", "pace", "ending_seconds")
ROUNDS = (RoundTime("start", 6, 18, 2, 5.0, 4.0), RoundTime("grow", 6, 18, 2, 7.0))
WAY = Path(10.0, ROUNDS, 8.0, 12, (5, 900))
AGAIN = Path(10.0, (RoundTime("start", 6, 18, 2, 5.0), ROUNDS[1]), 8.0, 12, (5, 900))
"""The same, its programs on the disk."""
VERSION_1 = {
    "format": 1,
    "machines": {HERE: {"startup_seconds": 33.0, "flops": 2e10, "sweeps": 4}},
    "sweeps": [{"fingerprint": "f", "digest": "d", "mark": "m", "machine": HERE, "rows": 100,
                "path": {"startup_seconds": 1.0, "legs": [], "ending_seconds": 1.0}}],
}  # fmt: skip


@pytest.fixture
def place(tmp_path: File, monkeypatch: pytest.MonkeyPatch) -> File:
    """Return the cache file of a fresh cache folder."""
    monkeypatch.delenv(CACHE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "capacity-sweep" / history.NAME


def remember(digest: str = "d", rows: int = 100, way: Path = WAY, machine: str = HERE) -> None:
    """Remember a sweep."""
    keep(machine, Rates(sweeps=1), ("f", digest, f"mark of {digest}"), rows, way)


def test_what_is_kept_is_found_again(place: File) -> None:
    """Rates by machine, and sweeps, by digest or by the mark of their file."""
    rates = Rates(startup_seconds=33.0, sweeps=2)
    keep(HERE, rates, ("f", "d", "m"), 100, WAY)
    assert place.is_file()
    assert known_rates(HERE) == rates
    assert known_rates("elsewhere") == Rates()
    assert recall("f", HERE, 100, {"d"}) == recall("f", HERE, 100, {"m"}) == (AGAIN, True)


def test_the_very_same_sweep_is_recalled_before_a_similar_one(place: File) -> None:
    """Another configuration, machine or a table of another size never."""
    remember("old")
    remember("new", way=AGAIN)
    remember("new", rows=7, machine="elsewhere")
    assert place.is_file()
    assert recall("f", HERE, 100, {"old"}) == (AGAIN, True)
    assert recall("g", HERE, 100, {"old"}) == (None, False)
    assert recall("f", HERE, 1000, {"tonight"}) == (None, False)
    path, same = recall("f", HERE, 110, {"tonight"})
    assert path is not None
    assert not same
    assert sum(one.again for one in path.rounds) == pytest.approx(1.1 * 12.0)


def test_a_table_of_other_rows_compiles_again(place: File) -> None:
    """One of as many rows finds its programs on the disk."""
    remember()
    assert place.is_file()
    compiling = [
        path.compiling
        for path, _ in (recall("f", HERE, rows, {"tonight"}) for rows in (100, 110))
        if path is not None
    ]
    assert compiling == [0.0, 4.0]


def test_the_same_sweep_is_remembered_once(place: File) -> None:
    """The latest counts; the file does not grow for ever."""
    for number in range(history.MOST_SWEEPS + 10):
        remember(f"d{number}")
        remember("every night")
    digests = [one["digest"] for one in history._read()["sweeps"]]
    assert len(digests) == history.MOST_SWEEPS
    assert digests.count("every night") == 1
    assert place.stat().st_size < 200_000


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe\x00", b"[]", b'{"format": 2, "machines": [], "sweeps": {}}',
     b'{"format": 99}', b'{"format": 2, "machines": {"here | 2 cores": 7}, "sweeps": [7, {}]}',
     b'{"format": 2, "sweeps": [{"fingerprint": "f", "machine": "here | 2 cores"}]}',
     json.dumps(VERSION_1).encode(), b"[" * 100_000],
)  # fmt: skip
def test_a_damaged_or_older_file_is_as_good_as_none(place: File, content: bytes) -> None:
    """Nothing is raised, the built-in rates hold, and the next sweep repairs the file."""
    place.parent.mkdir(parents=True)
    place.write_bytes(content)
    assert known_rates(HERE) == Rates()
    assert recall("f", HERE, 100, {"d"}) == (None, False)
    remember()
    assert known_rates(HERE).sweeps == 1
    assert recall("f", HERE, 100, {"d"}) == (AGAIN, True)


@pytest.mark.parametrize("change", [("18", "0"), ("5.0", "-1.0"), ("2 cores", "3 cores")])
def test_a_file_that_was_edited_is_as_good_as_none(place: File, change: tuple[str, str]) -> None:
    """What it says may make no sense."""
    remember()
    place.write_text(place.read_text().replace(*change))
    assert known_rates(HERE) == Rates()
    assert recall("f", HERE, 100, {"d"}) == (None, False)


def test_a_write_that_fails_leaves_the_old_file(
    place: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk costs the update, not the file, and leaves nothing beside it."""
    remember()

    def full(self: File, target: File) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(File, "replace", full)
    keep(HERE, Rates(sweeps=2), ("f", "d", "m"), 100)
    assert known_rates(HERE).sweeps == 1
    assert [entry.name for entry in place.parent.iterdir()] == [history.NAME]


def test_readers_never_see_half_a_file(place: File) -> None:
    """While others write."""
    remember("again")
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            remember("again")

    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(150):
            assert recall("f", HERE, 100, {"again"}) == (AGAIN, True)
    finally:
        stop.set()
        for writer in writers:
            writer.join()


def test_without_a_place_nothing_is_kept(place: File, monkeypatch: pytest.MonkeyPatch) -> None:
    """`CAPACITY_SWEEP_CACHE=` turns it off; a folder that cannot be made is no error."""
    for folder in ("", "/proc/nowhere"):
        monkeypatch.setenv(CACHE, folder)
        remember()
        assert known_rates(HERE) == Rates()
    assert not place.exists()


def test_the_key_names_what_changes_the_speed() -> None:
    """Another engine or family has rates of its own."""
    keys = {machine_key("stacked", "mlp"), machine_key("fit", "mlp"), machine_key("fit", "cnn")}
    assert len(keys) == 3
    assert all("cores" in key and "keras" in key for key in keys)


def test_the_first_sweep_replaces_the_guess_and_later_ones_are_smoothed() -> None:
    """Faster counts five times as much as slower."""
    assert Rates().refreshed(pace=3.0) == Rates(pace=3.0, sweeps=1)
    known = Rates(startup_seconds=10.0, sweeps=20)
    assert known.refreshed(startup_seconds=9.0).startup_seconds == pytest.approx(9.5)
    assert known.refreshed(startup_seconds=20.0).startup_seconds == pytest.approx(11.0)


def test_one_loaded_evening_spoils_nothing() -> None:
    """Everything took eight times as long: the next sweep expects a tenth more, and soon nothing."""
    known = Rates(sweeps=1)
    usual = {name: getattr(known, name) for name in MEASURED}
    after = known.refreshed(**{name: 8.0 * value for name, value in usual.items()})
    for name in MEASURED:
        assert getattr(after, name) == pytest.approx(usual[name], rel=0.11), name
    for _ in range(5):
        after = after.refreshed(**usual)
    assert after.startup_seconds == pytest.approx(known.startup_seconds, rel=0.01)


@given(name=st.sampled_from(MEASURED), value=st.floats(), sweeps=st.integers(0, 50))
def test_a_rate_stays_between_what_was_known_and_what_was_measured(
    name: str, value: float, sweeps: int
) -> None:
    """Whatever was measured: NaN, infinity, a negative time and nonsense change nothing."""
    before = Rates(sweeps=sweeps)
    after = before.refreshed(**{name: value})
    old, new = getattr(before, name), getattr(after, name)
    assert new == old or min(old, value) <= new <= max(old, value)
    assert new > 0.0
    assert after.sweeps == sweeps + 1
