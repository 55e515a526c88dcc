"""`python -m pipeline.predict`: what it takes, what it refuses and in which words; from a saved champion."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import threading
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from pipeline.config.compose import compose
from pipeline.core.errors import ConfigError, DataError
from pipeline.core.records import Capacity, Fit, FitResult, Outcome, Round, Stack, Trial
from pipeline.data import prepare
from pipeline.evaluation.final import Member
from pipeline.ledger.facts import SweepFacts
from pipeline.ledger.ledger import open_ledger
from pipeline.models.artefact import save_champion
from pipeline.models.artefact_folder import keep_encoders
from pipeline.predict import main
from pipeline.training import host

if TYPE_CHECKING:
    from pathlib import Path


def rows_made(count: int = 200) -> pd.DataFrame:
    """Return a table with a column of each kind."""
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "id": [f"{number:04d}" for number in range(count)],
            "area": generator.normal(80, 20, count).round(2),
            "rooms": generator.integers(1, 6, count),
            "zone": generator.choice(["01", "02", "A1"], count),
            "since": pd.date_range("2020-01-01", periods=count).strftime("%Y-%m-%d"),
            "new": generator.choice(["true", "false"], count),
        }
    )
    frame["rent"] = 9 * frame["area"] + 50 * frame["rooms"]
    frame.loc[::9, "area"] = np.nan
    frame["heating"] = generator.integers(50, 150, count).astype(object)
    frame.loc[::30, "heating"] = "n/k"
    return frame


@dataclass
class Store:
    """A store with one finished sweep, its table and the words that name them."""

    uri: str
    sweep: str
    model: str
    fit: str
    place: Path
    frame: pd.DataFrame

    def predict(self, source: Any, target: Any, *more: str, model: str = "") -> int:
        """Run the program."""
        words = [f"model={model or self.model}", f"input={source}", f"output={target}"]
        return main([*words, f"tracking.uri={self.uri}", *more])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, migrated_store: Path) -> Store:
    """Save an untrained champion, and the network of its fit."""
    import keras

    home = tmp_path_factory.mktemp("rents")
    (home / "mlruns").mkdir()
    shutil.copy(migrated_store, home / "mlruns" / "mlflow.db")
    frame = rows_made()
    frame.to_csv(home / "rents.csv", index=False)
    words = ["data=table", f"data.path={home}/rents.csv", "data.target=rent", "data.drop=[id]"]
    config = compose(words)
    config.tracking.uri = f"sqlite:///{home}/mlruns/mlflow.db"
    dataset = prepare(config.data, 0)
    shape = dataset.input_shape("standard")

    def build(_: Trial) -> Any:
        layers = [keras.Input(shape), keras.layers.Dense(4, "relu"), keras.layers.Dense(1)]
        return keras.Sequential(layers)

    fit = Fit(Trial(Capacity("1x4", (("layers", 1), ("units", 4))), 0.01, 100), 0, 0, 3)
    facts = SweepFacts("rents", {}, "f", dataset.digest, "rent", "regression", {"train": 1}, {})
    ledger = open_ledger(config.tracking, facts, build, elapsed=lambda: 1.0)
    keep_encoders(ledger, dataset, [("standard", 0)])
    member = Member(fit, build(fit.trial))
    curves = {"loss": np.ones(2), "val_loss": np.array([0.6, 0.5])}
    weights = member.model.get_weights()
    result = FitResult(fit, Outcome.completed, curves, 1, weights, np.ones(9, np.float32), 0.1)
    ledger.record_stack(Round(0, "start", (fit,)), Stack(0, (fit,)), [result])
    ledger.flush()
    (done,) = ledger.done
    about = {
        "trial": fit.trial.name, "run_id": done.run_id, "capacity": "1x4", "layers": 1, "units": 4,
        "parameters": 100, "networks": 1, "objective": "val_loss", "score": 0.5, "val_loss": 0.5,
        "reason": "It is the smallest.",
    }  # fmt: skip
    summary = {"sweep_run_id": ledger.run_id, "champion": about}
    nobody: Any = SimpleNamespace(check=lambda *_: None)
    champion = save_champion(ledger, dataset, [member], summary, nobody)
    ledger.end("FINISHED")
    saved = ledger.store.client.get_logged_model(champion.model_id)
    place = home / saved.artifact_location.partition(f"{home}/")[2]
    uri = ledger.store.location.uri
    return Store(uri, ledger.run_id, champion.model_uri, done.run_id, place, frame)


@pytest.fixture
def whole(store: Store, tmp_path: Path) -> np.ndarray:
    """Return the predictions of the whole table."""
    store.frame.to_csv(tmp_path / "whole.csv", index=False)
    store.predict(tmp_path / "whole.csv", tmp_path / "whole-out.csv")
    return pd.read_csv(tmp_path / "whole-out.csv")["prediction"].to_numpy()


def test_a_rows_prediction_depends_on_the_row_alone(
    store: Store, whole: np.ndarray, tmp_path: Path
) -> None:
    """Parts, orders and formats of the file change nothing: text is read by the recorded kinds."""
    generator = np.random.default_rng(1)
    zones = np.flatnonzero(store.frame["zone"] != "A1")  # a file in which they look like numbers
    parts = [[7], [9], generator.permutation(200), generator.choice(200, 20), zones]
    for number, part in enumerate(parts):
        rows = store.frame.iloc[part]
        rows.to_csv(tmp_path / "in.csv", index=False)
        rows.astype({"heating": str}).to_parquet(tmp_path / "in.parquet")
        for name in ("in.csv", "in.parquet"):
            store.predict(tmp_path / name, tmp_path / "out.parquet")
            got = pd.read_parquet(tmp_path / "out.parquet")["prediction"].to_numpy()
            np.testing.assert_allclose(got, whole[part], rtol=1e-6, err_msg=f"{name} {number}")


def test_a_blank_line_is_a_row_without_values(
    store: Store, whole: np.ndarray, tmp_path: Path
) -> None:
    """One prediction a line below the header, and the others keep theirs."""
    lines = store.frame.head(3).to_csv(index=False).splitlines()
    (tmp_path / "in.csv").write_text("\n".join([*lines[:2], "", *lines[2:]]) + "\n")
    store.predict(tmp_path / "in.csv", tmp_path / "out.csv")
    got = pd.read_csv(tmp_path / "out.csv")["prediction"].to_numpy()
    assert len(got) == 4
    np.testing.assert_allclose(got[[0, 2, 3]], whole[:3], rtol=1e-6)


def test_an_id_stands_before_the_predictions(store: Store, tmp_path: Path) -> None:
    """As it was in the file; a name that is not there, or is taken, is refused."""
    store.frame.iloc[1:6].to_parquet(tmp_path / "in.parquet")
    store.predict(tmp_path / "in.parquet", tmp_path / "out.csv", "id=id")
    got = pd.read_csv(tmp_path / "out.csv", dtype=str)
    assert list(got.columns) == ["id", "prediction"]
    assert got["id"].tolist() == ["0001", "0002", "0003", "0004", "0005"]
    with pytest.raises(ConfigError, match=r"id=di: the input has no such column; it has 'id'"):
        store.predict(tmp_path / "in.parquet", tmp_path / "out.csv", "id=di")


def test_latest_is_the_champion_of_the_newest_finished_sweep(
    store: Store, whole: np.ndarray, tmp_path: Path
) -> None:
    """The names of one model give the same numbers."""
    for model in ("latest", store.sweep, store.fit):
        store.predict(tmp_path / "whole.csv", tmp_path / "out.csv", model=model)
        got = pd.read_csv(tmp_path / "out.csv")["prediction"]
        np.testing.assert_allclose(got, whole, rtol=1e-6)


def test_latest_of_a_store_without_a_champion_is_refused(
    migrated_store: Path, tmp_path: Path
) -> None:
    """In words."""
    shutil.copy(migrated_store, tmp_path / "mlflow.db")
    (tmp_path / "in.csv").write_text("a\n1\n")
    words = ["model=latest", f"input={tmp_path}/in.csv", f"output={tmp_path}/out.csv"]
    with pytest.raises(ConfigError, match="holds no finished sweep with a champion"):
        main([*words, f"tracking.uri=sqlite:///{tmp_path}/mlflow.db"])


def test_the_input_is_never_overwritten(store: Store, tmp_path: Path) -> None:
    """By its own name, a link or a second name of the file."""
    source = tmp_path / "in.csv"
    store.frame.head(3).to_csv(source, index=False)
    (tmp_path / "soft.csv").symlink_to(source)
    os.link(source, tmp_path / "hard.csv")
    before = source.read_bytes()
    for name in ("in.csv", "soft.csv", "hard.csv", "../" + tmp_path.name + "/in.csv"):
        with pytest.raises(ConfigError, match="is the input"):
            store.predict(source, tmp_path / name)
    assert source.read_bytes() == before


@pytest.mark.parametrize("word", ["-", "/dev/stdin"])
def test_a_table_may_come_through_a_pipe_and_go_into_one(
    store: Store, whole: np.ndarray, word: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """CSV on stdin, CSV on stdout, what there is to say on stderr."""
    csv = store.frame.to_csv(index=False).encode()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(csv)))
    store.predict(word, "-" if word == "-" else "/dev/stdout")
    said = capsys.readouterr()
    got = pd.read_csv(io.StringIO(said.out))
    np.testing.assert_allclose(got["prediction"], whole, rtol=1e-6)
    assert "200 predictions in stdout" in said.err


def test_a_named_pipe_is_read(store: Store, whole: np.ndarray, tmp_path: Path) -> None:
    """As `<(...)` of a shell is one."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content = store.frame.to_csv(index=False)
    threading.Thread(target=lambda: pipe.write_text(content), daemon=True).start()
    store.predict(pipe, tmp_path / "out.csv")
    got = pd.read_csv(tmp_path / "out.csv")["prediction"]
    np.testing.assert_allclose(got, whole, rtol=1e-6)


