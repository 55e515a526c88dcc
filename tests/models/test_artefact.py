"""The champion as one model from raw rows: the same numbers everywhere, and nothing is executed."""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
import time
import urllib.error
import urllib.request
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from pipeline.config.compose import compose
from pipeline.core.errors import ConfigError, DataError
from pipeline.core.records import Capacity, Fit, FitResult, Outcome, Round, Stack, Trial
from pipeline.data import imagefile, prepare, typed
from pipeline.evaluation.final import Member
from pipeline.ledger.facts import SweepFacts
from pipeline.ledger.files import download_model
from pipeline.ledger.ledger import open_ledger
from pipeline.models.artefact import expected_outputs, save_beside, save_champion
from pipeline.models.artefact_folder import keep_encoders, write_folder
from pipeline.models.artefact_predictor import Predictor
from pipeline.models.find_model import load_predictor
from pipeline.models.verify import Verifier, bodies
from pipeline.predict import main
from pipeline.registry.registration import _as_global_store
from pipeline.registry.registry import look_up

if TYPE_CHECKING:
    from collections.abc import Iterator


def network(inputs: tuple[int, ...], outputs: int, *, classes: bool) -> Any:
    """Build a small network with weights of its own."""
    import keras

    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(inputs),
            layers.Flatten(),
            layers.Dense(8, activation="relu"),
            layers.Dense(outputs, activation="softmax" if classes else None),
        ]
    )


@dataclass
class Saved:
    """A sweep of two fits with its champion, in a store of its own."""

    home: Path
    dataset: Any
    ledger: Any
    uri: str
    fit_run: str
    members: list[Member]
    folder: Path


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, migrated_store: Path) -> Saved:
    """Save and verify a champion of the Titanic, whose rows lack ages and a port."""
    home = tmp_path_factory.mktemp("titanic")
    (home / "mlruns").mkdir()
    shutil.copy(migrated_store, home / "mlruns" / "mlflow.db")
    config = compose(["data=titanic"])
    config.tracking.uri = f"sqlite:///{home}/mlruns/mlflow.db"
    dataset = prepare(config.data, 0)
    shape = dataset.input_shape("standard")
    trial = Trial(Capacity("1x8", (("layers", 1), ("units", 8))), 0.01, 100)
    fits = (Fit(trial, 0, 0, 3), Fit(trial, 1, 1, 3))
    facts = SweepFacts(
        "titanic", {}, "f", dataset.digest, "survived", "classification", {"train": 606}, {}
    )
    ledger = open_ledger(
        config.tracking,
        facts,
        lambda _: network(shape, 2, classes=True),
        elapsed=lambda: 1.0,
    )
    keep_encoders(ledger, dataset, [("standard", 0), ("robust", 0)])
    members = [Member(fit, network(shape, 2, classes=True)) for fit in fits]
    asked = Round(0, "start", fits)
    results = [
        FitResult(
            member.fit, Outcome.completed, {"loss": np.ones(2), "val_loss": np.array([0.6, 0.5])},
            1, member.model.get_weights(), np.ones(9, np.float32), 0.1,
        )
        for member in members
    ]  # fmt: skip
    ledger.record_stack(asked, Stack(0, fits), results)
    ledger.flush()
    done = ledger.find(fits[0])
    assert done is not None
    summary = {
        "sweep_run_id": ledger.run_id,
        "champion": {
            "trial": trial.name, "run_id": done.run_id, "capacity": "1x8", "layers": 1, "units": 8,
            "parameters": 100, "networks": 1, "objective": "val_loss", "score": 0.5, "val_loss": 0.5,
            "test_loss": 0.55,
            "test_metrics": {"accuracy": 0.8}, "reason": "It is the smallest.",
        },
    }  # fmt: skip
    with contextlib.closing(Verifier()) as verifier:
        champion = save_champion(ledger, dataset, members[:1], summary, verifier)
    ledger.end("FINISHED")
    path = home / "fetched"
    path.mkdir()
    folder = download_model(
        ledger.store.client, ledger.store.location, champion.model_id, str(path)
    )
    return Saved(home, dataset, ledger, champion.model_uri, done.run_id, members, folder)


