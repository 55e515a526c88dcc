"""Trials an hour, everything logged: ours against KerasTuner, on the same trials and data.

    python -m benchmarks.throughput --bench ../shared/bench [--trials 240] [--peer-trials 12]
        [--sets abalone ...] [--only a d]

Four contenders train the same list of networks (1 to 3 hidden layers of 32 to 256 ReLU units, Adam
at learning rates from 1e-4 to 1e-2, batch 32, up to 50 epochs, patience 5) on the same arrays:

    a  KerasTuner, one MLflow run a trial with curve and model, explicit requirements
    b  KerasTuner, nothing logged
    c  our engine `fit`, everything logged
    d  our engine `stacked`, everything logged

The slow ones train a seeded sample of the list (`--peer-trials`), ours all of it. Each runs in a
process of its own, one after another; imports and reading the table are left out of all of them,
compiling is in. Ours tells where the seconds of its cores went: `train` (programs running, or waiting
for one that another thread compiles), `compile`, `log` (the background writer), and the `rest`.
The last line on stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.commands import in_own_process
from benchmarks.peers import log_trial

if TYPE_CHECKING:
    from pipeline.data.dataset import Dataset

LAYERS, UNITS = (1, 2, 3), (32, 64, 128, 256)
EPOCHS, PATIENCE, BATCH = 50, 5, 32
SETS = {
    "wages": ["data=wages"],
    "titanic": ["data=titanic"],
    "abalone": ["data=table", "data.target=rings", "data.name=abalone", "data.task=regression"],
}
Network = tuple[list[int], float]


def networks(trials: int) -> list[Network]:
    """Return the list of (widths, learning rate) that everybody trains."""
    shapes = [[units] * layers for layers in LAYERS for units in UNITS]
    rates = np.geomspace(1e-4, 1e-2, max(1, trials // len(shapes)))
    return [(widths, float(f"{rate:.6g}")) for widths, rate in itertools.product(shapes, rates)]


def sample(trials: int, peers: int) -> list[Network]:
    """Return the seeded sample that the slow contenders train."""
    every = networks(trials)
    chosen = np.random.default_rng(0).choice(len(every), min(peers, len(every)), replace=False)
    return [every[index] for index in sorted(chosen)]


def words(name: str, bench: Path) -> list[str]:
    """Return the command line words that select a data set."""
    path = [f"data.path={bench / 'abalone.csv.gz'}"] if name == "abalone" else []
    return [*SETS[name], *path]


def ours(name: str, bench: Path, todo: list[Network], engine: str) -> dict[str, Any]:
    """Train the list with our own product and return where its time went."""
    from pipeline.config.compose import compose
    from pipeline.data import prepare
    from pipeline.session import loop as runner

    shapes = [list(s) for s in dict.fromkeys(tuple(widths) for widths, _ in todo)]
    rates = sorted({rate for _, rate in todo})
    config = compose(
        [
            *words(name, bench),
            "search=grid",
            f"search.space.architectures={shapes}",
            f"search.learning_rate.values={rates}",
            f"search.trials={len(todo)}",
            f"search.round={len(todo)}",
            f"training.engine={engine}",
            f"training.epochs={EPOCHS}",
            f"training.patience={PATIENCE}",
            f"training.batch_size={BATCH}",
            "training.executions=1",
            "verbose=false",
        ]
    )
    prepare(config.data, config.seed)
    seen: dict[str, Any] = {}
    search = runner.search

    def timed(sweep: Any) -> Any:
        import pipeline.training.engine as engines

        engines.engine(engine)
        begun = time.perf_counter()
        found = search(sweep)
        seen["seconds"] = time.perf_counter() - begun
        seen["trials"] = len(sweep.ledger.done)
        seen["log"] = sweep.ledger.writer_seconds()
        seen["fits"] = sum(done.result.seconds for done in sweep.ledger.done)
        return found

    runner.search = timed
    output = Path("out")
    output.mkdir()
    runner.run(config, output)
    if engine == "stacked":
        from pipeline.training.stacked.engine import PROGRAMS
        from pipeline.training.threads import cores

        seen["compile"], seen["programs"] = PROGRAMS.seconds, PROGRAMS.count
        seen["train"] = seen["fits"] - PROGRAMS.seconds
        seen["rest"] = cores() * seen["seconds"] - seen["fits"] - seen["log"]
    return seen


def keras_tuner(name: str, bench: Path, todo: list[Network], *, logged: bool) -> dict[str, Any]:
    """Train the list with KerasTuner, as a careful user would write it."""
    import keras
    import keras_tuner
    import mlflow

    from pipeline.config.compose import compose
    from pipeline.data import prepare

    dataset: Dataset = prepare(compose(words(name, bench)).data, 0)
    arrays = dataset.arrays("standard")
    last = "linear" if arrays.regression else "softmax"
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    mlflow.set_experiment("peer")

    class Peer(keras_tuner.HyperModel):  # type: ignore[misc]
        def build(self, hp: Any) -> Any:
            widths, rate = todo[hp.Choice("network", list(range(len(todo))))]
            hidden = [keras.layers.Dense(units, activation="relu") for units in widths]
            model = keras.Sequential(
                [
                    keras.Input(arrays.input_shape),
                    *hidden,
                    keras.layers.Dense(arrays.outputs, activation=last),
                ]
            )
            metric = "mae" if arrays.regression else "accuracy"
            model.compile(keras.optimizers.Adam(rate), arrays.loss, metrics=[metric])
            return model

        def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
            history = model.fit(*args, **kwargs)
            if logged:
                widths, rate = todo[hp.get("network")]
                params = {"units": widths, "learning_rate": rate}
                log_trial(model, history, params, arrays.x_train[:2])
            return history

    tuner = keras_tuner.GridSearch(
        Peer(), objective="val_loss", max_trials=len(todo), directory="kt", project_name="p"
    )
    begun = time.perf_counter()
    tuner.search(
        arrays.x_train,
        arrays.y_train,
        validation_data=(arrays.x_val, arrays.y_val),
        epochs=EPOCHS,
        batch_size=BATCH,
        verbose=0,
        callbacks=[keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True)],
    )
    return {"seconds": time.perf_counter() - begun, "trials": len(tuner.oracle.trials)}


def contend(who: str, name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Run one contender on one data set in this process."""
    if who == "d":
        return ours(name, options.bench, networks(options.trials), "stacked")
    todo = sample(options.trials, options.peer_trials)
    if who == "c":
        # A grid is a product: the fit engine gets the first rate of every shape instead.
        shapes = [[units] * layers for layers in LAYERS for units in UNITS]
        return ours(name, options.bench, [(widths, 1e-3) for widths in shapes], "fit")
    return keras_tuner(name, options.bench, todo, logged=who == "a")


