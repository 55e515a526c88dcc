"""Trees and a linear model for `benchmarks.quality`, as a strong user runs them.

    lightgbm   Optuna's TPE; early stopping; the best booster by validation loss, not refitted
    catboost   its defaults, the same early stopping
    boosting   scikit-learn's histogram gradient boosting with its defaults, on all rows
    linear     ridge or logistic regression as a sweep's baseline, on all rows

All see the categories as categories, and all but `linear` missing values as missing.
The time ends a booster where it is: its best iteration so far counts.
"""

from __future__ import annotations

import importlib.util
import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from benchmarks.peers import ENDLESS, SAVING, encoder, halves

if TYPE_CHECKING:
    from collections.abc import Callable

NEEDS = {"optuna": ["optuna"], "lightgbm": ["lightgbm", "optuna"], "catboost": ["catboost"]}
"""Packages of the extra `bench` that a contender cannot do without."""
ROUNDS, PATIENCE = 3000, 50
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def lacking(who: str) -> list[str]:
    """Return the packages that a contender needs and that are not installed."""
    return [name for name in NEEDS.get(who, []) if importlib.util.find_spec(name) is None]


class Fitted(NamedTuple):
    """The winner of a contender."""

    predict: Callable[[pd.DataFrame], np.ndarray]
    """From raw rows to numbers (rows,), or to probabilities (rows, classes)."""
    trials: int
    parameters: int
    """Leaves of the trees, or coefficients."""
    winner: str


class Table:
    """A table with the codes of its classes, and its text as categories."""

    def __init__(self, table: pd.DataFrame, target: str, task: str, seed: int) -> None:
        """Split the validation rows off."""
        self.classes = [] if task == "regression" else sorted(table[target].unique())
        self.seed = seed
        self.features = table.drop(columns=[target])
        self.text = list(self.features.select_dtypes(exclude="number").columns)
        self._levels = {name: sorted(table[name].dropna().unique()) for name in self.text}
        codes = {label: code for code, label in enumerate(self.classes)}
        self.y = table[target].map(codes) if codes else table[target]
        train, validation = halves(table, target, task, seed)
        self.parts = [(self.typed(part), self.y[part.index]) for part in (train, validation)]

    def typed(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the features of raw rows; a category that was not searched on is missing."""
        types = {name: pd.CategoricalDtype(levels) for name, levels in self._levels.items()}
        return rows[self.features.columns].astype(types)

    def named(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return typed rows for CatBoost, to which a missing category is one as any other."""
        return rows.assign(
            **{name: rows[name].astype(object).fillna("missing").astype(str) for name in self.text}
        )


def lightgbm(table: Table, deadline: float) -> Fitted:
    """Search with TPE until the time is up."""
    import lightgbm as library
    import optuna

    objective = ["binary", "multiclass"][len(table.classes) > 2] if table.classes else "l2"  # noqa: PLR2004
    fixed = {"objective": objective, "num_threads": CORES, "seed": table.seed, "verbosity": -1}
    if objective == "multiclass":
        fixed["num_class"] = len(table.classes)
    best: dict[str, Any] = {"loss": float("inf")}

    def clock(env: Any) -> None:
        if time.time() > deadline:
            raise library.callback.EarlyStopException(env.iteration, env.evaluation_result_list)

    clock.order = 40  # after the recording and the stopping  # type: ignore[attr-defined]

    def one_trial(trial: optuna.Trial) -> float:
        drawn = {
            "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.3, log=True),
            "num_leaves": trial.suggest_int("num_leaves", 4, 255, log=True),
            "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 2, 100, log=True),
            "feature_fraction": trial.suggest_float("feature_fraction", 0.4, 1.0),
            "bagging_fraction": trial.suggest_float("bagging_fraction", 0.5, 1.0),
            "lambda_l1": trial.suggest_float("lambda_l1", 1e-8, 10.0, log=True),
            "lambda_l2": trial.suggest_float("lambda_l2", 1e-8, 10.0, log=True),
        }
        train = library.Dataset(*table.parts[0], free_raw_data=False)
        losses: dict[str, Any] = {}
        booster = library.train(
            fixed | drawn | {"bagging_freq": 1},
            train,
            ROUNDS,
            valid_sets=[library.Dataset(*table.parts[1], reference=train)],
            callbacks=[
                library.record_evaluation(losses),
                library.early_stopping(PATIENCE, verbose=False),
                clock,
            ],
        )
        curve = next(iter(losses["valid_0"].values()))
        loss = min(curve)
        if loss < best["loss"]:
            best.update(loss=loss, booster=booster, rounds=int(np.argmin(curve)) + 1, drawn=drawn)
        if time.time() > deadline:
            trial.study.stop()
        return loss

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=table.seed))
    study.optimize(one_trial, n_trials=ENDLESS)
    booster, rounds, drawn = best["booster"], best["rounds"], best["drawn"]
    trees = booster.dump_model(num_iteration=rounds)["tree_info"]

    def predict(rows: pd.DataFrame) -> np.ndarray:
        given = np.asarray(booster.predict(table.typed(rows), num_iteration=rounds))
        return np.stack([1 - given, given], axis=1) if objective == "binary" else given

    winner = f"{rounds} rounds, {drawn['num_leaves']} leaves, lr {drawn['learning_rate']:.2g}"
    return Fitted(predict, len(study.trials), sum(one["num_leaves"] for one in trees), winner)


