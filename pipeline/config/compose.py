"""From Hydra's files and command line words to one checked, plain SweepConfig."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from pipeline.config import schema
from pipeline.config.places import conf_dir

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omegaconf import DictConfig


def register() -> None:
    """Store every group's schema as `base_<group>`, and the resolvers that conf/ uses."""
    store = ConfigStore.instance()
    store.store(name="base_sweep", node=schema.SweepConfig)
    for group, name, node in (
        ("data", "base_data", schema.DataConfig),
        ("model", "base_model", schema.ModelConfig),
        ("search", "base_capacity", schema.CapacityConfig),
        ("search", "base_other", schema.OtherSearchConfig),
        ("training", "base_training", schema.TrainingConfig),
        ("budget", "base_budget", schema.BudgetConfig),
        ("compute", "base_compute", schema.ComputeConfig),
        ("tracking", "base_tracking", schema.TrackingConfig),
        ("registry", "base_registry", schema.RegistryConfig),
        ("notify", "base_notify", schema.NotifyConfig),
    ):
        store.store(group=group, name=name, node=node)
    OmegaConf.register_new_resolver("below_epochs", _below_epochs, replace=True)


def _below_epochs(patience: int, epochs: int) -> int:
    return max(1, min(patience, epochs - 1))


def compose(overrides: Sequence[str]) -> schema.SweepConfig:
    """Compose and check a configuration as the command line would."""
    register()
    with initialize_config_dir(str(conf_dir()), version_base="1.3", job_name="sweep"):
        return plain(hydra_compose("sweep", overrides=list(overrides)))


def plain(cfg: DictConfig) -> schema.SweepConfig:
    """Turn a composed configuration into plain dataclasses."""
    return OmegaConf.to_object(cfg)
