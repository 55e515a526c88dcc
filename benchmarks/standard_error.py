"""Is a stated standard error true? Simulated losses whose truth is known, without training.

    python -m benchmarks.standard_error [tries=10000]

Settings: two-way (2 to 15 seeds, 13 to 10,000 rows, with luck of seeds, of rows, and of both), sampled
rows (means over up to 1,000,000, of which 10,000 are kept), groups of rows, blocks of time, weighted rows,
k-fold (folds and repeats), and trials with one to three seeds beside those of others (pooled).

Ratio: root of the mean stated variance (`Difference.root`) / true standard deviation of the mean.
Coverage: how often the truth lies within one standard error (`Difference.se`, which is wider where few
seeds, folds or groups tell of it): 68.3 % of a normal.
"""

from __future__ import annotations

import json
import math
import sys
import time
import zlib
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from pipeline.core import statistics
from pipeline.ledger.stackfile import SAMPLED_ROWS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipeline.core.statistics import Difference

SEEDS = (2, 3, 5, 9, 15)
ROWS = (13, 91, 1000)
LUCK = {
    "seeds": (1.0, 0.0, 0.0),
    "rows": (0.0, 1.0, 0.0),
    "both": (0.0, 0.0, 1.0),
    "measured": (0.8, 0.1, 1.1),
}
"""Variance of the mean by seeds, by rows and by what is one seed's and row's own; the last as measured on
concrete and wages (benchmarks/simulation/noise.py)."""


@dataclass(frozen=True)
class Setting:
    """One kind of data whose truth is known: the mean is 0."""

    name: str
    draw: Callable[[np.random.Generator], Difference]
    tries: float = 1.0
    """Share of the tries that it gets: large tables take long."""


def two_way(seeds: int, rows: int, luck: tuple[float, float, float]) -> Setting:
    """Return seeds x rows of a paired difference."""
    by_seed, by_row, own = (math.sqrt(part) for part in luck)

    def draw(random: np.random.Generator) -> Difference:
        losses = own * math.sqrt(seeds * rows) * random.standard_normal((seeds, rows))
        losses += by_seed * math.sqrt(seeds) * random.standard_normal((seeds, 1))
        losses += by_row * math.sqrt(rows) * random.standard_normal(rows)
        return statistics.paired(losses, np.zeros_like(losses))

    kind = next(name for name, parts in LUCK.items() if parts == luck)
    return Setting(f"two-way: {seeds} seeds, {rows} rows, luck of {kind}", draw)


def sampled(seeds: int, rows: int) -> Setting:
    """Return means over more rows than are kept: those left out are drawn by their mean alone."""

    def draw(random: np.random.Generator) -> Difference:
        kept = min(rows, SAMPLED_ROWS)
        left = rows - kept
        table = random.standard_normal(kept) + random.standard_normal((seeds, kept))
        # Sums over the rows that are left out.
        rest = math.sqrt(left) * (random.standard_normal() + random.standard_normal(seeds))
        # Of one seed nothing tells how lucky it was: then there is no such luck.
        luck = (seeds > 1) * random.standard_normal(seeds) / math.sqrt(rows)
        means = (table.sum(axis=1) + rest) / rows + luck
        return statistics.two_way(means, table + luck[:, None], statistics.Units(rows))

    return Setting(
        f"sampled: {seeds} seeds, {rows:,} rows", draw, min(1.0, 2000 / min(rows, SAMPLED_ROWS))
    )


def grouped(groups: int, size: int, *, weighted: bool = False) -> Setting:
    """Return rows that share most with their group; groups of unequal sizes."""

    def draw(random: np.random.Generator) -> Difference:
        code = np.repeat(np.arange(groups), 1 + np.arange(groups) % (2 * size - 1))
        weights = random.uniform(0.5, 2.0, len(code)) if weighted else None
        losses = random.standard_normal(groups)[code] + random.standard_normal(len(code))
        return statistics.mean_error(losses, weights=weights, clusters=code)

    kind = ", weighted" if weighted else ""
    return Setting(f"grouped: {groups} groups of {size} rows on average{kind}", draw)


def weighted(rows: int) -> Setting:
    """Return rows of unequal weights, around a loss that is not 0."""

    def draw(random: np.random.Generator) -> Difference:
        weights = random.gamma(2.0, 1.0, rows)
        found = statistics.mean_error(3.0 + random.standard_normal(rows), weights=weights)
        return statistics.Difference(found.mean - 3.0, found.se, found.seed_share, found.freedom)

    return Setting(f"weighted: {rows} rows", draw)