def rows_of(saved: Saved, count: int = 60) -> pd.DataFrame:
    """Return raw test rows, some without an age."""
    rows = saved.dataset.features("test").head(count)
    assert rows["age"].isna().any()
    return rows


def test_mlflow_predicts_what_the_network_did(saved: Saved) -> None:
    """Loaded by MLflow itself, from raw rows, with the classes as they were."""
    import mlflow

    rows = rows_of(saved)
    predicted = mlflow.pyfunc.load_model(str(saved.folder)).predict(rows)
    expected = expected_outputs(saved.dataset, saved.members[:1], rows)
    assert list(predicted.columns) == ["prediction", "probability_0", "probability_1"]
    np.testing.assert_allclose(predicted.iloc[:, 1:].to_numpy(), expected, rtol=1e-6, atol=1e-6)
    assert predicted["prediction"].tolist() == expected.argmax(axis=1).tolist()
    assert predicted.index.equals(rows.index)


def test_a_model_beside_a_lost_store_predicts_raw_rows(saved: Saved, tmp_path: Path) -> None:
    """Written without any store, loaded by MLflow from its folder."""
    import mlflow

    save_beside(tmp_path / "champion", saved.dataset, saved.members[0], {"sweep": "a"})
    rows = rows_of(saved)
    predicted = mlflow.pyfunc.load_model(str(tmp_path / "champion")).predict(rows)
    expected = expected_outputs(saved.dataset, saved.members[:1], rows)
    np.testing.assert_allclose(predicted.iloc[:, 1:].to_numpy(), expected, rtol=1e-6, atol=1e-6)


def test_the_model_page_has_what_a_person_looks_for(saved: Saved) -> None:
    """Signature with column types, example, pinned requirements, card, scores, both runs linked."""
    client = saved.ledger.store.client
    model = client.get_logged_model(saved.uri.removeprefix("models:/"))
    assert (model.name, model.source_run_id) == ("champion", saved.fit_run)
    scores = {metric.key: metric.value for metric in model.metrics}
    assert scores == {"champion_val_loss": 0.5, "test_loss": 0.55, "test_accuracy": 0.8}
    for run_id in (saved.fit_run, saved.ledger.run_id):
        outputs = client.get_run(run_id).outputs.model_outputs
        assert model.model_id in {output.model_id for output in outputs}
    import mlflow

    described = mlflow.models.Model.load(str(saved.folder))
    inputs = described.signature.inputs.inputs
    assert {(repr(column.type), column.required) for column in inputs} == {("Any", False)}
    assert described.metadata["columns"] == {
        **dict.fromkeys(["pclass", "age", "sibsp", "parch", "fare"], "number"),
        **dict.fromkeys(["sex", "embarked"], "category"),
    }
    requirements = (saved.folder / "requirements.txt").read_text().split()
    assert all("==" in line for line in requirements)
    assert {line.partition("==")[0] for line in requirements} >= {"keras", "scikit-learn", "skops"}
    assert "| test accuracy | 0.8 |" in (saved.folder / "model_card.md").read_text()
    example = json.loads((saved.folder / "input_example.json").read_text())
    assert len(example["data"]) == 5


