"""From Python: the same sweep, and what it found as tables and figures."""

from __future__ import annotations

import json
import os
import random
import sys
import time
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from pipeline import api, replay
from pipeline.core.errors import ConfigError, DataError
from pipeline.core.files import CACHE
from pipeline.forecast import history
from pipeline.forecast.history import Rates
from pipeline.runtime.budget import process_seconds
from pipeline.session import loop as runner
from pipeline.session import results
from pipeline.training import host

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.ledger.read import SweepRecord


@pytest.fixture
def frame() -> pd.DataFrame:
    """Return a small table with a number, a category and a target."""
    generator = np.random.default_rng(0)
    size = generator.uniform(20, 120, 80)
    return pd.DataFrame(
        {
            "size": size,
            "district": generator.choice(["north", "south"], 80),
            "rent": 9 * size + generator.normal(0, 30, 80),
        }
    )


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """Replace the runner by one that only notes what it was given."""
    calls: list[Any] = []

    def run(config: Any, folder: Path, *, grace: float | None, began: float, quiet: bool) -> int:
        assert grace is None  # the process belongs to whoever called
        assert quiet is not config.verbose
        assert 0.0 < began <= process_seconds()
        calls.append((config, sys.argv[1:]))
        (folder / "summary.json").write_text(json.dumps({"sweep_run_id": "abc"}))
        return 0

    monkeypatch.setattr("pipeline.session.loop.run", run)
    monkeypatch.chdir(tmp_path)
    return calls


def test_a_dataframe_is_swept_with_overrides(
    frame: pd.DataFrame, asked: list[Any], tmp_path: Path
) -> None:
    """The table becomes a file of the sweep; keys are written with dots or two underscores."""
    argv = list(sys.argv)
    found = api.sweep(
        frame,
        "rent",
        output_dir=tmp_path / "out",
        training__epochs=7,
        data__drop=["district"],
        **{"budget.seconds": 60.5, "search.max_parameters": None, "verbose": False},
    )
    ((config, words),) = asked
    assert (config.data.target, config.training.epochs) == ("rent", 7)
    assert config.data.drop == ["district"]
    assert (config.budget.seconds, config.verbose) == (60.5, False)
    pd.testing.assert_frame_equal(pd.read_parquet(config.data.path), frame)
    assert "training.epochs=7" in words
    assert sys.argv == argv
    assert (found.run_id, found.output_dir) == ("abc", tmp_path / "out")


def test_without_a_table_the_named_data_is_swept(asked: list[Any]) -> None:
    """The default is the default of the command line, in a new folder under outputs/."""
    found = api.sweep(data="titanic", seed=3)
    ((config, _),) = asked
    assert (config.data.name, config.seed) == ("titanic", 3)
    assert found.output_dir.parts[0] == "outputs"


@pytest.mark.parametrize(
    ("target", "said"),
    [(None, "say which column"), ("rents", "no such column; did you mean 'rent'")],
)
def test_a_wrong_target_is_refused(
    target: str | None, said: str, frame: pd.DataFrame, asked: list[Any]
) -> None:
    """One message, before anything runs."""
    with pytest.raises(DataError, match=said):
        api.sweep(frame, target)
    assert asked == []


@pytest.mark.parametrize("column", ["Miete (€)", "a,b", "it's", "null", "{x}", " rent "])
def test_a_target_is_given_as_the_frame_shows_it(
    column: str, frame: pd.DataFrame, asked: list[Any]
) -> None:
    """Whatever Hydra would make of it."""
    api.sweep(frame.rename(columns={"rent": column}), column, name="flats, 2026")
    ((config, _),) = asked
    assert config.data.target == column.strip()
    assert config.data.name == "flats, 2026"


def test_a_frame_that_cannot_be_read_is_refused_before_anything_runs(
    frame: pd.DataFrame, asked: list[Any]
) -> None:
    """With the column, its dtype, and what to do."""
    with pytest.raises(DataError, match=r"column 'z' of the DataFrame \(complex128\)"):
        api.sweep(frame.assign(z=frame["size"] + 1j), "rent")
    with pytest.raises(DataError, match="the same name: 'size'"):
        api.sweep(pd.concat([frame, frame[["size"]]], axis=1), "rent")
    assert asked == []
    api.sweep(frame.assign(z=frame["size"] + 1j), "rent", data__drop=["z"])
    assert len(asked) == 1


def test_a_wrong_override_is_refused_with_the_nearest_key(
    frame: pd.DataFrame, asked: list[Any], tmp_path: Path
) -> None:
    """The same message as on the command line."""
    with pytest.raises(ConfigError, match=r"training\.epochs"):
        api.sweep(frame, "rent", training__epoch=7, output_dir=tmp_path / "out")
    assert asked == []


