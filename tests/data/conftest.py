"""Small tables for the data room's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from pipeline.config.schema_data import DataConfig
from pipeline.data import prepare

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.data.dataset import Dataset


@pytest.fixture
def people() -> pd.DataFrame:
    """Return 200 rows with numbers, a boolean, categories, dates, gaps, and two targets."""
    generator = np.random.default_rng(5)
    rows = 200
    frame = pd.DataFrame(
        {
            "height": generator.normal(170, 10, rows).round(1),
            "children": generator.integers(0, 5, rows),
            "member": generator.random(rows) < 0.5,
            "town": generator.choice(["Bern", "Graz", "Köln"], rows, p=[0.5, 0.3, 0.2]),
            "joined": pd.date_range("2020-01-01", periods=rows, freq="3D").strftime("%Y-%m-%d"),
            "wage": generator.gamma(3.0, 10.0, rows),
            "left": generator.choice(["no", "yes"], rows, p=[0.7, 0.3]),
        }
    )
    frame.loc[::9, "height"] = np.nan
    frame.loc[::11, "town"] = None
    return frame


@pytest.fixture
def prepared(tmp_path: Path) -> Callable[..., Dataset]:
    """Return a function that writes a table, prepares it and returns the data set."""

    def run(frame: pd.DataFrame | str | bytes, seed: int = 0, **options: Any) -> Dataset:
        path = tmp_path / "table.csv"
        if isinstance(frame, pd.DataFrame):
            frame.to_csv(path, index=False)
        elif isinstance(frame, bytes):
            path.write_bytes(frame)
        else:
            path.write_text(frame, encoding="utf-8")
        return prepare(DataConfig(name="test", path=str(path), **options), seed)

    return run
