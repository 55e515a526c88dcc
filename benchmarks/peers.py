"""The peers of `benchmarks.quality`: KerasTuner and Optuna, as a careful user would write them."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BATCH, EPOCHS, PATIENCE = 32, 50, 3
PEERS = ("kt-random", "kt-hyperband", "kt-bayesian", "optuna")
ENDLESS = 10_000
"""More trials than any of them trains in the time."""
SAVING = 3.0
"""Seconds kept for saving and scoring the winner."""


class TimeUpError(BaseException):
    """The time is over; a BaseException, because KerasTuner goes on after any Exception."""


@dataclass
class Prepared:
    """A table as arrays, with the way back."""

    x: tuple[np.ndarray, np.ndarray]
    """Training and validation rows."""
    y: tuple[np.ndarray, np.ndarray]
    """Targets: standardised numbers, or class numbers."""
    encode: Any
    """Fitted scikit-learn transformer of raw columns."""
    classes: list[str]
    """Empty for a regression."""
    mean: float = 0.0
    deviation: float = 1.0


def halves(
    table: pd.DataFrame, target: str, task: str, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return 80 % of the rows to train on and 20 % to validate on, the classes in equal shares."""
    from sklearn.model_selection import train_test_split

    stratify = None if task == "regression" else table[target]
    train, validation = train_test_split(table, test_size=0.2, random_state=seed, stratify=stratify)
    return train, validation


def encoder(features: pd.DataFrame) -> Any:
    """Return median, standard scaling and one-hot for the columns, not yet fitted."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numeric = list(features.select_dtypes("number").columns)
    words = [name for name in features.columns if name not in numeric]
    return ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numeric),
            ("words", OneHotEncoder(handle_unknown="ignore", sparse_output=False), words),
        ]
    )


def prepare(table: pd.DataFrame, target: str, task: str, seed: int) -> Prepared:
    """Return the table as arrays; its encoder is fitted on the training rows."""
    train, validation = halves(table, target, task, seed)
    encode = encoder(table.drop(columns=[target]))
    x = (
        encode.fit_transform(train.drop(columns=[target])).astype("float32"),
        encode.transform(validation.drop(columns=[target])).astype("float32"),
    )
    if task == "regression":
        mean, deviation = float(train[target].mean()), float(train[target].std(ddof=0))
        y = tuple(
            ((part[target] - mean) / deviation).to_numpy("float32") for part in (train, validation)
        )
        return Prepared(x, (y[0], y[1]), encode, [], mean, deviation)
    classes = sorted(table[target].unique())
    codes = {label: code for code, label in enumerate(classes)}
    y = tuple(part[target].map(codes).to_numpy("int32") for part in (train, validation))
    return Prepared(x, (y[0], y[1]), encode, [str(label) for label in classes])


def log_trial(model: Any, history: Any, params: Mapping[str, Any], example: np.ndarray) -> None:
    """Log a trial with care: curves in one call, the model with explicit requirements."""
    import keras
    import mlflow
    from mlflow.entities import Metric, Param
    from mlflow.models import infer_signature

    requirements = [f"keras=={keras.__version__}", f"numpy=={np.__version__}"]
    with mlflow.start_run() as run:
        now = int(time.time() * 1000)
        points = [
            Metric(key, value, now, step)
            for key, values in history.history.items()
            for step, value in enumerate(values)
        ]
        given = [Param(key, str(value)) for key, value in params.items()]
        mlflow.MlflowClient().log_batch(run.info.run_id, points, given)
        signature = infer_signature(example, model.predict(example, verbose=0))
        mlflow.keras.log_model(
            model, name="model", signature=signature, pip_requirements=requirements
        )


class Study:
    """What both peers share: networks, training, logging with care, the best so far."""

    def __init__(self, prepared: Prepared, deadline: float) -> None:
        """Open the MLflow store."""
        import mlflow

        self.prepared, self._deadline = prepared, deadline
        self.trials = 0
        self.best: tuple[float, Any, str] | None = None
        mlflow.set_tracking_uri("sqlite:///mlflow.db")
        mlflow.set_experiment("peer")

    def build(self, layers: int, units: list[int], rate: float) -> Any:
        """Return a compiled network."""
        import keras

        regression = not self.prepared.classes
        last = (
            keras.layers.Dense(1)
            if regression
            else keras.layers.Dense(len(self.prepared.classes), activation="softmax")
        )
        model = keras.Sequential(
            [
                keras.Input(self.prepared.x[0].shape[1:]),
                *[keras.layers.Dense(width, activation="relu") for width in units[:layers]],
                last,
            ]
        )
        loss = "mse" if regression else "sparse_categorical_crossentropy"
        model.compile(keras.optimizers.Adam(rate), loss)
        return model

    def fit(self, model: Any, callbacks: list[Any], **more: Any) -> Any:
        """Train with early stopping until the trial or the time ends."""
        import keras

        deadline = self._deadline

        class Clock(keras.callbacks.Callback):  # type: ignore[misc]
            def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
                del batch, logs
                if time.time() > deadline:
                    raise TimeUpError

        stop = keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True)
        arguments = {"epochs": EPOCHS} | more
        return model.fit(
            self.prepared.x[0],
            self.prepared.y[0],
            validation_data=(self.prepared.x[1], self.prepared.y[1]),
            batch_size=BATCH,
            verbose=0,
            callbacks=[*callbacks, stop, Clock()],
            **arguments,
        )

    def log(self, model: Any, history: Any, params: dict[str, Any]) -> float:
        """Log one finished trial: parameters, curves, model; return its best validation loss."""
        best = float(min(history.history["val_loss"]))
        log_trial(model, history, params, self.prepared.x[0][:2])
        self.trials += 1
        if self.best is None or best < self.best[0]:
            units = [layer.units for layer in model.layers[:-1]]
            self.best = best, model, f"{units} lr {params['rate']:.2g}"
        return best

    def predict(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the winner's predictions for raw rows."""
        if self.best is None:
            raise SystemExit("no trial was finished in the time")
        model = self.best[1]
        given = model.predict(self.prepared.encode.transform(rows).astype("float32"), verbose=0)
        if not self.prepared.classes:
            values = given[:, 0] * self.prepared.deviation + self.prepared.mean
            return pd.DataFrame({"prediction": values})
        return pd.DataFrame(given, columns=[f"probability_{one}" for one in self.prepared.classes])