def test_loading_it_touches_no_store(
    saved: Saved, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow would create a store in the working directory to look the model up."""
    import mlflow

    monkeypatch.chdir(tmp_path)
    mlflow.pyfunc.load_model(str(saved.folder))
    assert list(tmp_path.iterdir()) == []


def test_nothing_in_the_artefact_is_a_pickle_or_a_path_of_this_machine(saved: Saved) -> None:
    """Only JSON, text, code of ours, skops and Keras archives."""
    for path in saved.folder.rglob("*"):
        if not path.is_file() or "__pycache__" in path.parts:  # Python's own, on loading
            continue
        assert path.suffix in {".json", ".md", ".txt", ".yaml", ".py", ".skops", ".keras", ""}
        if path.name != "MLmodel":  # MLflow writes the artefact's own place there
            assert str(saved.home).encode() not in path.read_bytes(), path
        if path.suffix in {".skops", ".keras"}:
            with zipfile.ZipFile(path) as archive:
                assert not any(name.endswith((".pkl", ".pickle")) for name in archive.namelist())


@pytest.fixture(scope="module")
def predictor(saved: Saved) -> Predictor:
    """Return the champion as this program loads it."""
    return load_predictor(saved.ledger.store.location, saved.ledger.run_id)


def test_column_order_and_other_columns_do_not_matter(saved: Saved, predictor: Predictor) -> None:
    """The columns are found by name."""
    rows = rows_of(saved)
    turned = rows[rows.columns[::-1]].assign(extra="x", survived=1)
    pd.testing.assert_frame_equal(predictor.predict(turned), predictor.predict(rows))


def test_unknown_and_missing_values_are_predicted(saved: Saved, predictor: Predictor) -> None:
    """As the encoders were fitted: the median, the rare level."""
    rows = rows_of(saved, 4).astype(object)
    rows.loc[:, "sex"] = ["unheard of", None, np.nan, ""]
    rows.loc[:, "age"] = [None, "", "30", "?"]
    rows.loc[:, "fare"] = ["8.05", 8, np.nan, None]
    predicted = predictor.predict(rows)
    assert np.isfinite(predicted.iloc[:, 1:].to_numpy()).all()


def test_a_small_share_of_unreadable_cells_counts_as_missing_and_is_said(
    saved: Saved, predictor: Predictor, caplog: pytest.LogCaptureFixture
) -> None:
    """At most 1 % of those given, or what is asked for; the example and its row are in the log."""
    rows = pd.concat([rows_of(saved)] * 4).astype(object)
    rows.iloc[7, rows.columns.get_loc("fare")] = "8,05 EUR"
    blank = rows.copy()
    blank.iloc[7, rows.columns.get_loc("fare")] = None
    pd.testing.assert_frame_equal(predictor.predict(rows), predictor.predict(blank))
    assert "1 of 240 given values" in caplog.text
    assert "'8,05 EUR' in row 8 (counted below the header); they count as missing" in caplog.text
    with pytest.raises(ValueError, match="allowed: 0 %"):
        predictor.predict(rows, unreadable=0.0)
    assert len(predictor.predict(rows.assign(fare="cheap"), unreadable=1.0)) == 240


def test_levels_that_training_did_not_know_are_said(
    saved: Saved, predictor: Predictor, caplog: pytest.LogCaptureFixture
) -> None:
    """They are predicted as rare ones, so somebody must hear of a column that changed its words."""
    rows = rows_of(saved)
    predictor.predict(rows)
    assert not caplog.text
    predictor.predict(rows.assign(sex=rows["sex"].map({"male": "m", "female": "f"})))
    assert (
        "60 of 60 rows have levels of 'sex' that training did not know, such as 'm'" in caplog.text
    )


@pytest.mark.parametrize(
    ("name", "taken"), [("fare", "the median"), ("sex", "a rare level"), ("age", "")]
)
def test_a_column_that_is_empty_as_it_never_was_is_said(
    saved: Saved, predictor: Predictor, caplog: pytest.LogCaptureFixture, name: str, taken: str
) -> None:
    """Ages were missing in training too, and have an input that says so."""
    predictor.predict(rows_of(saved).assign(**{name: None}))
    words = (
        f"60 of 60 rows have no value of {name!r}, which every training row had; {taken} is taken"
    )
    assert (words in caplog.text) == bool(taken)
    assert bool(caplog.text) == bool(taken)


def test_no_rows_give_no_predictions(saved: Saved, predictor: Predictor) -> None:
    """An empty day is not an error."""
    predicted = predictor.predict(rows_of(saved).head(0))
    assert predicted.shape == (0, 3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: rows.drop(columns=["age", "sex"]), r"lack 2 of 7 columns: 'sex', 'age'"),
        (lambda rows: rows.assign(fare="cheap"), r"'fare' should hold a number.*'cheap'"),
        (
            lambda rows: rows.assign(fare=[1.0, "2 EUR", *[3] * (len(rows) - 2)]),
            r"1 of 60 given values \(1.67 %\) cannot be read as one: '2 EUR' in row 2 .*allowed: 1 %",
        ),
        (lambda rows: rows.assign(fare=np.inf), r"60 of 60 given values \(100 %\).*inf in row 1"),
        (
            lambda rows: rows.assign(age="old", fare="cheap"),
            r"'age' should hold a number.*'old'.*; column 'fare' should hold a number",
        ),
        (lambda rows: pd.concat([rows, rows[["age"]]], axis=1), r"more than once: 'age'"),
        (lambda rows: rows.to_numpy(), r"a table with named columns, not ndarray"),
    ],
)
def test_rows_that_cannot_be_meant_are_refused(
    saved: Saved, predictor: Predictor, change: Any, words: str
) -> None:
    """A wrong table is not a table with missing values."""
    with pytest.raises(ValueError, match=words):
        predictor.predict(change(rows_of(saved)))


def test_any_fit_of_the_sweep_predicts_from_raw_rows(saved: Saved) -> None:
    """Its network with the sweep's encoders."""
    rows, location = rows_of(saved), saved.ledger.store.location
    for done, member in zip(saved.ledger.done, saved.members, strict=True):
        for name in (done.run_id, f"models:/{done.model_id}"):
            got = load_predictor(location, name).outputs(rows)
            expected = expected_outputs(saved.dataset, [member], rows)
            np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6)


