"""The sizes of a program follow from the workload."""

from __future__ import annotations

import pytest

from pipeline.config.schema import ModelConfig
from pipeline.config.schema_search import CapacityConfig
from pipeline.core.records import Trial
from pipeline.training.cost import Cost, Workload
from pipeline.training.families import family
from pipeline.training.families.mlp import of_widths
from pipeline.training.settings import Settings
from pipeline.training.sizes import CPU, GRAPHS, gpu, shape_of, tile_members

TABLE = (1000, 200)


@pytest.mark.parametrize(
    ("products", "parameters", "members"),
    [(1_000, 1_000, 4), (20_000, 20_000, 2), (1_000, 150_000, 2)],
)
def test_heavy_steps_and_large_networks_are_trained_two_a_tile(products, parameters, members):
    """So that a stack of four fits keeps two cores at work; small ones share what a call costs."""
    assert shape_of(parameters, products, TABLE, batch=32).members == members
    assert shape_of(parameters, products, TABLE, 32, GRAPHS).members == 1


def test_a_gpu_takes_all_members_at_once():
    """It has one queue: several tiles would wait for each other."""
    assert shape_of(20_000, 20_000, TABLE, 32, gpu(8e9), crowd=(100, 10)).members == 128


def test_the_forecast_counts_the_tiles_that_are_trained():
    """`plan` spreads a stack over as many cores as the engine does."""
    for units in (8, 64, 256):
        tabm = family(
            ModelConfig(family="tabm"), CapacityConfig(), {"standard": (20,)}, 1, regression=True
        )
        capacity = of_widths(units)
        cost = Cost(Workload(tabm, Settings(batch_size=32), *TABLE))
        parameters, products = tabm.parameters(capacity), tabm.products(capacity)
        counted = cost.tile_members(Trial(capacity, 0.01, parameters), (units,))
        assert counted == shape_of(parameters, products, TABLE, batch=32).members
        assert counted == tile_members(CPU, 6 * 32 * products, parameters)
