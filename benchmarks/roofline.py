"""How near stacked training comes to the machine's own matrix products, all cores counted.

    python -m benchmarks.roofline [--units 32 100 256 512] [--layers 2] [--repeats 3]
        [--members 8] [--embedded 48]

Trains stacks of equal networks (1,400 rows of 20 numbers, batch 32, Adam, no early stop) with the
product's engine: of the MLP, or with `--members` of TabM; with `--embedded` each number is embedded
from so many intervals. It measures the float32 matmul rate before and after each of them in the same
process: the faster of NumPy and the backend, on all cores. Counted is the arithmetic that the real
units need, forward and backward, and forward on the validation rows; padding counts as nothing.
Compiling is left out and given apart. Medians; the last line on stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import Any

import numpy as np

from pipeline.config.choices import EMBEDDED
from pipeline.config.schema import ModelConfig
from pipeline.config.schema_search import CapacityConfig
from pipeline.core.names import Grid
from pipeline.core.records import Arrays, Fit, Stack, Trial
from pipeline.training.engine import engine
from pipeline.training.families import family
from pipeline.training.families.mlp import of_widths
from pipeline.training.padding import pad_to
from pipeline.training.settings import Settings
from pipeline.training.threads import cores

ROWS, VAL_ROWS, INPUTS, BATCH = 1400, 128, 20, 32
MATMUL_SIZE = 2048
TARGET_FLOP = 6e10
"""Arithmetic of one measurement and core: a second or less."""


class Silent:
    """A control that never stops."""

    def report(self, progress: Any) -> None:
        """Say nothing."""

    def stop_reason(self) -> str:
        """Go on."""
        return ""


def table(inputs: int) -> Arrays:
    """Return a regression on random numbers."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS + VAL_ROWS, inputs)).astype(np.float32)
    y = np.tanh(x[:, :1]).astype(np.float32)
    return Arrays(x[:ROWS], y[:ROWS], x[ROWS:], y[ROWS:], regression=True)


def matmul_rate() -> float:
    """Return the float32 matmul rate of the machine in GFLOP/s, all cores."""
    import keras

    a = np.random.default_rng(0).normal(size=(MATMUL_SIZE, MATMUL_SIZE)).astype(np.float32)
    tensor = keras.ops.convert_to_tensor(a)
    products = (
        lambda: np.matmul(a, a),
        lambda: keras.ops.convert_to_numpy(keras.ops.matmul(tensor, tensor)),
    )
    best = 0.0
    for product in products:
        for _ in range(5):
            started = time.perf_counter()
            product()
            best = max(best, 2 * MATMUL_SIZE**3 / (time.perf_counter() - started) / 1e9)
    return best


def epoch_flop(products: int, first: int) -> float:
    """Return the arithmetic of one epoch of one fit.

    Args:
        products: Multiplications of a row forward, as its family counts them: with biases, 4 % at 32 units.
        first: Those of the first layer, for whose inputs no slopes are needed.
    """
    return 2 * ROWS * (3 * products - first) + 2 * VAL_ROWS * products


def measure(
    units: int, layers: int, repeats: int, members: int, intervals: int
) -> dict[str, float]:
    """Return rates and ratio for one width.

    Args:
        units: Of every hidden layer.
        layers: Hidden layers.
        repeats: Measurements.
        members: Networks that share the hidden layers; 1: an MLP.
        intervals: Of every embedded number; 0: numbers are not embedded.
    """
    from pipeline.training.stacked.engine import PROGRAMS

    slots = intervals + 1 if intervals else 1
    arrays, widths = table(INPUTS * slots), (units,) * layers
    name = "embedded" if intervals else "standard"
    model = ModelConfig(family="tabm", members=members) if members > 1 else ModelConfig()
    grids = {name: Grid(slots, INPUTS)} if intervals else {}
    shapes = {name: (INPUTS * slots,)}
    networks = family(model, CapacityConfig(), shapes, 1, regression=True, grids=grids)
    count = 8 * cores()
    capacity = of_widths(*widths)
    first = INPUTS * (slots * EMBEDDED if intervals else units if members == 1 else members)
    flop = epoch_flop(networks.products(capacity, name), first)
    epochs = max(2, round(TARGET_FLOP * cores() / count / flop))
    trial = Trial(capacity, 1e-3, 1, nuisance=(("encoding", name),))
    fits = tuple(Fit(trial, seed, seed, epochs) for seed in range(count))
    stack = Stack(0, fits, pad_to([widths]))
    settings, trainer = Settings(patience=epochs + 1, batch_size=BATCH), engine("stacked")
    compiled = PROGRAMS.seconds
    trainer(stack, arrays, networks, settings, Silent())
    compiled = PROGRAMS.seconds - compiled
    rates, ratios, matmuls = [], [], [matmul_rate()]
    for _ in range(repeats):
        started = time.perf_counter()
        trainer(stack, arrays, networks, settings, Silent())
        rates.append(count * epochs * flop / (time.perf_counter() - started) / 1e9)
        matmuls.append(matmul_rate())
        ratios.append(rates[-1] / statistics.mean(matmuls[-2:]))
    return {
        "units": units,
        "training_gflops": round(statistics.median(rates), 1),
        "matmul_gflops": round(statistics.median(matmuls), 1),
        "ratio": round(statistics.median(ratios), 3),
        "compile_seconds": round(compiled, 2),
    }


def main() -> None:
    """Measure, print a table and one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, nargs="+", default=[32, 100, 256, 512])
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--members", type=int, default=1)
    parser.add_argument("--embedded", type=int, default=0)
    options = parser.parse_args()
    print("units  training GFLOP/s  matmul GFLOP/s  ratio  compile s")
    rows = []
    for units in options.units:
        row = measure(units, options.layers, options.repeats, options.members, options.embedded)
        rows.append(row)
        print(
            f"{units:5}  {row['training_gflops']:16}  {row['matmul_gflops']:14}"
            f"  {row['ratio']:5}  {row['compile_seconds']:9}",
            flush=True,
        )
    print(json.dumps({"cores": cores(), **vars(options), "units": rows}))


if __name__ == "__main__":
    main()
