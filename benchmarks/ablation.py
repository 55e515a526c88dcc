"""What one setting gives: the same networks with and without it, on tables with fixed test rows.

    python -m benchmarks.ablation --data ../shared/bench [--tables concrete,...] [--seeds 2]
        [--units 64,128] [--layers 1,2] [--rates 0.001,0.003,0.01] NAME="words" ...

Every NAME is a variant: words as `python -m pipeline.sweep` takes them. Of each, every architecture is
trained at every rate with every seed; the pair with the lowest mean validation loss is tested on rows
that nothing has seen. No search and no MLflow: what is compared is the networks. One JSON line a table
and variant: the chosen pair, its validation and test loss (mean over seeds of one network each, and the
loss of their average), the standard deviation of the validation loss over seeds, CPU seconds.

With `--small N` the tables are the twenty of benchmarks/smalltables.py, N outer splits each, instead. With
`--champion-rows` the pair is trained besides on all rows that are not test rows: every seed once more for
its median best epoch (`refit`), and as the average of five folds (`folds`).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.quality import split
from benchmarks.small import config_of, tested
from benchmarks.smalltables import TABLES, outer
from pipeline.core.control import Unattended
from pipeline.core.records import Fit, Outcome, Trial
from pipeline.data import prepare
from pipeline.data.split import ALL_ROWS
from pipeline.evaluation.scores import constant_loss
from pipeline.session.facts import fitted_to
from pipeline.session.trainer import Trainer
from pipeline.training.families.mlp import of_widths

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from pipeline.core.records import FitResult

Rows = tuple["pd.DataFrame", "pd.DataFrame"]


def numbers(text: str) -> list[float]:
    """Return the numbers of a list with commas."""
    return [float(word) for word in text.split(",")]


def tables(options: argparse.Namespace) -> Iterator[tuple[str, int, Rows, str]]:
    """Yield name, outer split, the rows to search on and to test on, and the task."""
    wanted = options.tables.split(",") if options.tables else None
    if options.small:
        for name, number in product(wanted or TABLES, range(options.small)):
            yield name, number, outer(name, number), "auto"
        return
    for path in sorted(options.data.glob("*.csv.gz")):
        name = path.name.removesuffix(".csv.gz")
        if wanted is None or name in wanted:
            search, test, target, task = split(options.data, name)
            rows = (
                search.rename(columns={target: "target"}),
                test.rename(columns={target: "target"}),
            )
            yield name, 0, rows, task


def variant(rows: Rows, task: str, words: str, options: argparse.Namespace) -> dict[str, Any]:
    """Train the networks of a variant and test the best pair of architecture and rate."""
    with tempfile.TemporaryDirectory() as folder:
        more = [f"data.task={task}", "model=tabm", *words.split()]
        more += ["champion_rows=folds"] * options.champion_rows
        config = config_of(Path(folder), *rows, more)
        dataset = prepare(config.data, config.seed)
    trainer = Trainer.of(fitted_to(config, dataset), dataset)
    began, cpu = time.perf_counter(), time.process_time()
    fits = [
        Fit(trial, seed, seed, config.training.epochs)
        for trial in _trials(trainer, options)
        for seed in range(options.seeds)
    ]
    found = [
        one
        for _, some in trainer.run(trainer.plan(fits), Unattended())
        for one in some
        if _usable(one)
    ]
    by_trial: dict[Trial, list[FitResult]] = {}
    for one in found:
        by_trial.setdefault(one.fit.trial, []).append(one)
    scores = {trial: float(np.mean([_loss(one) for one in own])) for trial, own in by_trial.items()}
    best = min(scores, key=scores.__getitem__)
    members = by_trial[best]
    all_rows = _on_all_rows(trainer, members) if options.champion_rows else {}
    unit = (constant_loss(dataset, "val_loss") or 1.0) if dataset.regression else 1.0
    by_loss = sorted(members, key=_loss)
    alone = [tested(dataset, trainer.family, [one]) / unit for one in by_loss]
    return {
        "capacity": best.capacity.label,
        "rate": best.learning_rate,
        "encoding": best.encoding,
        "parameters": best.parameters,
        "validation": scores[best] / unit,
        "test": float(np.mean(alone)),
        "test_best_seed": alone[0],
        "test_median_seed": alone[(len(alone) - 1) // 2],
        "test_average": tested(dataset, trainer.family, members) / unit,
        **{name: loss / unit for name, loss in all_rows.items()},
        "sd": float(np.std([_loss(one) for one in members], ddof=1)) / unit,
        "epochs": float(np.mean([one.best_epoch for one in members])),
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - cpu,
    }


def _trials(trainer: Trainer, options: argparse.Namespace) -> Iterator[Trial]:
    nuisance = trainer.config.search.nuisance.values()
    values = [[(name, value) for value in some] for name, some in nuisance.items()]
    for layers, units, rate in product(options.layers, options.units, options.rates):
        capacity = of_widths(*[int(units)] * int(layers))
        for chosen in product(*values):
            encoding = str(dict(chosen).get("encoding", "standard"))
            size = trainer.family.parameters(capacity, encoding)
            yield Trial(capacity, rate, size, tuple(sorted(chosen)))


def _on_all_rows(trainer: Trainer, members: list[FitResult]) -> dict[str, float]:
    """Return the test loss of one network trained on all known rows, and of the average of folds."""
    further = range(ALL_ROWS, 1 + len(trainer.dataset.split.further))
    epochs = 1 + round(float(np.median([one.best_epoch for one in members])))
    refits = [replace(one.fit, fold=ALL_ROWS, epochs=epochs) for one in members]
    folds = [replace(members[0].fit, fold=fold) for fold in further if fold != ALL_ROWS]
    plan = trainer.plan([*refits, *folds])
    found = [one for _, some in trainer.run(plan, Unattended()) for one in some if _usable(one)]
    again = [one for one in found if one.fit.fold == ALL_ROWS]
    folded = [members[0], *(one for one in found if one.fit.fold != ALL_ROWS)]
    loss = partial(tested, trainer.dataset, trainer.family)
    return {"refit": float(np.mean([loss([one]) for one in again])), "folds": loss(folded)}


def _usable(one: FitResult) -> bool:
    return one.outcome is Outcome.completed


def _loss(one: FitResult) -> float:
    return one.best("val_loss")


def main() -> None:
    """Print one JSON line for every table and variant."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("variants", nargs="+", help="NAME=words of python -m pipeline.sweep")
    parser.add_argument("--data", type=Path, help="a folder like ../shared/bench")
    parser.add_argument("--small", type=int, default=0, help="outer splits of twenty small tables")
    parser.add_argument("--champion-rows", action="store_true", help="also on all known rows")
    parser.add_argument("--tables", default="", help="names, a comma between; default: all")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--units", type=numbers, default=[64.0])
    parser.add_argument("--layers", type=numbers, default=[1.0, 2.0])
    parser.add_argument("--rates", type=numbers, default=[0.001, 0.003, 0.01])
    options = parser.parse_args()
    for name, number, rows, task in tables(options):
        for given in options.variants:
            title, _, words = given.partition("=")
            said = variant(rows, task, words, options)
            print(json.dumps({"table": name, "split": number, "variant": title} | said), flush=True)


if __name__ == "__main__":
    main()