def blocks(rows: int, reach: int) -> Setting:
    """Return rows in order of time, each alike the `reach` rows before it."""

    def draw(random: np.random.Generator) -> Difference:
        steps = random.standard_normal(rows + reach - 1)
        losses = np.convolve(steps, np.ones(reach), mode="valid")
        return statistics.mean_error(losses, clusters=statistics.blocks(rows))

    return Setting(f"time: {rows:,} rows, alike over {reach}", draw, 0.5)


def folds(parts: int, repeats: int) -> Setting:
    """Return a paired difference by k-fold, with luck of rows and of training.

    Training luck is in part common to all folds, as they share training rows: folds correlate by
    n_val / n, which is what Nadeau and Bengio's correction stands for. Where they correlate less (ridge
    regressions on fresh tables: docs/experiments.md), the stated error is the larger one.
    """
    common = 1.0 / parts

    def draw(random: np.random.Generator) -> Difference:
        fits = parts * repeats
        training = math.sqrt(common) * random.standard_normal()
        training = training + math.sqrt(0.5 - common / 2) * random.standard_normal(fits)
        rows = math.sqrt(0.5 - common / 2) * random.standard_normal((fits, 20)).mean(axis=1)
        return statistics.of_folds(training + rows * math.sqrt(20), parts)

    return Setting(f"k-fold: {parts} folds, {repeats} repeats", draw)


def pooled(seeds: int) -> Setting:
    """Return two trials of so many seeds beside 40 others, whose noise differs by a factor of 4."""

    def draw(random: np.random.Generator) -> Difference:
        scale = random.choice([0.5, 0.7, 1.0, 1.4, 2.0], 40)
        others = scale[:, None] * random.standard_normal((40, 3))
        pool = statistics.pooled([statistics.own_luck(means, None) for means in others])
        return statistics.two_way(random.standard_normal((2, seeds))[0], None, pool=pool)

    return Setting(f"pooled: {seeds} seeds beside 40 trials", draw)


def settings() -> Iterator[Setting]:
    """Yield every setting."""
    for seeds, rows, luck in product(SEEDS, ROWS, LUCK.values()):
        yield two_way(seeds, rows, luck)
    for rows, seeds in product((13, 10_000, 100_000, 1_000_000), (1, 3, 15)):
        yield sampled(seeds, rows)
    for (groups, size), is_weighted in product(((13, 4), (73, 75), (500, 10)), (False, True)):
        yield grouped(groups, size, weighted=is_weighted)
    yield from (blocks(400, 3), blocks(10_000, 30))
    yield from (weighted(rows) for rows in (13, 91, 1000))
    yield from (folds(*split) for split in ((3, 1), (5, 1), (10, 1), (5, 3)))
    yield from (pooled(seeds) for seeds in (1, 2, 3))


def measured(setting: Setting, tries: int) -> tuple[float, float]:
    """Return ratio and coverage of a setting; the draws follow from its name."""
    random = np.random.default_rng(zlib.crc32(setting.name.encode()))
    found = [setting.draw(random) for _ in range(max(int(tries * setting.tries), 200))]
    truth = math.sqrt(np.mean([one.mean**2 for one in found]))
    stated = math.sqrt(np.mean([one.root**2 for one in found]))
    return stated / truth, float(np.mean([abs(one.mean) <= one.se for one in found]))


def main(arguments: list[str]) -> None:
    """Simulate every setting; print a line each and one last line of JSON."""
    words = dict(word.split("=", 1) for word in arguments)
    tries, started = int(words.get("tries", "10000")), time.perf_counter()
    ratio, coverage = {}, {}
    for setting in settings():
        found = measured(setting, tries)
        ratio[setting.name], coverage[setting.name] = (round(value, 3) for value in found)
        print(f"{setting.name}: ratio {found[0]:.3f}, coverage {100 * found[1]:.1f} %")
    facts = {
        "benchmark": "standard_error",
        "tries": tries,
        "seconds": round(time.perf_counter() - started, 1),
        "ratios": [min(ratio.values()), max(ratio.values())],
        "coverages": [min(coverage.values()), max(coverage.values())],
    }
    print(json.dumps(facts | {"ratio": ratio, "coverage": coverage}))


if __name__ == "__main__":
    main(sys.argv[1:])
