"""Do capacity decisions hold up? Simulated sweeps on scripted surfaces, without training.

    python -m benchmarks.decisions [sweeps=1000] [workers=2]

For every surface and noise: how often the chosen capacity hits (is within one standard error of the
paired difference at three executions, or 1 % of the surface's range, of the true optimum), mean regret
of the chosen trial (its learning rate included), mean parameters, and fits used. For ours with
search.prefer=smallest (the default) and =best, for the course's greedy loop on single runs, and for
random search; both rivals get as many fits as ours took.
"""

from __future__ import annotations

import json
import os
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
from pipeline.training.families.mlp import of_widths

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.simulation.noise import Noise
    from benchmarks.simulation.rivals import Point
    from benchmarks.simulation.surfaces import Surface

TOLERANCE = 0.01
"""Share of the surface's range that counts as the optimum."""
SEARCHES = ("smallest", "best", "greedy", "random")
"""Ours with search.prefer=smallest (the default) and =best, and the rivals."""


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
    chosen: dict[str, list[tuple[Point, int]]] = {name: [] for name in SEARCHES}
    for number in range(sweeps):
        seed = (setting[0] * len(NOISES) + setting[1]) * 1_000_000 + number
        for name, found in one_sweep(surface, noise, seed).items():
            chosen[name].append(found)
    return [summarise(surface, noise, name, found) for name, found in chosen.items()]


def one_sweep(surface: Surface, noise: Noise, seed: int) -> dict[str, tuple[Point, int]]:
    """Return what each search chooses and the fits it took; validation rows are the same for all."""
    simulators = {name: Simulator(surface, noise, seed) for name in ("ours", "greedy", "random")}
    smallest, best = rivals.ours(simulators["ours"])
    fits = simulators["ours"].fits
    greedy = rivals.greedy(simulators["greedy"], fits)
    chance = rivals.random_search(simulators["random"], fits, seed)
    return {
        "smallest": (smallest, fits),
        "best": (best, fits),
        "greedy": (greedy, simulators["greedy"].fits),
        "random": (chance, fits),
    }


def summarise(surface: Surface, noise: Noise, name: str, found: Iterable[tuple[Point, int]]) -> Row:
    """Return the figures of one search."""
    points, fits = zip(*found, strict=True)
    regrets = [surface.regret(*point) for point in points]
    return Row(
        surface.name,
        noise.name,
        name,
        float(np.mean([is_hit(surface, noise, *point[:2]) for point in points])),
        float(np.mean(regrets)),
        float(np.std(regrets) / np.sqrt(len(regrets))),
        float(np.mean([parameters(*point[:2]) for point in points])),
        float(np.mean(fits)),
    )


def parameters(layers: int, units: int) -> int:
    """Return the parameters of a capacity."""
    return rivals.OURS.family.parameters(of_widths(*[units] * layers))


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
    names = " | ".join(SEARCHES)
    rest = " | ".join(SEARCHES[1:])
    head = [
        (
            f"| surface | noise | fits | hits: {SEARCHES[0]} | {rest} "
            f"| regret, % of range: {SEARCHES[0]} | {rest} | parameters: {names} |"
        ),
        "|---" * (3 + 3 * len(SEARCHES)) + "|",
    ]
    lines = []
    for group in _settings(rows):
        hits = " | ".join(f"{100 * row.hits:.1f} %" for row in group)
        regret = " | ".join(f"{100 * row.regret:.2f}" for row in group)
        size = " | ".join(f"{row.parameters:,.0f}" for row in group)
        start = f"| {group[0].surface} | {group[0].noise} | {group[0].fits:.0f} "
        lines.append(f"{start}| {hits} | {regret} | {size} |")
    return "\n".join([*head, *lines])


def verdict(rows: list[Row]) -> dict[str, object]:
    """Return the figures that the targets are about: hits on all but heavy noise, and regret."""
    ours = [row for row in rows if row.search == "smallest"]
    return {
        "lowest_hits_but_heavy": round(min(row.hits for row in ours if row.noise != "heavy"), 4),
        "lowest_hits": round(min(row.hits for row in ours), 4),
        "mean_regret": {name: _mean(rows, name, "regret") for name in SEARCHES},
        "mean_parameters": {name: _mean(rows, name, "parameters") for name in SEARCHES},
        "mean_fits": _mean(rows, "smallest", "fits"),
        "smallest_worse_than": _worse(rows, "smallest"),
        "best_worse_than": _worse(rows, "best"),
    }


def _worse(rows: list[Row], name: str) -> list[str]:
    """Return the settings in which ours has more regret than a rival.

    By more than two standard errors of the simulation and a thousandth of the range.
    """
    found = []
    for group in _settings(rows):
        mine, *rivals_ = sorted(group, key=lambda row: row.search != name)
        for rival in rivals_:
            doubt = 0.001 + 2.0 * float(np.hypot(mine.regret_se, rival.regret_se))
            if rival.search in ("greedy", "random") and mine.regret - rival.regret > doubt:
                figures = f"{mine.regret:.4f} against {rival.regret:.4f}"
                found.append(f"{rival.search} on {mine.surface}, {mine.noise}: {figures}")
    return found


def _settings(rows: list[Row]) -> list[list[Row]]:
    size = len(SEARCHES)
    return [rows[first : first + size] for first in range(0, len(rows), size)]


def _mean(rows: list[Row], name: str, field: str) -> float:
    return round(float(np.mean([getattr(row, field) for row in rows if row.search == name])), 5)


def main(arguments: list[str]) -> None:
    """Simulate every setting and print the table and one last line of JSON."""
    words = dict(word.split("=", 1) for word in arguments)
    sweeps, workers = int(words.get("sweeps", "1000")), int(words.get("workers", "2"))
    started = time.perf_counter()
    settings = list(product(range(len(SURFACES)), range(len(NOISES))))
    with ProcessPoolExecutor(workers) as pool:
        rows = [row for found in pool.map(partial(simulate, sweeps), settings) for row in found]
    print(table(rows))
    spent = os.times()
    cpu = spent.user + spent.system + spent.children_user + spent.children_system
    facts = {
        "benchmark": "decisions",
        "sweeps": sweeps,
        "workers": workers,
        "seconds": round(time.perf_counter() - started, 1),
        "cpu_seconds": round(cpu, 1),
    }
    print(json.dumps(facts | verdict(rows)))


if __name__ == "__main__":
    main(sys.argv[1:])
