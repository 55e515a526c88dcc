"""Are small tables decided by luck? One validation split against folds, on twenty small tables.

    python -m benchmarks.small [tables=wages,iris,...] [splits=10] [modes=split,folds] [out=FILE]

For every table (benchmarks/smalltables.py) and outer split the default capacity search, with nothing
but the validation changed: `split`, 20 % of the rows; `folds`, data.folds=5; `repeated`, data.folds=5
data.repeats=3. No MLflow: search, planner and engine as the runner joins them. Measured on the outer
test rows, as shares of what a constant prediction loses: the champion's loss (with folds the average of
their networks; of `split` the one median network, as a sweep saves it, and `split_average`, that of
its executions), how far the validated loss is off it (and how far it flatters), how often a network of
the champion was kept at its first epoch, its size, CPU seconds. Differences are paired over outer splits,
with Nadeau and Bengio's standard error where the splits share rows.

Every search is one line of `out` (default: small.jsonl); searches that are there are not run again.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.smalltables import PUBLIC, TABLES, outer
from pipeline.config import objective
from pipeline.config.compose import compose
from pipeline.core import statistics
from pipeline.core.control import Unattended
from pipeline.core.losses import row_losses
from pipeline.core.records import FitResult, Outcome, Scored
from pipeline.data import prepare
from pipeline.data.fewrows import FEW
from pipeline.evaluation.final import forward
from pipeline.evaluation.folds import Unseen, unseen_inputs
from pipeline.evaluation.scores import constant_loss
from pipeline.runtime.cli import arguments
from pipeline.search.protocol import missing
from pipeline.session.facts import searcher_of
from pipeline.session.trainer import Trainer
from pipeline.training.models import rebuild
from pipeline.training.stacked import programs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from pipeline.config.schema import SweepConfig
    from pipeline.core.family import Family
    from pipeline.data import Dataset
    from pipeline.search.protocol import Choice

MODES = {
    "split": [],
    "folds": ["data.folds=5"],
    "repeated": ["data.folds=5", "data.repeats=3"],
}
KEPT = 24
"""Compiled programs: the next outer split of a table runs most of them again."""
OUTER_FOLDS = 5
"""The outer test is a fifth of the rows: n_test / n_train = 1 / (OUTER_FOLDS - 1) for Nadeau and Bengio."""


@dataclass(frozen=True)
class Search:
    """One search on one outer split; losses are shares of what a constant prediction loses."""

    table: str
    split: int
    mode: str
    validation_rows: int
    """Of one fold."""
    capacity: str
    parameters: int
    fits: int
    seconds: float
    """CPU time, all threads."""
    validated: float
    """What the search was shown: the champion's score."""
    test: float
    """Of what a sweep would save."""
    test_average: float
    """Of the average of the champion's executions."""
    first: float
    """Share of the champion's networks that were kept at their first epoch."""
    lucky: float
    """Share of them with the finding `lucky-epoch`."""


def one_search(table: str, split: int, mode: str) -> Search:
    """Search on one outer split and test what would be saved."""
    search, test = outer(table, split)
    with tempfile.TemporaryDirectory() as folder:
        config = config_of(Path(folder), search, test, [*MODES[mode], f"seed={split}"])
        dataset = prepare(config.data, config.seed)
    trainer = Trainer.of(config, dataset)
    family = trainer.family
    began = time.process_time()
    choice, results = _searched(trainer)
    seconds = time.process_time() - began
    members = [one for one in results if one.fit.trial == choice.trial]
    constant = constant_loss(dataset, "val_loss") or 1.0
    average = tested(dataset, family, members) / constant
    median = [one for one in members if one.fit.execution == choice.execution]
    single = average if config.data.folds else tested(dataset, family, median) / constant
    return Search(
        table=table,
        split=split,
        mode=mode,
        validation_rows=len(dataset.split.validation),
        capacity=choice.trial.capacity.label,
        parameters=choice.trial.parameters * (len(members) if config.data.folds else 1),
        fits=len(results),
        seconds=seconds,
        validated=choice.score / constant,
        test=single,
        test_average=average,
        first=float(np.mean([one.best_epoch == 0 for one in members])),
        lucky=float(np.mean([_is_lucky(one) for one in members])),
    )


def _is_lucky(result: FitResult) -> bool:
    return any(finding.code == "lucky-epoch" for finding in result.findings)


def config_of(
    folder: Path, search: pd.DataFrame, test: pd.DataFrame, more: Iterable[str]
) -> SweepConfig:
    """Return the configuration of a sweep on some rows, whose test rows are others."""
    for name, rows in (("search", search), ("test", test)):
        rows.to_csv(folder / f"{name}.csv", index=False)
    table = ["data=table", f"data.path={folder}/search.csv", f"data.test_path={folder}/test.csv"]
    return compose([*table, "data.target=target", *more])


def _searched(trainer: Trainer) -> tuple[Choice, list[FitResult]]:
    """Run the search to its end, as the runner does but for the ledger."""
    config = trainer.config
    searcher = searcher_of(config, trainer.dataset, trainer.family)
    trained: list[FitResult] = []
    finished: list[Scored] = []
    while (round_ := (proposal := searcher.propose(finished)).round) is not None:
        stacks = trainer.run(trainer.plan(missing(round_, finished)), Unattended())
        for _, results in stacks:
            trained += results
            finished += [_scored(config, one, round_.number) for one in results]
    if proposal.choice is None:
        raise SystemExit("no usable trial")
    return proposal.choice, trained


