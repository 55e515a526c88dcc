"""From Hydra's files and command line words to one checked, plain SweepConfig."""

from __future__ import annotations

import copy
import re
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from pipeline.config import schema
from pipeline.config.checks import problems
from pipeline.config.keys import all_keys, in_words
from pipeline.config.options import groups
from pipeline.config.overrides import quoted, read
from pipeline.config.places import conf_dir
from pipeline.config.problems import Problem, tell
from pipeline.config.redact import redacted
from pipeline.config.suggest import did_you_mean
from pipeline.errors import ConfigError

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
    """Compose words that `read_words` returned; Hydra's own settings are under `hydra`."""
    register()
    try:
        with initialize_config_dir(str(conf_dir()), version_base="1.3", job_name="sweep"):
            return hydra_compose("sweep", overrides=list(overrides), return_hydra_config=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(redacted(_composing(error))) from error


def register() -> None:
    """Store every group's schema as `base_<group>`, and the resolver that conf/ uses."""
    store = ConfigStore.instance()
    store.store(name="base_sweep", node=schema.SweepConfig)
    for group, nodes in SCHEMAS.items():
        for name, node in nodes.items():
            store.store(group=group, name=name, node=node)
    OmegaConf.register_new_resolver("below_epochs", _below_epochs, replace=True)


def _below_epochs(patience: int, epochs: int) -> int:
    """Return the usual patience, or less where there are too few epochs for it."""
    return max(1, min(patience, epochs - 1))


def plain(cfg: DictConfig) -> schema.SweepConfig:
    """Turn a composed configuration into plain dataclasses and check it.

    Raises:
        ConfigError: All that is wrong, in one message.
    """
    choices = OmegaConf.select(cfg, "hydra.runtime.choices") or {}
    own = _own_part(cfg)
    extra_keys = list(_unknown_keys(own))
    if extra_keys:
        raise ConfigError(tell(extra_keys, choices))
    _name_the_data(own)
    try:
        config = OmegaConf.to_object(own)
    except OmegaConfBaseException as error:
        raise ConfigError(redacted(_resolving(error))) from error
    if not isinstance(config, schema.SweepConfig):
        raise TypeError(type(config))
    found = problems(config)
    if found:
        raise ConfigError(tell(found, choices))
    return config


def _own_part(cfg: DictConfig) -> DictConfig:
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
            yield from _names(cfg._get_node(key), f"{prefix}{key}.")  # noqa: SLF001


def _name_the_data(cfg: DictConfig) -> None:
    """Name a table after its file, where no name is given."""
    if OmegaConf.is_missing(cfg, "data") or not OmegaConf.is_missing(cfg.data, "name"):
        return
    path = cfg.data.path
    cfg.data.name = PurePath(path).name.partition(".")[0] or "table" if path else "table"


def _composing(error: Exception) -> str:
    """Return what Hydra could not compose, in one sentence: a file is at fault, or two words."""
    cause = error.__cause__ or error
    key = getattr(cause, "full_key", None) or ""
    if key and key in all_keys():
        return (
            _belongs_elsewhere(key)
            or f"{key}: must be {in_words(all_keys()[key].hint)}; {_first_line(cause)}"
        )
    if key:
        return f"unknown key {key}{did_you_mean(key, all_keys())}; {_first_line(error)}"
    return _first_line(error)


def _belongs_elsewhere(key: str) -> str:
    (owner, *others) = all_keys()[key].owners
    if others or owner not in {schema.CapacityConfig, schema.OtherSearchConfig}:
        return ""
    home = (
        "search=capacity"
        if owner is schema.CapacityConfig
        else "search=grid, random, bayesian or hyperband"
    )
    return f"{key}: is a key of {home}, which is not what this sweep uses"


def _resolving(error: OmegaConfBaseException) -> str:
    key = error.full_key or ""
    if "missing mandatory value" in str(error):
        return f"{key}: must be given"
    environment = re.search(r"Environment variable '(\w+)' not found", str(error))
    if environment:
        return f"{key}: the environment variable {environment[1]} is not set"
    return f"{key}: {_first_line(error)}"


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
