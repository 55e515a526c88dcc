"""Does the registry let only the better model in: a year of nights, simulated, and three for real.

    python -m benchmarks.promotion [--years 400]
    python -m benchmarks.promotion --bench ../shared/bench [--seconds 60]

The year: each night a fresh challenger, judged as the registry judges it (`tracking/judge.py`, with the
number of its look). Row losses are heavy-tailed; two models of one recipe differ by `APART` of the loss a
row (measured on the shipped tables: 0.2 to 0.5) and, where the recipe has luck, by `LUCK` of the loss as a
whole. A promotion is false where the new model's loss on all rows that there are is not below the old
one's. Settings: the same test rows every night, fresh ones every night, training luck; then a recipe that
is better by 2 % of the loss: in how many nights it is promoted, by test rows.

For real (`--bench`):
`concrete` with `data.split=hash`, each night with a tenth more rows. The first night may use no
hidden layer, the second night networks, the third again none: the second must replace the first, the
third must not replace the second, each on test rows that neither was trained on.
The last line on stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchmarks.commands import sweep
from pipeline.registry.judge import (
    FALSE_PROMOTIONS,
    YEAR,
    Challenge,
    Incumbent,
    Rows,
    Schema,
    judge,
)

APART, LUCK, BETTER = 0.3, 0.005, 0.02
"""Shares of the loss: spread of a row's paired difference, spread of a model's true loss, a better recipe."""
SCHEMA, ROWS = Schema("y", None, {"x": "number"}), Rows("same", {"kind": "hash"})

SIMPLE = ["search.space.layers_max=0", "search.start_layers=0", "search.space.units_min=1"]
NIGHTS: list[tuple[float, list[str]]] = [(0.8, SIMPLE), (0.9, []), (1.0, SIMPLE)]


class Setting(NamedTuple):
    """One kind of year."""

    rows: int = 1000
    luck: float = 0.0
    fresh: bool = False
    """Whether each night has test rows of its own."""
    better: float = 0.0
    """By what share of the loss the challengers' recipe is better than the first incumbent's."""


SETTINGS = {
    "same rows": Setting(),
    "same rows, 100 of them": Setting(rows=100),
    "fresh rows": Setting(fresh=True),
    "training luck": Setting(luck=LUCK),
    **{f"better, {rows} rows": Setting(rows, better=BETTER) for rows in (500, 2000, 10_000)},
}


def year(setting: Setting, generator: np.random.Generator) -> tuple[int, int | None]:
    """Simulate a year of nights.

    Returns:
        How many promotions were false, and the night of the first promotion.
    """
    own = APART / np.sqrt(2)  # of one model: two of them make a difference
    hard = generator.gamma(0.5, 2.0, setting.rows)
    true, kept = 1.0, own * generator.standard_t(4, setting.rows) / np.sqrt(2)
    false, first = 0, None
    for night in range(1, YEAR + 1):
        mean = 1 - setting.better + setting.luck * generator.normal()
        noise = own * generator.standard_t(4, setting.rows) / np.sqrt(2)
        if setting.fresh:
            hard = generator.gamma(0.5, 2.0, setting.rows)
            kept = own * generator.standard_t(4, setting.rows) / np.sqrt(2)
        asked = Challenge(
            SCHEMA,
            ROWS,
            hard + mean + noise,
            Incumbent("1", SCHEMA, ROWS),
            hard + true + kept,
            looks=night,
        )
        if judge(asked).promoted:
            false += mean >= true
            first = first or night
            if setting.better:
                break
            true, kept = mean, noise
    return false, first


def simulate(years: int) -> dict[str, Any]:
    """Return the chance of a false promotion a year, and how long a better model waits."""
    found: dict[str, Any] = {"any_false_promotion_a_year": {}, "nights_until_better": {}}
    for name, setting in SETTINGS.items():
        generator = np.random.default_rng(0)
        ended = [year(setting, generator) for _ in range(years)]
        if setting.better:
            nights = np.array([first or np.inf for _, first in ended])
            median = float(np.median(nights))
            found["nights_until_better"][name] = {
                "median": median if np.isfinite(median) else None,
                "promoted_within_a_year": float(np.isfinite(nights).mean()),
            }
        else:
            share = float(np.mean([false > 0 for false, _ in ended]))
            found["any_false_promotion_a_year"][name] = share
        print(name, found, flush=True)
    return found


def night(words: list[str], home: Path) -> dict[str, Any]:
    """Run one night's sweep and return what its summary says of the registry."""
    summary, _ = sweep(words, home)
    kept = {key: summary["champion"][key] for key in ("trial", "test_loss")}
    return kept | {"registry": summary["registry"]}


def alias(home: Path, name: str) -> str:
    """Return the version that an alias stands on."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{home / 'mlruns' / 'mlflow.db'}")
    return str(client.get_model_version_by_alias("concrete", name).version)


def main() -> None:
    """Run the nights and print what was decided, and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bench", type=Path, help="folder with concrete.csv.gz")
    parser.add_argument("--years", type=int, default=400)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    if options.bench is None:
        found = simulate(options.years)
        print(json.dumps(found))
        if max(found["any_false_promotion_a_year"].values()) > FALSE_PROMOTIONS:
            raise SystemExit(1)
        return
    table = pd.read_csv(options.bench / "concrete.csv.gz").sample(frac=1.0, random_state=0)
    nights = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for share, words in NIGHTS:
            table.head(int(share * len(table))).to_csv(home / "concrete.csv", index=False)
            every = [
                *("data=table", "data.path=concrete.csv", "data.target=compressive_strength"),
                *("data.split=hash", "data.test_fraction=0.25", "registry.name=concrete"),
                *(f"budget.seconds={options.seconds}", *words),
            ]
            one = night(every, home) | {"champion": alias(home, "champion")}
            nights.append(one)
            print(one, flush=True)
    versions = [one["champion"] for one in nights]
    held = versions[0] != versions[1] and versions[1] == versions[2]
    print(json.dumps({"held": held, "nights": nights}))
    if not held:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
