"""Outer splits: a whole sweep against linear and boosting on rows that it never sees, table by table.

    python -m benchmarks.outer [--tables wages titanic accounts] [--splits 10]
        [--words experiment=thorough budget.fits=150] [--results outer.jsonl]

For every table (benchmarks/smalltables.py) and outer split `python -m pipeline.sweep` with the split's
test rows as `data.test_path`. The sweep scores its champion, the average of its fits where it has
one, a linear model and scikit-learn's gradient boosting on these rows, all trained on the same others.
Losses are shares of what a constant loses. Differences to the champion are paired over the outer splits,
with Nadeau and Bengio's standard error where the splits share rows. On a shared machine limit fits
rather than seconds.

Every sweep is one line of `--results`; sweeps that are there are not run again. The last line on stdout
is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.commands import sweep
from benchmarks.small import OUTER_FOLDS
from benchmarks.smalltables import PUBLIC, TABLES, outer
from pipeline.core import statistics
from pipeline.evaluation.baselines import BASELINES

CONTENDERS = (*BASELINES, "single", "ensemble")


def one_sweep(table: str, split: int, words: list[str]) -> dict[str, Any]:
    """Run the sweep of one outer split; return the test loss of each contender, and what it took."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for name, rows in zip(("rows", "test"), outer(table, split), strict=True):
            rows.to_csv(home / f"{name}.csv", index=False)
        said, _ = sweep(
            [
                "data=table",
                f"data.path={home / 'rows.csv'}",
                f"data.test_path={home / 'test.csv'}",
                "data.target=target",
                f"tracking.uri=sqlite:///{home / 'mlflow.db'}",
                *words,
            ],
            home,
        )
    champion, beside = said["champion"], said["baselines"]
    losses = {name: beside[name]["test_loss"] for name in CONTENDERS if name in beside}
    return {
        "table": table,
        "split": split,
        "champion": champion["test_loss"],
        **losses,
        "trial": champion["trial"],
        "networks": champion["networks"],
        "parameters": champion["total_parameters"],
        "fits": said["fits"],
        "seconds": said["seconds"],
    }


def compared(table: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the mean losses as shares of the constant's, and the champion's less each other's.

    A difference is [mean, standard error]; below 0 the champion loses less.
    """
    constant = np.mean([line["constant"] for line in found])
    report: dict[str, Any] = {"splits": len(found)}
    for name in ("champion", *CONTENDERS[1:]):
        own = [line for line in found if name in line]
        if not own:
            continue
        losses = np.array([line[name] for line in own]) / constant
        report[name] = float(losses.mean())
        if name != "champion" and len(own) > 1:
            differences = np.array([line["champion"] for line in own]) / constant - losses
            gap = (
                statistics.of_folds(differences, OUTER_FOLDS)
                if table in PUBLIC
                else statistics.two_way(differences, None)
            )
            report[f"less_{name}"] = [gap.mean, gap.se]
    for name in ("parameters", "fits", "seconds"):
        report[name] = float(np.mean([line[name] for line in found]))
    return report


def main() -> None:
    """Run what is missing and print every table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--tables", nargs="+", choices=TABLES, default=["wages", "titanic", "accounts"]
    )
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--words", nargs="*", default=["experiment=thorough", "budget.fits=150"])
    parser.add_argument("--results", type=Path, default=Path("outer.jsonl"))
    given = parser.parse_args()
    lines = given.results.read_text().splitlines() if given.results.exists() else []
    found = [json.loads(line) for line in lines]
    done = {(line["table"], line["split"]) for line in found}
    for split in range(given.splits):
        for table in given.tables:
            if (table, split) in done:
                continue
            found.append(one_sweep(table, split, given.words))
            with given.results.open("a") as results:
                results.write(json.dumps(found[-1]) + "\n")
            print(json.dumps(found[-1]), flush=True)
    report = {
        table: compared(table, own)
        for table in given.tables
        if (own := [line for line in found if line["table"] == table])
    }
    for table, said in report.items():
        print(table, json.dumps(said))
    print(json.dumps(report))


if __name__ == "__main__":
    main()
