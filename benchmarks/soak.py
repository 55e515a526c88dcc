"""Twenty sweeps and 2,000 fits in one process: does anything grow?

    python -m benchmarks.soak [--sweeps 20] [--shapes 20]

Every sweep trains 105 fits through the same front door as the command line, of other widths, depths
and batch sizes than the one before; `--shapes 1` repeats one and the same. After each: resident
memory, threads, file handles, files left in the folder for temporary ones. The last line on stdout is
one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

FITS = 105
"""Of a sweep: 3 sizes, 7 learning rates, 5 executions."""

LATE = 1000
"""Fits after which memory is compared with that after the first sweep."""


@dataclass
class Sample:
    """What the process holds after a sweep."""

    fits: int
    megabytes: float
    """Resident memory."""
    threads: int
    handles: int
    temporary: int
    """Entries in the folder for temporary files."""
    seconds: float


def words(number: int, home: Path) -> list[str]:
    """Return the command line of a sweep; no two have the same shapes."""
    units = [8 + 4 * number, 16 + 4 * number, 32 + 4 * number]
    depth = 1 + number % 2
    architectures = ",".join(f"[{','.join([str(width)] * depth)}]" for width in units)
    return [
        *("data=wages", "search=grid", f"search.space.architectures=[{architectures}]"),
        "search.learning_rate.values=[0.001,0.002,0.003,0.005,0.008,0.012,0.02]",
        *("training.executions=5", "training.epochs=10", f"training.batch_size={32 + number}"),
        *("verbose=false", f"tracking.uri=sqlite:///{home}/store/mlflow.db"),
    ]


def sample(fits: int, temporary: Path, began: float) -> Sample:
    """Look at this process."""
    process = psutil.Process()
    return Sample(
        fits=fits,
        megabytes=round(process.memory_info().rss / 1e6, 1),
        threads=process.num_threads(),
        handles=process.num_fds(),
        temporary=len(list(temporary.iterdir())),
        seconds=round(time.monotonic() - began, 1),
    )


def main() -> None:
    """Run the sweeps and print what the process holds after each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sweeps", type=int, default=20)
    parser.add_argument("--shapes", type=int, default=20, help="different sweeps among them")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        temporary = home / "temporary"
        temporary.mkdir()
        tempfile.tempdir = os.environ["TMPDIR"] = str(temporary)
        from pipeline.config.compose import compose
        from pipeline.session.loop import run

        samples = []
        for number in range(options.sweeps):
            began = time.monotonic()
            folder = home / f"sweep{number}"
            folder.mkdir()
            code = run(compose(words(number % options.shapes, home)), folder)
            assert code == 0, f"sweep {number} ended with {code}"
            done = json.loads((folder / "summary.json").read_text())["fits"]
            assert done == FITS, f"{done} fits"
            samples.append(sample((number + 1) * FITS, temporary, began))
            print(asdict(samples[-1]), flush=True)
    after_100 = samples[0]
    after_1000 = next((one for one in samples if one.fits >= LATE), samples[-1])
    result = {
        "fits": samples[-1].fits,
        "memory_1000_to_100": round(after_1000.megabytes / after_100.megabytes, 3),
        "memory_end_to_100": round(samples[-1].megabytes / after_100.megabytes, 3),
        "samples": [asdict(one) for one in samples],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
