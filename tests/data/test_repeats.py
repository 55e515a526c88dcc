"""What a table decides of a search: which resolutions differ, how far a moving average reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from pipeline.config.choices import Encoding
from pipeline.config.schema import SweepConfig, TrainingConfig
from pipeline.config.schema_search import CapacityConfig, NuisanceConfig
from pipeline.session.facts import fitted_to

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.data.dataset import Dataset

ALL = (Encoding.standard, Encoding.piecewise, Encoding.embedded)


@pytest.mark.parametrize(
    ("values", "encodings", "bins"),
    [
        pytest.param(0, [Encoding.standard], [8, 48, 120], id="no numbers"),
        pytest.param(5, [Encoding.standard, Encoding.piecewise], [8], id="few: none to embed"),
        pytest.param(30, list(ALL), [8, 48], id="one number a value, or fewer"),
        pytest.param(200, list(ALL), [8, 48, 120], id="every resolution differs"),
    ],
)
def test_a_resolution_that_gives_the_same_inputs_is_left_out(
    prepared: Callable[..., Dataset], values: int, encodings: list[Encoding], bins: list[int]
) -> None:
    """Of encodings and intervals those stay that give a network something new."""
    rng = np.random.default_rng(0)
    x = rng.permutation(np.arange(400) % (values or 3))
    shown = x.astype(float) if values else np.array(["Bonn", "Aachen", "Trier"])[x]
    dataset = prepared(pd.DataFrame({"x": shown, "y": x + rng.normal(size=400)}), target="y")
    search = CapacityConfig(nuisance=NuisanceConfig(encoding=list(ALL), bins=[8, 48, 120]))
    config = SweepConfig(search=search)
    nuisance = fitted_to(config, dataset).search.nuisance
    assert (list(nuisance.encoding), list(nuisance.bins)) == (encodings, bins)


@pytest.mark.parametrize(
    ("rows", "epochs", "ema", "expected"),
    [
        pytest.param(400, 0.5, [0.9], [0.9], id="few steps: as it is"),
        pytest.param(4000, 0.5, [0.9], [0.975], id="80 steps of 32 rows: 40 of them"),
        pytest.param(4100, 0.5, [0.9], [0.975], id="some rows more: the same value"),
        pytest.param(4000, 0.5, [0.0, 0.9, 0.95], [0.0, 0.975], id="none stays, equal ones once"),
        pytest.param(4000, 0.0, [0.9, 0.95], [0.9, 0.95], id="not wanted"),
    ],
)
def test_a_moving_average_reaches_back_its_share_of_an_epoch(
    prepared: Callable[..., Dataset],
    rows: int,
    epochs: float,
    ema: list[float],
    expected: list[float],
) -> None:
    """A momentum is raised on a table whose epoch has more steps than it covers."""
    x = np.sin(np.arange(rows))
    dataset = prepared(pd.DataFrame({"x": x, "y": 2 * x}), target="y")
    search = CapacityConfig(nuisance=NuisanceConfig(ema=ema, ema_epochs=epochs))
    config = SweepConfig(search=search, training=TrainingConfig())
    assert list(fitted_to(config, dataset).search.nuisance.ema) == expected