def test_a_registered_model_is_found_by_its_alias(saved: Saved, predictor: Predictor) -> None:
    """And it is the incumbent of the next sweep, scored on raw rows."""
    client, location = saved.ledger.store.client, saved.ledger.store.location
    client.create_registered_model("titanic")
    with _as_global_store(location):
        client.create_model_version("titanic", saved.uri)
    client.set_registered_model_alias("titanic", "champion", "1")
    rows = rows_of(saved)
    expected = predictor.predict(rows)
    for name in ("titanic@champion", "models:/titanic@champion", "models:/titanic/1"):
        pd.testing.assert_frame_equal(load_predictor(location, name).predict(rows), expected)
    standing = look_up(saved.ledger.store, "titanic")
    np.testing.assert_allclose(
        standing.outputs(saved.dataset)(rows), expected.iloc[:, 1:].to_numpy(), rtol=1e-6
    )


@pytest.mark.parametrize("name", ["out.csv", "out.parquet", "out.csv.gz"])
def test_predict_writes_one_row_a_row(
    saved: Saved, predictor: Predictor, tmp_path: Path, name: str
) -> None:
    """The entry point: a CSV of raw rows in, the predictions out."""
    rows = rows_of(saved)
    source, target = tmp_path / "in.csv", tmp_path / name
    rows.to_csv(source, index=False)
    uri = saved.ledger.store.location.uri
    words = [f"model={saved.uri}", f"input={source}", f"output={target}", f"tracking.uri={uri}"]
    assert main(words) == 0
    got = pd.read_parquet(target) if name.endswith("parquet") else pd.read_csv(target)
    expected = predictor.predict(rows).reset_index(drop=True)
    pd.testing.assert_frame_equal(got, expected, check_exact=False, rtol=1e-9)
    assert [path.name for path in tmp_path.iterdir()] != []
    assert not list(tmp_path.glob(".*partial*"))


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("f" * 32, "no such model"),
        ("wages@champion", "no such model"),
        ("models:/wages/7", "no such model"),
        (f"models:/m-{'0' * 32}", "no such model"),
        ("a b c", "not understood"),
        ("models:/", "not understood"),
    ],
)
def test_a_model_that_is_not_there_is_a_wrong_word(saved: Saved, model: str, words: str) -> None:
    """One message that names the model."""
    with pytest.raises(ConfigError, match=words) as error:
        load_predictor(saved.ledger.store.location, model)
    assert f"model={model}" in str(error.value)


def test_rows_without_a_column_are_a_wrong_input(saved: Saved, tmp_path: Path) -> None:
    """Exit 2, and no file is left."""
    rows_of(saved).drop(columns="age").to_csv(tmp_path / "in.csv", index=False)
    words = [
        f"model={saved.ledger.run_id}",
        f"input={tmp_path}/in.csv",
        f"output={tmp_path}/out.csv",
        f"tracking.uri={saved.ledger.store.location.uri}",
    ]
    with pytest.raises(DataError, match="lack 1 of 7 columns: 'age'"):
        main(words)
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


