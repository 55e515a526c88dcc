"""From Hydra's files and command line words to one checked, plain SweepConfig."""

from __future__ import annotations

import copy
import os
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from pipeline.config import schema
from pipeline.config.checks import problems
from pipeline.config.complaints import about_files, about_values, about_yaml
from pipeline.config.hydras import NOT_IN_A_FILE, hydra_problems
from pipeline.config.keys import all_keys
from pipeline.config.lookups import lookup_problems
from pipeline.config.mappings import MAPPINGS, restore
from pipeline.config.options import groups
from pipeline.config.overrides import read
from pipeline.config.places import conf_dir
from pipeline.config.problems import Problem, tell
from pipeline.config.quoting import quoted
from pipeline.config.redact import hide_environment, redacted
from pipeline.config.suggest import did_you_mean
from pipeline.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

SCHEMAS: dict[str, dict[str, type]] = {
    "data": {"base_data": schema.DataConfig},
    "model": {"base_model": schema.ModelConfig},
    "search": {"base_capacity": schema.CapacityConfig, "base_other": schema.OtherSearchConfig},
    "training": {"base_training": schema.TrainingConfig},
    "budget": {"base_budget": schema.BudgetConfig},
    "compute": {"base_compute": schema.ComputeConfig},
    "tracking": {"base_tracking": schema.TrackingConfig},
    "registry": {"base_registry": schema.RegistryConfig},
    "notify": {"base_notify": schema.NotifyConfig},
}
"""What the files of each group build on, by the name in their defaults list."""


def compose(overrides: Sequence[str], extra: Path | None = None) -> schema.SweepConfig:
    """Compose and check a configuration as the command line would.

    Args:
        overrides: `key=value` words; those of Hydra itself have no effect.
        extra: A further folder of configuration files.

    Raises:
        ConfigError: All that is wrong, in one message.
    """
    return plain(compose_raw(read_words(overrides, extra)))


def read_words(
    words: Sequence[str], extra: Path | None = None, *, multirun: bool = False
) -> list[str]:
    """Return command line words as Hydra may have them.

    Args:
        words: `key=value` words as typed.
        extra: A further folder of configuration files.
        multirun: Whether a comma separates values to run one after another.

    Raises:
        ConfigError: Every unknown key or option and every value of a wrong type, in one message.
    """
    found = read(words, groups(extra), multirun=multirun)
    if found.problems:
        raise ConfigError(tell(found.problems, found.choices))
    search_path = [f"hydra.searchpath=[{quoted(f'file://{extra}')}]"] if extra else []
    return [*found.overrides, *search_path]


def compose_raw(overrides: Sequence[str]) -> DictConfig:
    """Compose words that `read_words` returned; Hydra's own settings are under `hydra`.

    Raises:
        ConfigError: A file that cannot be read, one that sets anything of Hydra's beyond
            `hydras.ALLOWED`, or looks up what must not be; nothing of it has been looked up.
    """
    register()
    hide_environment()
    try:
        with initialize_config_dir(str(conf_dir()), version_base="1.3", job_name="sweep"):
            found = hydra_compose("sweep", overrides=list(overrides), return_hydra_config=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(redacted(about_files(error))) from error
    except YAMLError as error:
        raise ConfigError(redacted(about_yaml(error))) from error
    except KeyError as error:  # hydra.job.env_copy of a variable that is not there
        raise ConfigError(f"hydra.job.env_copy=[{error.args[0]}]: {NOT_IN_A_FILE}") from error
    restore(found)
    wrong = [*hydra_problems(found.hydra), *lookup_problems(own_part(found))]
    if wrong:
        raise ConfigError(tell(wrong, OmegaConf.select(found, "hydra.runtime.choices")))
    return found


def register() -> None:
    """Store every group's schema as `base_<group>`, and the resolver that conf/ uses."""
    store = ConfigStore.instance()
    store.store(name="base_sweep", node=schema.SweepConfig)
    for group, nodes in SCHEMAS.items():
        for name, node in nodes.items():
            store.store(group=group, name=name, node=node)
    OmegaConf.register_new_resolver("below_epochs", _below_epochs, replace=True)
    # A launcher that hands on an empty variable means that there is none.
    OmegaConf.register_new_resolver("env", lambda name: os.environ.get(name) or None, replace=True)


def _below_epochs(patience: int, epochs: int) -> int:
    """Return the usual patience, or less where there are too few epochs for it."""
    return max(1, min(patience, epochs - 1))


def plain(cfg: DictConfig) -> schema.SweepConfig:
    """Turn a composed configuration into plain dataclasses and check it.

    Raises:
        ConfigError: All that is wrong, in one message.
    """
    choices = OmegaConf.select(cfg, "hydra.runtime.choices") or {}
    own = own_part(cfg)
    extra_keys = list(_unknown_keys(own))
    if extra_keys:
        raise ConfigError(tell(extra_keys, choices))
    try:
        _name_the_data(own)
        config = OmegaConf.to_object(own)
    except OmegaConfBaseException as error:
        raise ConfigError(redacted(about_values(error))) from error
    if not isinstance(config, schema.SweepConfig):
        raise TypeError(type(config))
    found = problems(config)
    if found:
        raise ConfigError(tell(found, choices))
    return config


def own_part(cfg: DictConfig) -> DictConfig:
    """Return a copy without Hydra's settings; nothing is looked up."""
    own = copy.deepcopy(cfg)
    with open_dict(own):
        own.pop("hydra", None)
    return own


def _unknown_keys(cfg: DictConfig) -> Iterator[Problem]:
    """Yield the keys that `+key=value` or a file without a schema smuggled in."""
    for name in _names(cfg, ""):
        if name not in all_keys():
            yield Problem(f"unknown key {name}{did_you_mean(name, all_keys())}")


def _names(cfg: Any, prefix: str) -> Iterator[str]:
    if isinstance(cfg, DictConfig) and not cfg._is_missing() and not cfg._is_none():  # noqa: SLF001
        for key in map(str, cfg):
            yield f"{prefix}{key}"
            if f"{prefix}{key}" in MAPPINGS:
                continue  # its keys are the table's columns
            yield from _names(cfg._get_node(key), f"{prefix}{key}.")  # noqa: SLF001


def _name_the_data(cfg: DictConfig) -> None:
    """Name a table after its file, where no name is given."""
    if OmegaConf.is_missing(cfg, "data") or not OmegaConf.is_missing(cfg.data, "name"):
        return
    path = cfg.data.path
    cfg.data.name = PurePath(path).name.partition(".")[0] or "table" if path else "table"
