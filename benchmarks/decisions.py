"""Do capacity decisions hold up? Simulated sweeps on scripted surfaces, without training.

    python -m benchmarks.decisions [sweeps=1000] [workers=2]

For every surface and noise: how often the chosen capacity is within one standard error (of the paired
difference of two capacities at three executions) or 1 % of the surface's range of the true optimum,
mean regret of the chosen trial (its learning rate included), mean parameters, and fits used; for ours,
for the course's greedy loop on single runs, and for random search, both given as many fits as ours took.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.simulation import rivals
from benchmarks.simulation.noise import NOISES, Simulator, place
from benchmarks.simulation.surfaces import SURFACES, doublings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.simulation.noise import Noise
    from benchmarks.simulation.surfaces import Surface
    from pipeline.records import Trial

TOLERANCE = 0.01
"""Share of the surface's range that counts as the optimum."""
SEARCHES = ("ours", "greedy", "random")


@dataclass(frozen=True)
class Row:
    """One search on one surface under one noise, over all sweeps."""

    surface: str
    noise: str
    search: str
    hits: float
    """Share of sweeps whose capacity is within tolerance of the optimum."""
    regret: float
    """Mean regret of the chosen trial, share of the range."""
    regret_se: float
    """Its standard error over sweeps."""
    parameters: float
    fits: float


def simulate(sweeps: int, setting: tuple[int, int]) -> list[Row]:
    """Run all sweeps of one setting, given as indices into SURFACES and NOISES."""
    surface, noise = SURFACES[setting[0]], NOISES[setting[1]]
    chosen: dict[str, list[tuple[Trial, int]]] = {name: [] for name in SEARCHES}
    for number in range(sweeps):
        seed = (setting[0] * len(NOISES) + setting[1]) * 1_000_000 + number
        for name, (trial, fits) in one_sweep(surface, noise, seed).items():
            chosen[name].append((trial, fits))
    return [summarise(surface, noise, name, found) for name, found in chosen.items()]


def one_sweep(surface: Surface, noise: Noise, seed: int) -> dict[str, tuple[Trial, int]]:
    """Return what each search chooses and the fits it took; validation rows are the same for all."""
    simulator = Simulator(surface, noise, seed)
    trial = rivals.run(rivals.OURS, simulator).trial
    fits = simulator.fits
    other = Simulator(surface, noise, seed)
    greedy = rivals.greedy(other, fits)
    return {
        "ours": (trial, fits),
        "greedy": (greedy, other.fits),
        "random": (rivals.random_search(Simulator(surface, noise, seed), fits, seed), fits),
    }


def summarise(surface: Surface, noise: Noise, name: str, found: Iterable[tuple[Trial, int]]) -> Row:
    """Return the figures of one search."""
    trials, fits = zip(*found, strict=True)
    sizes = [(int(t.capacity["layers"]), int(t.capacity["units"])) for t in trials]
    regrets = [
        surface.regret(*size, trial.learning_rate)
        for size, trial in zip(sizes, trials, strict=True)
    ]
    return Row(
        surface.name,
        noise.name,
        name,
        float(np.mean([is_hit(surface, noise, *size) for size in sizes])),
        float(np.mean(regrets)),
        float(np.std(regrets) / np.sqrt(len(regrets))),
        float(np.mean([rivals.OURS.family.parameters(trial.capacity) for trial in trials])),
        float(np.mean(fits)),
    )


def is_hit(surface: Surface, noise: Noise, layers: int, units: int) -> bool:
    """Return whether a capacity is within one standard error, or 1 % of the range, of the optimum.

    The standard error is that of the paired difference of this capacity and the optimum, each at its
    best rate and with three executions.
    """
    places = [
        place(n, doublings(u), surface.best_rate(n, doublings(u)))
        for n, u in ((layers, units), surface.optimum)
    ]
    error = noise.standard_error(rivals.EXECUTIONS, places[0] - places[1])
    return surface.capacity_regret(layers, units) <= max(error, TOLERANCE)


def table(rows: list[Row]) -> str:
    """Return the rows as a Markdown table, one line per setting."""
    head = [
        (
            "| surface | noise | fits | within 1 SE or 1 %: ours | greedy | random "
            "| regret in %: ours | greedy | random | parameters: ours | greedy | random |"
        ),
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    lines = []
    for first in range(0, len(rows), len(SEARCHES)):
        group = rows[first : first + len(SEARCHES)]
        hits = " | ".join(f"{100 * row.hits:.1f} %" for row in group)
        regret = " | ".join(f"{100 * row.regret:.2f}" for row in group)
        size = " | ".join(f"{row.parameters:,.0f}" for row in group)
        start = f"| {group[0].surface} | {group[0].noise} | {group[0].fits:.0f} "
        lines.append(f"{start}| {hits} | {regret} | {size} |")
    return "\n".join([*head, *lines])


def verdict(rows: list[Row]) -> dict[str, object]:
    """Return whether the targets hold: hits on all but heavy noise, regret against both rivals.

    A regret is worse than a rival's when it exceeds it by more than two standard errors of the
    simulation and a thousandth of the range.
    """
    groups = [rows[i : i + len(SEARCHES)] for i in range(0, len(rows), len(SEARCHES))]
    light = [ours for ours, *_ in groups if ours.noise != "heavy"]
    worse = [
        f"{ours.surface}, {ours.noise}: {ours.regret:.4f} against {rival.search} {rival.regret:.4f}"
        for ours, *others in groups
        for rival in others
        if ours.regret - rival.regret > 0.001 + 2 * np.hypot(ours.regret_se, rival.regret_se)
    ]
    return {
        "lowest_hits_but_heavy": round(min(row.hits for row in light), 4),
        "lowest_hits": round(min(ours.hits for ours, *_ in groups), 4),
        "mean_regret": {
            name: round(float(np.mean([row.regret for row in rows if row.search == name])), 5)
            for name in SEARCHES
        },
        "mean_fits": round(float(np.mean([row.fits for row in rows if row.search == "ours"])), 1),
        "worse_regret": worse,
    }


def main(arguments: list[str]) -> None:
    """Simulate every setting and print the table and one last line of JSON."""
    words = dict(word.split("=", 1) for word in arguments)
    sweeps, workers = int(words.get("sweeps", "1000")), int(words.get("workers", "2"))
    started = time.perf_counter()
    settings = list(product(range(len(SURFACES)), range(len(NOISES))))
    with ProcessPoolExecutor(workers) as pool:
        rows = [row for found in pool.map(partial(simulate, sweeps), settings) for row in found]
    print(table(rows))
    seconds = round(time.perf_counter() - started, 1)
    print(
        json.dumps({"benchmark": "decisions", "sweeps": sweeps, "seconds": seconds} | verdict(rows))
    )


if __name__ == "__main__":
    main(sys.argv[1:])