@pytest.fixture
def copied(saved: Saved, tmp_path: Path) -> Path:
    """Return a copy of the predictor's folder, to be spoiled."""
    folder = tmp_path / "model"
    shutil.copytree(saved.folder / "artifacts" / "model", folder)
    return folder


def test_a_network_with_code_in_it_is_refused(copied: Path) -> None:
    """Keras' safe mode: a Lambda layer holds byte code."""
    import keras

    hostile = keras.Sequential([keras.Input((12,)), keras.layers.Lambda(lambda x: x)])
    hostile.save(copied / "network-0.keras")
    with pytest.raises(ValueError, match=r"[Ll]ambda|safe"):
        Predictor(copied, typed)


def test_an_encoder_with_foreign_types_is_refused(copied: Path) -> None:
    """Skops rebuilds only what is on our list; an encoder that runs a program is not."""
    import os

    import skops.io
    from sklearn.preprocessing import FunctionTransformer

    hostile = FunctionTransformer(os.system)
    name = json.loads((copied / "description.json").read_text())["members"][0]["encoder"]
    skops.io.dump(hostile, copied / name)
    with pytest.raises(Exception, match=r"[Uu]ntrusted"):
        Predictor(copied, typed)


def test_a_pickle_in_place_of_an_encoder_is_not_opened(copied: Path, tmp_path: Path) -> None:
    """Whatever it would do is not done."""
    witness = tmp_path / "executed"
    bomb = f"cos\nsystem\n(S'touch {witness}'\ntR.".encode()
    for name in ("encoder-standard-0.skops", "network-0.keras"):
        (copied / name).write_bytes(bomb)
    with pytest.raises((ValueError, OSError, zipfile.BadZipFile)):
        Predictor(copied, typed)
    assert not witness.exists()


def test_a_description_that_points_outside_is_refused(copied: Path, saved: Saved) -> None:
    """Nothing outside the model's folder is read."""
    path = copied / "description.json"
    described = json.loads(path.read_text())
    described["members"][0]["network"] = f"../../{saved.folder.name}/network-0.keras"
    path.write_text(json.dumps(described))
    with pytest.raises(ValueError, match="not a file of the model"):
        Predictor(copied, typed)


def test_a_model_of_the_first_format_predicts_as_it_did() -> None:
    """Saved by commit 1aed060, with what its own code predicted (`expected.json`)."""
    folder = Path(__file__).with_name("format1")
    expected = json.loads((folder / "expected.json").read_text())
    predicted = Predictor(folder, typed).predict(pd.DataFrame(expected["rows"]))
    np.testing.assert_allclose(predicted["probability_large"], expected["large"], rtol=1e-6)
    assert set(predicted["prediction"]) <= {"large", "small"}