def catboost(table: Table, deadline: float) -> Fitted:
    """Fit CatBoost's defaults with early stopping."""
    import catboost as library

    class Clock:
        def after_iteration(self, info: Any) -> bool:
            del info
            return time.time() < deadline

    made = library.CatBoostClassifier if table.classes else library.CatBoostRegressor
    model = made(
        thread_count=CORES, random_seed=table.seed, verbose=False, allow_writing_files=False
    )
    (x, y), (x_validation, y_validation) = table.parts
    model.fit(
        table.named(x),
        y,
        cat_features=table.text,
        eval_set=(table.named(x_validation), y_validation),
        early_stopping_rounds=PATIENCE,
        callbacks=[Clock()],
    )

    def predict(rows: pd.DataFrame) -> np.ndarray:
        given = table.named(table.typed(rows))
        return np.asarray(model.predict_proba(given) if table.classes else model.predict(given))

    leaves = int(model.get_tree_leaf_counts().sum())
    return Fitted(predict, 1, leaves, f"{model.tree_count_} rounds")


def boosting(table: Table, deadline: float) -> Fitted:
    """Fit scikit-learn's histogram gradient boosting."""
    from sklearn import ensemble

    del deadline
    made = (
        ensemble.HistGradientBoostingClassifier
        if table.classes
        else ensemble.HistGradientBoostingRegressor
    )
    model = made(random_state=table.seed).fit(table.typed(table.features), table.y)

    def predict(rows: pd.DataFrame) -> np.ndarray:
        given = table.typed(rows)
        return np.asarray(model.predict_proba(given) if table.classes else model.predict(given))

    leaves = sum(tree.get_n_leaf_nodes() for stage in model._predictors for tree in stage)  # noqa: SLF001
    return Fitted(predict, 1, leaves, f"{model.n_iter_} rounds")


def linear(table: Table, deadline: float) -> Fitted:
    """Fit the linear baseline of a sweep."""
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline

    del deadline
    made = LogisticRegression(max_iter=500) if table.classes else Ridge(alpha=1.0)
    model = make_pipeline(encoder(table.features), made).fit(table.features, table.y)
    predict = model.predict_proba if table.classes else model.predict
    parameters = int(np.size(made.coef_) + np.size(made.intercept_))
    return Fitted(predict, 1, parameters, type(made).__name__)


BOOSTERS = {one.__name__: one for one in (lightgbm, catboost, boosting, linear)}


def boost(
    who: str, table: pd.DataFrame, target: str, task: str, seconds: float, seed: int
) -> dict[str, Any]:
    """Fit or search for at most so many seconds since the process began; see `peers.contend`."""
    from pipeline.runtime.budget import process_seconds

    began = time.time() - process_seconds()
    whole = Table(table, target, task, seed)
    fitted = BOOSTERS[who](whole, began + seconds - SAVING)
    used = time.time() - began

    def predict(rows: pd.DataFrame) -> pd.DataFrame:
        given = fitted.predict(rows)
        if not whole.classes:
            return pd.DataFrame({"prediction": given})
        return pd.DataFrame(given, columns=[f"probability_{one}" for one in whole.classes])

    return fitted._asdict() | {"predict": predict, "seconds": used}