def test_tables_of_a_record(record: SweepRecord) -> None:
    """Fits, trials, capacities, curves, decisions and predictions, without reading the store again."""
    assert len(results.fits(record)) == 81
    assert results.trials(record)["score"].is_monotonic_increasing
    assert "gap_se" in results.capacities(record)
    assert set(results.curves(record)["run_id"]) == set(record.fits["run_id"])
    assert results.decisions(record)["verdict"].iloc[-1] == "chosen"
    assert len(results.predictions(record)) == 120
    assert results.answer(record).startswith("Use 2 hidden layers")


def test_tables_of_nothing_have_their_columns(kind: Callable[[str], SweepRecord]) -> None:
    """A sweep that died at once gives empty tables, not errors."""
    found = kind("unbegun")
    assert list(results.curves(found)) == ["run_id", "trial", "capacity", "execution", "epoch"]
    assert results.decisions(found).empty
    assert results.figures(found) == {}


def test_a_notebook_shows_answer_picture_and_capacities(record: SweepRecord) -> None:
    """Rates as people write them, errors as bars in the picture and as a column of the table."""
    record.fits.loc[record.fits["capacity"] == "2x32", "learning_rate"] *= 0.00948683 / 0.003
    shown = results.html(record)
    assert results.answer(record)[:30] in shown
    assert "<svg" in shown
    assert "<th>learning rate</th>" in shown
    assert "<th>standard error</th>" in shown
    assert "00948" not in shown


def test_figures_by_name(record: SweepRecord) -> None:
    """All that the sweep has, or one; an unknown name is told what there is."""
    assert "capacity" in results.figures(record)
    assert results.figure(record, "rates").data
    with pytest.raises(ConfigError, match="allowed: capacity, curves"):
        results.figure(record, "rate")


def test_the_report_is_written_from_a_notebook(record: SweepRecord, tmp_path: Path) -> None:
    """The same page as the command's."""
    written = results.report(record, str(tmp_path / "r.html"))
    assert "All trials" in (tmp_path / "r.html").read_text()
    assert written.endswith("r.html")


@pytest.mark.slow
def test_a_real_sweep_from_a_dataframe(
    frame: pd.DataFrame,
    workplace: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """End to end: sweep, answer, figures, predictions for raw rows, and a replay bit for bit.

    The user's float64, seeds and environment are as before, and nothing of them reaches the networks.

    Its seconds count from the call, also in the first sweep of a process that is older; and `plan`
    remembers it.
    """
    monkeypatch.setattr(runner, "_sweeps", count())
    monkeypatch.setenv(CACHE, str(workplace / "cache"))
    import keras
    import tensorflow as tf

    host.give_back()  # an engine of another test may have settled Keras for good
    keras.config.set_floatx("float64")
    tf.random.set_seed(1)
    first = float(tf.random.uniform([]))
    tf.random.set_seed(1)
    random.seed(1)
    before = random.getstate(), dict(os.environ)
    begun = time.monotonic()
    found = api.sweep(
        frame,
        "rent",
        search="grid",
        search__space__architectures=[[4]],
        search__learning_rate__values=[0.05],
        training__executions=1,
        training__epochs=3,
        training__patience=2,
        verbose=False,
    )
    assert (random.getstate(), dict(os.environ)) == before
    assert float(tf.random.uniform([])) == first
    assert keras.config.floatx() == "float64"
    keras.config.set_floatx("float32")
    assert found.columns.set_index("name").loc["district", "what"] == "2 inputs: north, south"
    assert found.summary["champion"]["capacity"]
    assert found.answer.startswith("Use 1 hidden layer of 4 units")
    assert found.figure("curves").data
    assert len(found.predict(frame.drop(columns="rent").head(3))) == 3
    sparse = frame.astype({"size": pd.SparseDtype(float)}).rename(columns={"size": " size "})
    pd.testing.assert_frame_equal(found.predict(sparse), found.predict(frame))
    with pytest.raises(DataError, match="district"):
        found.predict(frame[["size"]])
    assert (found.output_dir / "report.html").exists()
    assert found.summary["seconds"] <= time.monotonic() - begun
    assert capsys.readouterr().out == ""  # verbose=False
    assert replay.main([f"run={found.summary['champion']['run_id']}"]) == 0
    assert "are equal bit for bit" in capsys.readouterr().out
    _, kept = (
        (workplace / "cache" / history.NAME).read_text().split("\n", 1)
    )  # the seal stands first
    (known,) = json.loads(kept)["sweeps"]
    assert known["path"]["startup_seconds"] >= Rates().startup_seconds  # `plan` imports everything