def answered(address: str, content_type: str, body: bytes) -> list[dict[str, Any]]:
    """Return what a scoring server answers to one request."""
    headers = {"Content-Type": content_type}
    request = urllib.request.Request(f"{address}/invocations", body, headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        found: list[dict[str, Any]] = json.loads(answer.read())["predictions"]
    return found


@pytest.fixture(scope="module")
def scoring(saved: Saved) -> Iterator[str]:
    """Return the address of MLflow's scoring server, as `mlflow models serve` runs it, in a thread."""
    import mlflow
    import uvicorn
    from mlflow.pyfunc import scoring_server

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("_MLFLOW_IS_IN_SERVING_ENVIRONMENT", "true")
        app = scoring_server.init(mlflow.pyfunc.load_model(str(saved.folder)))
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        thread.join()


def test_a_server_answers_with_the_same_numbers(
    saved: Saved, predictor: Predictor, scoring: str
) -> None:
    """Over HTTP: whole, single, shuffled and some rows, with gaps; JSON split and records, CSV, Parquet."""
    rows = rows_of(saved).astype({"age": object})  # ages as the file has them: 22, not 22.0
    expected = predictor.predict(rows).iloc[:, 1:].to_numpy()
    order = np.random.default_rng(0).permutation(len(rows))
    for part in (np.arange(len(rows)), np.array([3]), order, order[:7]):
        some = rows.iloc[part]
        records = json.dumps({"dataframe_records": json.loads(some.to_json(orient="records"))})
        forms = [(kind, body) for _, kind, body in bodies(some)]
        for kind, body in [*forms, ("application/json", records.encode())]:
            got = pd.DataFrame(answered(scoring, kind, body)).iloc[:, 1:].to_numpy()
            np.testing.assert_allclose(got, expected[part], rtol=1e-6, atol=1e-6, err_msg=kind)


def test_a_server_refuses_what_predict_refuses(saved: Saved, scoring: str) -> None:
    """Status 400, with the column, the count and an example."""
    for change, words in (
        (
            {"fare": "cheap"},
            "60 of 60 given values (100 %) cannot be read as one: 'cheap' in row 1",
        ),
        ({"fare": pd.Timestamp("2020-01-01")}, "column 'fare' should hold a number"),
    ):
        wrong = rows_of(saved).assign(**change)
        for _, kind, body in bodies(wrong):
            with pytest.raises(urllib.error.HTTPError) as refused:
                answered(scoring, kind, body)
            assert refused.value.code == 400
            assert words in refused.value.read().decode()
    _, kind, body = bodies(rows_of(saved).drop(columns="sex"))[0]
    with pytest.raises(urllib.error.HTTPError) as refused:
        answered(scoring, kind, body)
    assert refused.value.code == 400
    assert "the rows lack 1 of 7 columns: 'sex'" in refused.value.read().decode()


@pytest.mark.parametrize("encoding", ["standard", "piecewise", "quantile", "embedded"])
def test_folds_are_averaged_in_the_targets_own_unit(
    encoding: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Every member has its own encoder and target scale; their average is the prediction.

    Where the encoder keeps the spread of a number, another unit is said.
    """
    config = compose(["data=wages", "data.folds=3"])
    dataset = prepare(config.data, 0)
    shape = dataset.input_shape(encoding)
    nuisance = (("encoding", encoding),)
    trial = Trial(Capacity("1x8", (("layers", 1),)), 0.01, 100, nuisance)
    members = [
        Member(Fit(trial, fold, fold, 3, fold), network(shape, 1, classes=False))
        for fold in range(3)
    ]
    write_folder(tmp_path, dataset, members)
    rows = dataset.features("test")
    predictor = Predictor(tmp_path, typed)
    predicted = predictor.predict(rows)
    expected = expected_outputs(dataset, members, rows)
    np.testing.assert_allclose(predicted["prediction"], expected[:, 0], rtol=1e-6, atol=1e-6)
    assert list(predicted.columns) == ["prediction"]
    assert not caplog.text
    predictor.check(rows.assign(age=rows["age"].astype(float) * 365))
    said = (
        f"{len(rows)} of {len(rows)} rows have 'age' more than 10 standard deviations"
        in caplog.text
    )
    assert said == (encoding in {"standard", "embedded"})


def test_pixels_become_an_image_again(tmp_path: Path) -> None:
    """A table whose columns are one picture: the network sees height, width and channels."""
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (60, 16))
    frame = pd.DataFrame(pixels, columns=[f"p{number}" for number in range(16)])
    frame["label"] = ["dark" if row.mean() < 128 else "light" for row in pixels]
    frame.to_csv(tmp_path / "pictures.csv", index=False)
    config = compose(["data=mnist", f"data.path={tmp_path}/pictures.csv", "data.target=label"])
    config.data.image_height, config.data.image_width = 4, 4
    dataset = prepare(config.data, 0)
    shape = dataset.input_shape("standard")
    trial = Trial(Capacity("1x8", (("layers", 1),)), 0.01, 100)
    members = [Member(Fit(trial, 0, 0, 3), network(shape, 2, classes=True))]
    folder = tmp_path / "model"
    folder.mkdir()
    write_folder(folder, dataset, members)
    rows = dataset.features("test")
    got = Predictor(folder, typed, imagefile.read_image).outputs(rows)
    np.testing.assert_allclose(got, expected_outputs(dataset, members, rows), rtol=1e-6, atol=1e-6)