WRONG = {
    "no column": (lambda f: f.drop(columns="zone"), r"lack 1 of 6 columns: 'zone'"),
    "text": (
        lambda f: f.assign(area=["71.5", *[f"{n} EUR" for n in range(199)]]),
        r"'area' should hold a number, but 199 of 200 .* \(99\.5 %\).*'0 EUR' in row 2 .*allowed: 1 %",
    ),
    "dates": (lambda f: f.assign(area=pd.Timestamp("2020-01-01")), r"'area' should hold a number"),
    "numbers": (lambda f: f.assign(since=3.5), r"'since' should hold a date.*3\.5"),
    "truth": (lambda f: f.assign(new=7), r"'new' should hold a boolean.*7"),
}


@pytest.mark.parametrize("name", WRONG)
def test_rows_that_cannot_be_meant_are_refused_before_tensorflow(
    store: Store, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 2 in a second, with column, count, share, example and row; no file is written."""
    change, words = WRONG[name]
    change(store.frame.astype({"heating": str})).to_parquet(tmp_path / "in.parquet")

    def imported() -> None:
        raise AssertionError("TensorFlow is not needed to refuse a column")

    monkeypatch.setattr(host, "start", imported)
    with pytest.raises(DataError, match=words) as refused:
        store.predict(tmp_path / "in.parquet", tmp_path / "out.csv")
    assert refused.value.exit_code == 2
    assert not (tmp_path / "out.csv").exists()


def test_texts_that_training_counted_as_missing_are_missing(
    store: Store, tmp_path: Path, caplog: Any
) -> None:
    """The table that was trained on can be predicted, whatever stray texts it holds."""
    rows = store.frame.iloc[[30, 60]]
    rows.to_csv(tmp_path / "in.csv")
    rows.assign(heating=None).to_csv(tmp_path / "none.csv")
    for name in ("in", "none"):
        store.predict(tmp_path / f"{name}.csv", tmp_path / f"{name}-out.csv")
    assert (tmp_path / "in-out.csv").read_bytes() == (tmp_path / "none-out.csv").read_bytes()
    assert not caplog.text
    rows.assign(heating="n/a.").to_csv(tmp_path / "in.csv")
    with pytest.raises(DataError, match=r"'heating' should hold a number, but 2 of 2"):
        store.predict(tmp_path / "in.csv", tmp_path / "out.csv")


def test_a_small_share_is_imputed_and_said(
    store: Store, whole: np.ndarray, tmp_path: Path, capsys: Any, caplog: Any
) -> None:
    """On stderr with its example, and in the last line with its number."""
    rows = store.frame.astype({"area": object})
    rows.loc[4, "area"] = "71,5 qm"
    rows.to_csv(tmp_path / "in.csv", index=False)
    store.predict(tmp_path / "in.csv", tmp_path / "out.csv")
    assert "'71,5 qm' in row 5" in caplog.text
    assert "(1 unreadable values counted as missing)" in capsys.readouterr().out
    got = pd.read_csv(tmp_path / "out.csv")["prediction"].to_numpy()
    others = np.arange(200) != 4
    np.testing.assert_allclose(got[others], whole[others], rtol=1e-6)
    for word in ("unreadable=error", "unreadable=0.001"):
        with pytest.raises(DataError, match=r"1 of 177 given values.*allowed: 0"):
            store.predict(tmp_path / "in.csv", tmp_path / "out.csv", word)


@pytest.mark.parametrize("word", ["unreadable=1.5", "unreadable=some", "unreadable=nan"])
def test_a_share_is_from_0_to_1(store: Store, word: str, tmp_path: Path) -> None:
    """Anything else is refused before anything is read."""
    with pytest.raises(ConfigError, match=r"must be a share from 0 to 1, or error"):
        store.predict(tmp_path / "none.csv", tmp_path / "out.csv", word)


def test_a_delimiter_that_is_not_found_can_be_given(
    store: Store, whole: np.ndarray, tmp_path: Path
) -> None:
    """An unusual mark; what cannot part cells is refused."""
    store.frame.to_csv(tmp_path / "in.csv", index=False, sep="^")
    store.predict(tmp_path / "in.csv", tmp_path / "out.csv", "delimiter=^")
    got = pd.read_csv(tmp_path / "out.csv")["prediction"].to_numpy()
    np.testing.assert_allclose(got, whole, rtol=1e-6)
    with pytest.raises(ConfigError, match=r"delimiter=abc: must be one character, or tab"):
        store.predict(tmp_path / "in.csv", tmp_path / "out.csv", "delimiter=abc")


def cut(path: Path) -> None:
    """Leave the first half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def described(**changes: Any) -> Any:
    """Return what changes the description of a model."""

    def change(path: Path) -> None:
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


DAMAGE = {
    "half a network": ("network-0.keras", cut),
    "no network": ("network-0.keras", os.unlink),
    "an empty network": ("network-0.keras", lambda path: path.write_bytes(b"")),
    "half an encoder": ("encoder-standard-0.skops", cut),
    "no encoder": ("encoder-standard-0.skops", os.unlink),
    "half a description": ("description.json", cut),
    "no description": ("description.json", os.unlink),
    "a list": ("description.json", lambda path: path.write_text("[1]")),
    "a later format": ("description.json", described(format=99)),
    "no members": ("description.json", described(members=[])),
    "columns of another kind": ("description.json", described(columns=[{"name": 1}])),
    "a path outside": ("description.json", described(members=[{"encoder": "../../x.skops"}])),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_model_is_one_message(store: Store, name: str, tmp_path: Path) -> None:
    """Exit 2 and no traceback, whatever lies where a model should."""
    file, damage = DAMAGE[name]
    folder = store.place / "artifacts" / "model"
    kept = tmp_path / "kept"
    shutil.copytree(folder, kept)
    store.frame.to_csv(tmp_path / "in.csv", index=False)
    try:
        damage(folder / file)
        with pytest.raises(ConfigError, match=r"refused or damaged") as refused:
            store.predict(tmp_path / "in.csv", tmp_path / "out.csv")
        assert refused.value.exit_code == 2
    finally:
        shutil.rmtree(folder)
        shutil.copytree(kept, folder)
    store.predict(tmp_path / "in.csv", tmp_path / "out.csv")


@pytest.mark.parametrize("wanted", ["model.keras", "encoder-standard-0.skops", "description.json"])
def test_a_damaged_fit_is_one_message(store: Store, wanted: str, tmp_path: Path) -> None:
    """The same for a fit's own network and its sweep's encoders."""
    root = store.place.parents[2]
    (path,) = [
        p for p in root.rglob(wanted) if "champion" not in str(p) and p.parent.name != "model"
    ]
    content = path.read_bytes()
    store.frame.to_csv(tmp_path / "in.csv", index=False)
    try:
        cut(path)
        with pytest.raises(ConfigError, match=r"refused or damaged"):
            store.predict(tmp_path / "in.csv", tmp_path / "out.csv", model=store.fit)
    finally:
        path.write_bytes(content)
