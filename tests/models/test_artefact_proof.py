"""What cannot be saved or served is found before the first round, by name."""

from __future__ import annotations

import datetime as dt
import io
import json
import random
from contextlib import closing
from dataclasses import dataclass, field, replace
from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from pipeline.config.compose import compose
from pipeline.core.errors import ConfigError, DataError
from pipeline.core.records import Capacity, Fit, Round, Trial
from pipeline.data import prepare
from pipeline.models.artefact import expected_outputs
from pipeline.models.artefact_proof import Proof, proof_rows, refuse_unserved
from pipeline.models.verify import Question, UnfaithfulModelError, VerifierGoneError, bodies

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.data.dataset import Dataset

TRIAL = Trial(Capacity("1x8", (("layers", 1), ("units", 8))), 0.01, 100)
ROUND = Round(0, "start", (Fit(TRIAL, 0, 0, 3), Fit(TRIAL, 1, 1, 3)))


def stock(inputs: Any) -> Any:
    """Build hidden layers of Keras' own, an operation among them."""
    import keras

    return keras.ops.tanh(keras.layers.Dense(8, activation="relu")(inputs))


def family(dataset: Dataset, hidden: Callable[[Any], Any] = stock) -> Any:
    """Return what a proof uses of a family of networks with these hidden layers."""
    import keras

    def build(trial: Trial) -> Any:
        inputs = keras.Input(dataset.input_shape(trial.encoding))
        outputs = keras.layers.Dense(dataset.outputs)(hidden(inputs))
        return keras.Model(inputs, outputs)

    return SimpleNamespace(build=build, stackable=False)


@dataclass
class Asked:
    """A verifier that answers at once: as the model would, or as it is told."""

    answer: Any = None
    failure: Exception | None = None
    alive: bool = True
    asked: list[Question] = field(default_factory=list)

    def ask(self, question: Question) -> None:
        """Keep the question."""
        self.asked.append(question)

    def release(self) -> None:
        """Do what a process does that waits for the next sweep."""

    def close(self) -> None:
        """Do what a process does that ends."""
        self.alive = False

    def wait(self, question: Question, seconds: float) -> None:
        """Fail as told, or answer at once."""
        del seconds
        if self.failure is not None:
            raise self.failure
        served(question)


def served(question: Question) -> None:
    """Answer as a scoring server does, in this process."""
    import mlflow.pyfunc.scoring_server

    from pipeline.models.artefact_verify import _answers

    task = json.loads(question.line)
    with open(task["answer"], "w") as file:  # noqa: PTH123
        json.dump(_answers(mlflow.pyfunc, task), file)


def asked_by(proof: Proof) -> Question:
    """Return what was asked beside the first round."""
    assert proof._question is not None
    return proof._question.result(60)


def table(**columns: Any) -> pd.DataFrame:
    """Return a table of 240 rows with a target and these columns, their cells repeated."""
    frame = pd.DataFrame({"x": np.linspace(0.0, 1.0, 240), "y": np.arange(240) % 17 * 1.5})
    for name, cells in columns.items():
        frame[name] = pd.Series(cells).take(np.arange(240) % len(cells)).array
    return frame


def dataset_of(frame: pd.DataFrame, home: Path) -> Dataset:
    """Prepare a table from a Parquet file."""
    frame.to_parquet(home / "table.parquet")
    words = [
        "data=table",
        f"data.path={home}/table.parquet",
        "data.target=y",
        "data.task=regression",
    ]
    return prepare(compose(words).data, 0)


DAYS = pd.to_datetime(["2020-01-05", "2021-03-07 10:30", None, "2022-12-31"], format="ISO8601")
EVERY_KIND = {
    "whole": np.array([3, 5, 9, 11]),
    "gaps": pd.array([1, None, 3, 4], dtype="Int64"),
    "marks": np.array(["1", "?", "2.5", "7"], dtype=object),
    "money": np.array([Decimal("1.50"), None, Decimal("2.25"), Decimal("9.10")], dtype=object),
    "small": np.array([0.1, 0.2, np.nan, 0.7], dtype=np.float32),
    "day": DAYS,
    "took": pd.to_timedelta([90, None, 5, 3600], unit="s"),
    "born": np.array([dt.date(1980, 1, 2), dt.date(1990, 5, 6), None, dt.date(2001, 2, 3)], object),
    "flag": pd.array([True, None, False, True], dtype="boolean"),
    "truth": np.array([True, False, True, True]),
    "said": np.array(["true", "false", None, "true"], dtype=object),
    "code": np.array(["01", "02", "A1", "10"], dtype=object),
    "grade": pd.Categorical(["low", "high", None, "mid"]),
    "arrow": pd.array(["a", None, "b", "c"], dtype="string[pyarrow]"),
}