def _scored(config: SweepConfig, one: FitResult, number: int) -> Scored:
    score = objective(config).as_loss(one.best("val_loss"))
    return Scored(one.fit, one.outcome, score, one.row_losses, number)


def tested(dataset: Dataset, family: Family, members: Sequence[FitResult]) -> float:
    """Return the loss of the average of some networks on the outer test rows."""
    unseen = Unseen(dataset, [one.fit.fold for one in members])
    for one in members:
        assert one.weights is not None and one.outcome is Outcome.completed  # noqa: PT018
        model = rebuild(family, one.fit.trial, one.weights)
        inputs = unseen_inputs(dataset, one.fit.trial.encoding, one.fit.fold)
        unseen.add(one.fit.fold, {part: forward(model, x) for part, x in inputs.items()})
    truth = dataset.encoded_targets(dataset.split.test)
    return float(row_losses(truth, unseen.test.outputs, regression=dataset.regression).mean())


def compared(found: Sequence[Search]) -> dict[str, dict[str, dict[str, float | str]]]:
    """Return, for every table and mode, its means and how it differs from `split`, paired."""
    report: dict[str, dict[str, dict[str, float | str]]] = {}
    for table in dict.fromkeys(one.table for one in found):
        own = [one for one in found if one.table == table]
        by_mode = {mode: {one.split: one for one in own if one.mode == mode} for mode in MODES}
        base = by_mode["split"]
        shared = set.intersection(*(set(searches) for searches in by_mode.values() if searches))
        report[table] = {}
        for mode, searches in by_mode.items():
            known = [searches[split] for split in sorted(shared & set(searches))]
            if known:
                report[table][mode] = _means(known)
            if known and mode != "split" and base:
                report[table][mode] |= _gains(table, [(one, base[one.split]) for one in known])
    return report


def _means(known: Sequence[Search]) -> dict[str, float | str]:
    sizes = [one.capacity for one in known]
    fields = ("validation_rows", "parameters", "fits", "seconds", "test", "test_average")
    means = {name: float(np.mean([getattr(one, name) for one in known])) for name in fields}
    return {
        "splits": len(known),
        **means,
        "off": float(np.mean([abs(one.test - one.validated) for one in known])),
        "flatters": float(np.mean([one.test - one.validated for one in known])),
        "first": float(np.mean([one.first for one in known])),
        "lucky": float(np.mean([one.lucky for one in known])),
        "capacities": ", ".join(f"{n} {sizes.count(n)}" for n in dict.fromkeys(sizes)),
    }


def _gains(table: str, pairs: Sequence[tuple[Search, Search]]) -> dict[str, float | str]:
    """Return the loss less that of `split`: what is saved, and the averages of all executions."""
    gains: dict[str, float | str] = {}
    for name, other in (("against_split", "test"), ("against_average", "test_average")):
        differences = np.array([one.test - getattr(base, other) for one, base in pairs])
        if table in PUBLIC:
            gap = statistics.of_folds(differences, OUTER_FOLDS)
        else:  # drawn anew: independent
            gap = statistics.two_way(differences, None)
        gains[name], gains[f"{name}_se"] = gap.mean, gap.se
    return gains


def overall(report: dict[str, dict[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Return means over tables with few validation rows, and with enough, and their standard errors."""
    said: dict[str, dict[str, Any]] = {}
    for mode in ("folds", "repeated"):
        for name, is_few in (("few", True), ("enough", False)):
            own = [
                (modes["split"], modes[mode])
                for modes in report.values()
                if mode in modes and (modes["split"]["validation_rows"] < FEW) is is_few
            ]
            if own:
                said[f"{mode}, {name}"] = _over_tables(own)
    return said


def _over_tables(own: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, Any]:
    said: dict[str, Any] = {"tables": len(own)}
    for name in ("against_split", "against_average"):
        gap = statistics.two_way(np.array([other[name] for _, other in own]), None)
        better = sum(other[name] < 0 for _, other in own)
        said |= {name: gap.mean, f"{name}_se": gap.se, f"{name}_better": better}
    for name in ("off", "flatters", "seconds", "fits", "first", "lucky"):
        said[name] = [float(np.mean([pair[side][name] for pair in own])) for side in (0, 1)]
    return said


def main() -> None:
    """Run what is missing, then print every table and mode as one JSON object."""
    allowed = {"tables": "names, comma between", "splits": "10", "modes": "", "out": "a file"}
    given = arguments(sys.argv[1:], allowed)
    tables = given["tables"].split(",") if "tables" in given else list(TABLES)
    modes = given.get("modes", "split,folds").split(",")
    out = Path(given.get("out", "small.jsonl"))
    lines = out.read_text().splitlines() if out.exists() else []
    found = [Search(**json.loads(line)) for line in lines]
    done = {(one.table, one.split, one.mode) for one in found}
    splits = range(int(given.get("splits", "10")))
    programs.FEWEST_KEPT = KEPT
    order = [
        (table, split, mode)
        for pair in (splits[n : n + 2] for n in splits[::2])
        for table in tables
        for split in pair
        for mode in modes
    ]
    for asked in order:
        if asked not in done:
            found.append(one_search(*asked))
            with out.open("a") as file:
                file.write(json.dumps(asdict(found[-1])) + "\n")
            print(found[-1], file=sys.stderr, flush=True)
    report = compared(found)
    print(json.dumps({"tables": report, "all": overall(report)}))


if __name__ == "__main__":
    main()
