"""Who finds the better network in the same time: ours, KerasTuner or Optuna, on fixed test rows.

    python -m benchmarks.quality --data ../shared/bench --seconds 120 --seeds 3
        [--sets concrete ...] [--only ours-default lightgbm ...] [--results outputs/quality.jsonl]

Every contender has the whole machine to itself for at most the same wall time, imports included, and
the rows that are not test, of which it takes 20 % as validation rows. Contenders:

    kt-random, kt-hyperband, kt-bayesian   KerasTuner, one MLflow run a trial (curve, model)
    optuna                                 TPE with median pruning, the same logging
    ours-plain                             the peers' preprocessing, batch, epochs and patience
    ours                                   experiment=thorough: TabM, encodings searched, fits averaged
    ours-default                           what a sweep is without any setting but its time
    lightgbm, catboost, boosting, linear   see benchmarks/boosting.py

All but the last five search 1 to 4 hidden layers of 16 to 512 ReLU units and Adam rates of 1e-4 to 1e-2.
`ours-default` is scored by the champion that it saves. Each other sweep of ours gives two rows: the
champion as one network (the median execution), and the average that it saves as one model, whose
parameters are those of all its networks (`-average`).

The test rows are scored once, with the winner on validation. Every result is a line of the results
file; what is there is not measured again, so a run that was stopped goes on where it was.
The last line on stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from benchmarks.boosting import BOOSTERS, boost, lacking
from benchmarks.commands import call, in_own_process, sweep
from benchmarks.peers import PEERS, contend

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SETS = ("concrete", "abalone", "satimage", "adult_income")
SPACE = [
    "search.space.layers_min=1",
    "search.space.layers_max=4",
    "search.space.units_min=16",
    "search.space.units_max=512",
    "search.learning_rate.low=1e-4",
    "search.learning_rate.high=1e-2",
    "search.include_linear=false",
]
PLAIN = [
    *SPACE,
    "experiment=plain",
    "champion=ensemble",
    "training.batch_size=32",
    "training.epochs=50",
    "training.patience=3",
]
COMPLETE = [*SPACE, "experiment=thorough"]
OURS = {"ours-plain": PLAIN, "ours": COMPLETE, "ours-default": []}
LEAST = 1e-7
"""Probabilities below it count as it, for everybody."""


def split(bench: Path, name: str) -> tuple[pd.DataFrame, pd.DataFrame, str, str]:
    """Return the rows to search on, the test rows, the target's name and the task."""
    index = pd.read_csv(bench / "index.csv").set_index("name")
    table = pd.read_csv(bench / f"{name}.csv.gz")
    rows = np.loadtxt(bench / f"{name}.test_rows.txt", dtype=int)
    target = str(index.loc[name, "target"])
    task = "regression" if index.loc[name, "task"] == "regression" else "classification"
    return table.drop(index=table.index[rows]), table.iloc[rows], target, task


def score(losses: np.ndarray) -> dict[str, float]:
    """Return the mean and its standard error over the test rows."""
    return {"test": float(losses.mean()), "se": float(losses.std(ddof=1) / len(losses) ** 0.5)}


def row_losses(predicted: pd.DataFrame, truth: pd.Series, task: str) -> np.ndarray:
    """Return squared errors over the variance of the test target, or log-losses."""
    if task == "regression":
        errors = (predicted["prediction"].to_numpy() - truth.to_numpy()) ** 2
        return np.asarray(errors / truth.var(ddof=0))
    given = predicted.filter(like="probability_")
    columns = [name.removeprefix("probability_") for name in given.columns]
    places = [columns.index(str(label)) for label in truth]
    chosen = given.to_numpy()[np.arange(len(truth)), places]
    return np.asarray(-np.log(np.clip(chosen, LEAST, 1.0)))


