"""`python -m pipeline.sweep`: the main job. Reads the command line, runs, sets the exit code."""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline.config.schema import SweepConfig
from pipeline.runtime.cli import exit_with


def main() -> int:
    """Run the sweep that the command line describes; return the exit code."""
    from pipeline.config.launch import launch
    from pipeline.runtime.signals import end_at_once

    end_at_once()
    return launch(_sweep, _check)


def _sweep(config: SweepConfig, output_dir: Path) -> int:
    if config.verbose and sys.stderr.isatty():  # the next output comes after seconds
        print("starting Keras ...", file=sys.stderr, flush=True)
    from pipeline.session.loop import run  # imports TensorFlow: only after all checks

    return run(config, output_dir)


def _check(config: SweepConfig) -> None:
    """Raise where a data file is missing or is no table, before pandas and TensorFlow are imported."""
    from pipeline.data.source import find, inspect

    for key, path in (("data.path", config.data.path), ("data.test_path", config.data.test_path)):
        if path is not None:
            file = find(path, key)
            if config.data.kind != "images":
                inspect(file, key)


if __name__ == "__main__":
    exit_with(main)
