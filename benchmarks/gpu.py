"""Thousands of fits in stacks on one GPU, against the card's own copy and matmul rates.

    KERAS_BACKEND=jax python -m benchmarks.gpu [--fits 1000 10000] [--batch 32 128] [--epochs 30]

Trains MLPs of 2 x 100 to 2 x 256 units (2,000 rows of 20 numbers, 30 epochs, Adam, no early stop),
planned and trained as in a sweep; on a machine without a GPU it runs on the cores, which is only
good for trying it small (`--fits 16 --epochs 2`). Counted are the arithmetic of the real units, and
the traffic of weights, slopes and two moments: seven numbers moved for every parameter and step.
Compiling is given apart. The last line on stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import time
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.roofline import INPUTS, Silent
from pipeline.config.schema import ModelConfig
from pipeline.config.schema_search import CapacityConfig
from pipeline.core.records import Arrays, Fit, Trial
from pipeline.training.cost import Workload
from pipeline.training.engine import engine
from pipeline.training.families import family
from pipeline.training.families.mlp import of_widths
from pipeline.training.planner import Limits, plan_stacks
from pipeline.training.settings import Settings

ROWS, VAL_ROWS = 2000, 500
WIDTHS = (100, 128, 192, 256)
RATES, SEEDS = 10, 25
MOVED = 7
"""Numbers a step of Adam must move for a parameter: four read, three written."""
FLOAT = 4


def table() -> Arrays:
    """Return a regression on random numbers."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS + VAL_ROWS, INPUTS)).astype(np.float32)
    y = np.tanh(x[:, :1]).astype(np.float32)
    return Arrays(x[:ROWS], y[:ROWS], x[ROWS:], y[ROWS:], regression=True)


def fits_of(count: int, epochs: int) -> list[Fit]:
    """Return fits of mixed widths, learning rates and seeds."""
    rates = np.geomspace(1e-4, 1e-2, RATES)
    return [
        Fit(
            Trial(of_widths(*[WIDTHS[n % len(WIDTHS)]] * 2), float(rates[n % RATES]), 1),
            n,
            n % SEEDS,
            epochs,
        )
        for n in range(count)
    ]


def parameters(fit: Fit) -> int:
    """Return the weights of a fit's network, biases left out."""
    units = fit.trial.capacity["units"]
    return sum(a * b for a, b in pairwise((INPUTS, units, units, 1)))  # type: ignore[operator]


def card() -> dict[str, Any]:
    """Return the device's name, copy rate (bytes read and written) and float32 matmul rate."""
    import jax
    import jax.numpy as jnp

    on_gpu = jax.default_backend() == "gpu"
    size, length = (8192, 2**30) if on_gpu else (1024, 2**24)
    numbers = jnp.ones(length, jnp.float32)
    square = jnp.asarray(np.random.default_rng(0).normal(size=(size, size)), jnp.float32)
    copy = _best(jax.jit(lambda a: a + 1.0), numbers)
    product = _best(jax.jit(lambda a: a @ a), square)
    return {
        "device": str(jax.devices()[0].device_kind),
        "copy_tb_s": 2 * FLOAT * length / copy / 1e12,
        "matmul_tflops": 2 * size**3 / product / 1e12,
    }


def _best(function: Any, argument: Any) -> float:
    """Return the shortest of ten calls in seconds, after warming up."""
    function(argument).block_until_ready()
    times = []
    for _ in range(10):
        started = time.perf_counter()
        function(argument).block_until_ready()
        times.append(time.perf_counter() - started)
    return min(times)


def measure(count: int, batch: int, epochs: int, memory: int) -> dict[str, Any]:
    """Train so many fits; return seconds and achieved rates."""
    from pipeline.training.stacked.engine import PROGRAMS

    arrays = table()
    mlp = family(ModelConfig(), CapacityConfig(), {"standard": (INPUTS,)}, 1, regression=True)
    told = Settings(patience=epochs + 1, batch_size=batch)
    fits = fits_of(count, epochs)
    plan = plan_stacks(fits, Workload(mlp, told, ROWS, VAL_ROWS), Limits(memory))
    trainer, compiled, started = engine("stacked"), PROGRAMS.seconds, time.perf_counter()
    for stack in plan.stacks:
        trainer(stack, arrays, mlp, told, Silent())
    compiled = PROGRAMS.seconds - compiled
    seconds = time.perf_counter() - started - compiled
    steps = -(-ROWS // batch) * epochs
    weights = sum(parameters(fit) for fit in fits)
    return {
        "fits": count,
        "batch": batch,
        "plan": plan.sentence,
        "seconds": round(seconds, 3),
        "compile_seconds": round(compiled, 2),
        "fits_an_hour": round(3600 * count / seconds),
        "tflops": round(6 * ROWS * epochs * weights / seconds / 1e12, 4),
        "tb_s": round(MOVED * FLOAT * weights * steps / seconds / 1e12, 4),
    }


def main() -> None:
    """Measure, print a table and one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fits", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--batch", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--memory", type=float, default=60e9, help="bytes that stacks may use")
    options = parser.parse_args()
    rates = card()
    print(rates)
    rows = []
    for count in options.fits:
        for batch in options.batch:
            rows.append(measure(count, batch, options.epochs, int(options.memory)))
            print(rows[-1], flush=True)
    print(json.dumps({**rates, "rows": rows}))


if __name__ == "__main__":
    main()