def keras_tuner(who: str, study: Study, seed: int) -> None:
    """Search with KerasTuner until the time is up."""
    import keras_tuner as kt

    class Peer(kt.HyperModel):  # type: ignore[misc]
        def build(self, hp: Any) -> Any:
            layers = hp.Int("layers", 1, 4)
            units = [hp.Int(f"units{n}", 16, 512, sampling="log") for n in range(4)]
            return study.build(layers, units, hp.Float("rate", 1e-4, 1e-2, sampling="log"))

        def fit(self, hp: Any, model: Any, *args: Any, callbacks: Any = None, **more: Any) -> Any:
            del args
            kept = {key: more[key] for key in ("epochs", "initial_epoch") if key in more}
            history = study.fit(model, callbacks or [], **kept)
            study.log(model, history, dict(hp.values))
            return history

    common = {"objective": "val_loss", "seed": seed + 1, "directory": "kt", "project_name": "p"}
    tuner: Any
    match who:
        case "kt-hyperband":
            tuner = kt.Hyperband(Peer(), max_epochs=EPOCHS, hyperband_iterations=ENDLESS, **common)
        case "kt-bayesian":
            tuner = kt.BayesianOptimization(Peer(), max_trials=ENDLESS, **common)
        case _:
            tuner = kt.RandomSearch(Peer(), max_trials=ENDLESS, **common)
    tuner.search(verbose=0)


def optuna(study: Study, seed: int) -> None:
    """Search with Optuna's TPE and median pruning until the time is up."""
    import keras
    import optuna as library

    class Report(keras.callbacks.Callback):  # type: ignore[misc]
        def __init__(self, trial: Any) -> None:
            super().__init__()
            self._trial = trial

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self._trial.report(logs["val_loss"], epoch)
            if self._trial.should_prune():
                raise library.TrialPruned

    def objective(trial: Any) -> float:
        layers = trial.suggest_int("layers", 1, 4)
        units = [trial.suggest_int(f"units{n}", 16, 512, log=True) for n in range(layers)]
        rate = trial.suggest_float("rate", 1e-4, 1e-2, log=True)
        model = study.build(layers, units, rate)
        history = study.fit(model, [Report(trial)])
        return study.log(model, history, trial.params)

    library.logging.set_verbosity(library.logging.WARNING)
    made = library.create_study(
        sampler=library.samplers.TPESampler(seed=seed), pruner=library.pruners.MedianPruner()
    )
    made.optimize(objective, n_trials=ENDLESS)


def contend(
    who: str, table: pd.DataFrame, target: str, task: str, seconds: float, seed: int
) -> dict[str, Any]:
    """Search for so many seconds since the process began.

    Returns:
        trials, parameters and name of the winner, seconds, and `predict` for raw rows.
    """
    from pipeline.runtime.budget import process_seconds

    began = time.time() - process_seconds()
    import keras

    keras.utils.set_random_seed(seed)
    study = Study(prepare(table, target, task, seed), began + seconds - SAVING)
    search: Callable[[], None] = (
        (lambda: optuna(study, seed))
        if who == "optuna"
        else (lambda: keras_tuner(who, study, seed))
    )
    with contextlib.suppress(TimeUpError):
        search()
    used = time.time() - began
    if study.best is None:
        raise SystemExit("no trial was finished in the time")
    return {
        "predict": study.predict,
        "trials": study.trials,
        "parameters": study.best[1].count_params(),
        "winner": study.best[2],
        "seconds": used,
    }