def measured(who: str, name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Run one contender in a process and folder of its own."""
    found = in_own_process(
        *("throughput", "--child", who, "--sets", name, "--trials", str(options.trials)),
        *("--bench", str(options.bench.resolve()), "--peer-trials", str(options.peer_trials)),
    )
    found["per_hour"] = found["trials"] / found["seconds"] * 3600
    return found


def main() -> None:
    """Run every contender on every set and print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bench", type=Path, required=True, help="folder with abalone.csv.gz")
    parser.add_argument("--trials", type=int, default=240)
    parser.add_argument("--peer-trials", type=int, default=12)
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--only", nargs="+", default=list("abcd"), choices=list("abcd"))
    parser.add_argument("--child", choices=list("abcd"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(contend(options.child, options.sets[0], options)))
        return
    results: dict[str, Any] = {}
    for name in options.sets:
        found = {who: measured(who, name, options) for who in options.only}
        hour = {who: one["per_hour"] for who, one in found.items()}
        ratios = {f"d/{who}": hour["d"] / hour[who] for who in "abc" if {who, "d"} <= set(hour)}
        results[name] = {**found, **{key: round(value, 1) for key, value in ratios.items()}}
        for who, one in found.items():
            detail = ", ".join(f"{key} {value:.3g}" for key, value in one.items())
            print(f"{name:8} {who}  {detail}", flush=True)
        print(f"{name:8} " + ", ".join(f"{key} {value:.0f}" for key, value in ratios.items()))
    print(json.dumps(results))


if __name__ == "__main__":
    main()
