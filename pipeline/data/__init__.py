"""From a table to arrays: file -> typed table -> leak-free split -> encoders -> float32 arrays.

Hands out `prepare`, which returns a `Dataset`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline.config.schema_data import DataConfig
from pipeline.data.source import find, inspect

if TYPE_CHECKING:
    from pipeline.data.dataset import Dataset


def prepare(config: DataConfig, seed: int) -> Dataset:
    """Return the prepared data set of a configuration: read, split, judged, in this order.

    Problems with a path are raised before pandas is imported.

    Raises:
        DataError: The data cannot be used.
    """
    if config.kind == "images" and config.target is None:
        config = replace(config, target="label")
    sources = [(find(config.path), "data.path")]
    if config.test_path is not None:
        sources.append((find(config.test_path, "data.test_path"), "data.test_path"))
    if config.kind != "images":
        for path, key in sources:
            inspect(path, key)
    from pipeline.data.assemble import assembled

    return assembled(config, sources, seed)