def test_every_kind_of_column_is_served_as_it_is_predicted(tmp_path: Path) -> None:
    """JSON, CSV, Parquet and DataFrame; the whole, one row, none of the values: the same numbers."""
    import mlflow

    dataset = dataset_of(table(**EVERY_KIND), tmp_path)
    kinds = {column.name: str(column.kind) for column in dataset.columns if column.used}
    assert set(EVERY_KIND) <= set(kinds), dataset.dropped
    verifier = Asked()
    proof = Proof(dataset, family(dataset), verifier)
    state = random.getstate()
    proof.before_round(ROUND)
    assert random.getstate() == state
    question = asked_by(proof)
    assert question.forms == ["JSON", "CSV", "Parquet"] * 2
    members, rows = proof._members, proof_rows(dataset)
    assert rows.iloc[-1].isna().all()
    model = mlflow.pyfunc.load_model(json.loads(question.line)["model"])
    expected = expected_outputs(dataset, members, rows)[:, 0]
    for part in (slice(None), slice(3, 4), slice(None, None, -1), slice(2, 9, 3), slice(-1, None)):
        for _, _, body in bodies(rows.iloc[part])[1:2]:
            frames = [rows.iloc[part], pd.read_csv(io.BytesIO(body), dtype=str)]
        for frame in frames:
            got = model.predict(frame)["prediction"]
            np.testing.assert_allclose(got, expected[part], rtol=1e-6, atol=1e-6)
    proof.before_round(Round(1, "grow", ROUND.fits))
    proof.close()


def own_layer(inputs: Any) -> Any:
    """Build a layer of the user's."""
    import keras

    @keras.saving.register_keras_serializable("mine")
    class Mine(keras.layers.Layer):
        """A layer of the user's, registered as Keras' documentation says."""

        def call(self, x: Any) -> Any:
            return x * 2

    return Mine(name="doubled")(inputs)


def a_lambda(inputs: Any) -> Any:
    """Build a layer that holds byte code."""
    import keras

    return keras.layers.Lambda(lambda x: x, name="same")(inputs)


def own_function(inputs: Any) -> Any:
    """Build a stock layer around a function of the user's."""
    import keras

    def leaky(x: Any) -> Any:
        return keras.ops.maximum(x, 0.1 * x)

    return keras.layers.Dense(4, activation=leaky)(inputs)


@pytest.mark.parametrize(
    ("hidden", "words"),
    [
        (own_layer, r"layer Mine of .*, named 'doubled', cannot be part of a saved model"),
        (a_lambda, r"the Lambda 'same', a Python function, cannot"),
        (own_function, r"the function 'leaky' cannot .*keras\.layers"),
    ],
)
def test_a_builders_own_code_is_refused_before_the_first_round(
    hidden: Any, words: str, tmp_path: Path
) -> None:
    """With its name and what to do; a registered layer would load here and nowhere else."""
    dataset = dataset_of(table(), tmp_path)
    verifier = Asked()
    proof = Proof(dataset, family(dataset, hidden), verifier)
    with pytest.raises(ConfigError, match=words) as refused:
        proof.before_round(ROUND)
    assert refused.value.exit_code == 2
    assert not verifier.asked
    proof.close()


def test_a_model_that_fails_elsewhere_is_refused_before_the_second_round(tmp_path: Path) -> None:
    """The fresh process has the last word; a process that died says nothing."""
    dataset = dataset_of(table(), tmp_path)
    for failure, alive, refused in (
        (UnfaithfulModelError("no such layer"), False, True),
        (VerifierGoneError("was killed by signal 9"), False, False),
        (VerifierGoneError("did not answer within 5 s"), True, False),
    ):
        proof = Proof(dataset, family(dataset), Asked(failure=failure, alive=alive))
        proof.before_round(ROUND)
        if refused:
            with pytest.raises(ConfigError, match=r"untrained network.*no such layer"):
                proof.before_round(ROUND)
        else:
            proof.before_round(ROUND)
            assert (proof._question is None) is not alive
        proof.close()