def ours(who: str, name: str, options: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Run our sweep as a user would, then predict the raw test rows with its champion."""
    train, test, target, task = split(options.data, name)
    train.to_csv("train.csv", index=False)
    test.drop(columns=[target]).to_csv("test.csv", index=False)
    words = [
        *("data=table", "data.path=train.csv", f"data.target={target}", f"data.task={task}"),
        *("data.test_fraction=0", "data.validation_fraction=0.2"),
        *(f"budget.seconds={options.seconds}", f"seed={seed}", *OURS[who]),
    ]
    began, here = time.perf_counter(), Path.cwd()
    summary, _ = sweep(words, here)
    seconds = time.perf_counter() - began
    champion = summary["champion"]
    models = {"single": champion["run_id"], "average": champion["model_uri"]}
    parameters = champion["parameters"]
    if who == "ours-default":
        models, parameters = {"single": champion["model_uri"]}, champion["total_parameters"]
    scores = {}
    for kind, model in models.items():
        asked = f"model={model}", "input=test.csv", "output=predicted.csv"
        call([sys.executable, "-m", "pipeline.predict", *asked], here)
        scores[kind] = score(row_losses(pd.read_csv("predicted.csv"), test[target], task))
    found = scores["single"] | {
        "trials": summary["trials"],
        "fits": summary["fits"],
        "parameters": parameters,
        "winner": champion["trial"],
        "seconds": seconds,
    }
    if "average" in scores:
        found["average"] = scores["average"] | {"parameters": champion["total_parameters"]}
    return found


def peer(who: str, name: str, options: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Run a peer in this process; its time began when the process did."""
    train, test, target, task = split(options.data, name)
    search = boost if who in BOOSTERS else contend
    found = search(who, train, target, task, options.seconds, seed)
    truth = test[target].reset_index(drop=True)
    losses = row_losses(found.pop("predict")(test.drop(columns=[target])), truth, task)
    return score(losses) | found


def measured(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return all results asked for, measuring those that the results file lacks."""
    known = list(read(options.results))
    common = "--data", str(options.data.resolve()), "--seconds", str(options.seconds)
    rows = []
    for who in options.only:
        if packages := " and ".join(lacking(who)):
            print(
                f"{who} is left out: it needs {packages} (pip install -e '.[bench]')",
                file=sys.stderr,
            )
    present = [who for who in options.only if not lacking(who)]
    for seed in range(options.seeds):
        for name in options.sets:
            for who in present:
                asked = {"who": who, "set": name, "seed": seed, "budget": options.seconds}
                row = next((one for one in known if asked.items() <= one.items()), None)
                if row is None:
                    load = os.getloadavg()[0]
                    given = *("--child", who, "--sets", name, "--seed", str(seed)), *common
                    found = in_own_process("quality", *given)
                    row = asked | found | {"load": load, "date": time.strftime("%Y-%m-%d")}
                    options.results.parent.mkdir(parents=True, exist_ok=True)
                    with options.results.open("a") as file:
                        file.write(json.dumps(row) + "\n")
                for shown in both(row):
                    rows.append(shown)
                    print(line(shown), flush=True)
    return rows


def both(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a result, and that of the average of the champion's executions where there is one."""
    yield row
    if "average" in row:
        yield row | row["average"] | {"who": f"{row['who']}-average"}


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the results measured before."""
    if path.exists():
        for text in path.read_text().splitlines():
            yield json.loads(text)


def line(row: dict[str, Any]) -> str:
    """Return one result as a line of text."""
    return (
        f"{row['set']:13} {row['who']:18} seed {row['seed']}  test {row['test']:.4f} "
        f"(se {row['se']:.4f})  {row['trials']} trials  {row['parameters']:,} parameters  "
        f"{row['winner']}  {row['seconds']:.0f} s"
    )


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return mean test metric of each contender on each set, and mean ranks."""
    table = pd.DataFrame(rows).pivot_table(index="who", columns="set", values="test")
    ranks = table.rank().mean(axis=1)
    parameters = pd.DataFrame(rows).pivot_table(index="who", columns="set", values="parameters")
    errors = {
        name: statistics.mean(row["se"] for row in rows if row["set"] == name) for name in table
    }
    print(table.assign(rank=ranks).sort_values("rank").to_string(float_format="%.4f"))
    return {
        "test": table.to_dict(),
        "se": errors,
        "rank": ranks.to_dict(),
        "parameters": parameters.to_dict(),
    }


def main() -> None:
    """Measure what is missing, and print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    everybody = [*PEERS, *BOOSTERS, *OURS]
    parser.add_argument("--data", type=Path, required=True, help="folder with the tables")
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--only", nargs="+", default=everybody, choices=everybody)
    parser.add_argument("--results", type=Path, default=Path("outputs/quality.jsonl"))
    parser.add_argument("--child", choices=everybody, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        run = ours if options.child in OURS else peer
        print(json.dumps(run(options.child, options.sets[0], options, options.seed)))
        return
    rows = measured(options)
    if not rows:
        raise SystemExit("nothing was measured: no contender is left")
    print(json.dumps(summary(rows)))


if __name__ == "__main__":
    main()
