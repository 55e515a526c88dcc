"""Inputs that are the same are not tried twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from pipeline.config.choices import Encoding
from pipeline.config.schema import SweepConfig
from pipeline.config.schema_search import CapacityConfig, NuisanceConfig
from pipeline.session.facts import without_repeats

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
    nuisance = without_repeats(config, dataset).search.nuisance
    assert (list(nuisance.encoding), list(nuisance.bins)) == (encodings, bins)