def test_an_encoder_that_cannot_be_saved_is_refused_before_the_second_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is found beside the first round, and said like a network that cannot be saved."""

    def failing(*_: object) -> None:
        raise TypeError("no such type")

    dataset = dataset_of(table(), tmp_path)
    proof = Proof(dataset, family(dataset), Asked())
    monkeypatch.setattr("pipeline.models.artefact_proof.write_around", failing)
    proof.before_round(ROUND)
    with closing(proof), pytest.raises(ConfigError, match="no such type"):
        proof.before_round(ROUND)


def test_another_number_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the process predicts must be what the network gives here."""
    dataset = dataset_of(table(), tmp_path)
    proof = Proof(dataset, family(dataset), Asked())
    proof.before_round(ROUND)
    proof._members[0].model.set_weights([w + 0.1 for w in proof._members[0].model.get_weights()])
    with pytest.raises(ConfigError, match="asked with JSON, differs from the trained one"):
        proof.settle()
    proof.close()


def test_a_column_that_reads_otherwise_when_served_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a network: such a column is found by reading a request."""
    dataset = dataset_of(table(day=DAYS.fillna(DAYS[0])), tmp_path)
    refuse_unserved(dataset, proof_rows(dataset)[["x"]].assign(day="2020-01-05"))
    columns = [replace(column, kind="category", parts=()) for column in dataset.columns]
    monkeypatch.setattr(dataset, "columns", tuple(columns))
    read = r"read as '2020-01-05 00:00:00' from the table, but as '2020-01-05T00:00:00' from JSON"
    with pytest.raises(DataError, match=rf"'day' cannot be served.*{read}.*data\.drop=\[day\]"):
        refuse_unserved(dataset, proof_rows(dataset).assign(day=DAYS[0].replace(2020, 1, 5)))


def test_durations_are_served_in_seconds(tmp_path: Path) -> None:
    """As they are read: a file that holds them as such was refused after `plan` had taken it."""
    took = pd.Series(pd.to_timedelta([90, 5, 3600] * 20, unit="s"))
    dataset = dataset_of(table(took=took), tmp_path)
    rows = proof_rows(dataset)
    refuse_unserved(dataset, rows)
    assert json.loads(bodies(rows)[0][2])["dataframe_split"]["data"][0][1] in (90.0, 5.0, 3600.0)
    assert "Column 'took' is read in seconds." in dataset.notes


def test_pixels_are_never_tried_without_values() -> None:
    """They are not imputed: every sweep of a pixel table was refused for such a row."""
    dataset = prepare(compose(["data=mnist"]).data, 0)
    assert np.isfinite(dataset.encode(proof_rows(dataset), "standard")).all()


OWN = """
import keras


class Gate(keras.layers.Layer):
    def call(self, x):
        return x * 0.5


def net(capacity, trial, inputs, outputs):
    x = start = keras.Input(inputs)
    for _ in range(capacity["layers"]):
        x = Gate()(keras.layers.Dense(capacity["units"])(x))
    return keras.Model(start, keras.layers.Dense(outputs)(x))
"""


def test_a_sweep_refuses_a_layer_of_its_builder_before_it_trains(
    workplace: Path, client: Any
) -> None:
    """The whole program: one message, a run that failed, and not one fit."""
    from pipeline.session.loop import run

    (workplace / "own_net.py").write_text(OWN)
    config = compose(["data=wages", "model.builder=own_net:net", "training.epochs=2"])
    with pytest.raises(ConfigError, match=r"layer Gate of own_net, named .* cannot be part of"):
        run(config, workplace)
    experiments = [found.experiment_id for found in client.search_experiments()]
    (parent,) = client.search_runs(experiments)
    assert parent.info.status == "FAILED"
    assert parent.data.tags["kind"] == "sweep"


@pytest.mark.parametrize("answered", [False, True])
def test_a_process_that_was_asked_for_files_that_are_gone_is_ended(
    answered: bool, tmp_path: Path
) -> None:
    """An interrupted sweep's question would end it while the next sweep's champion waits."""
    dataset = dataset_of(table(), tmp_path)
    verifier: Any = Asked()
    proof = Proof(dataset, family(dataset), verifier)
    proof.before_round(ROUND)
    question = asked_by(proof)
    if answered:
        served(question)
    proof.close()
    assert verifier.alive is answered
