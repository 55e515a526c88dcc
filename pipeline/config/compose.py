"""Compose the files of conf/ and the arguments of the command line to a checked SweepConfig."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import is_dataclass
from pathlib import Path, PurePath
from typing import Any, cast, get_type_hints

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.singleton import Singleton
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from pipeline.config.arguments import Argument, read
from pipeline.config.checks import problems
from pipeline.config.help import groups
from pipeline.config.hydras import (
    NOT_IN_A_FILE,
    about_files,
    about_key,
    about_values,
    about_yaml,
    hydra_problems,
)
from pipeline.config.keys import SEARCHES, all_keys
from pipeline.config.lookups import lookup_problems
from pipeline.config.messages import Problem, did_you_mean, message
from pipeline.config.places import conf_dir
from pipeline.config.redact import hide_environment, redacted
from pipeline.config.schema import SweepConfig
from pipeline.core.commands import quoted
from pipeline.core.errors import ConfigError

_CHOICES = "hydra.runtime.choices"
BASE = "base_sweep"
"""Name of the schema of sweep.yaml in Hydra's store."""


@contextmanager
def own_hydra() -> Iterator[None]:
    """Restore the host's configuration nodes, resolvers and Hydra application on exit."""
    state = Singleton.get_state()
    GlobalHydra.instance().clear()
    try:
        yield
    finally:
        Singleton.set_state(state)


def compose(arguments: Sequence[str], extra: Path | None = None) -> SweepConfig:
    """Compose and check a configuration as the command line would.

    Args:
        arguments: `key=value` each; those of Hydra itself have no effect.
        extra: A further folder of configuration files.

    Raises:
        ConfigError: All problems, in one message.
    """
    return plain(compose_raw(read(arguments, groups(extra)), extra))


def compose_raw(arguments: Sequence[Argument], extra: Path | None = None) -> DictConfig:
    """Compose the files and set the values; Hydra's own settings are under `hydra`.

    Raises:
        ConfigError: A file cannot be read, sets anything of Hydra's beyond `hydras.ALLOWED`, or has a
            forbidden interpolation; no interpolation has been resolved by then.
    """
    _register()
    hide_environment()
    options = [
        f"{each.plus}{each.name}={'null' if each.value is None else each.value}"
        for each in arguments
        if each.is_option
    ]
    options += [f"hydra.searchpath=[{quoted(f'file://{extra}')}]"] if extra else []
    try:
        with initialize_config_dir(str(conf_dir()), version_base="1.3", job_name="sweep"):
            composed = hydra_compose("sweep", overrides=options, return_hydra_config=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(redacted(about_files(error))) from error
    except YAMLError as error:
        raise ConfigError(redacted(about_yaml(error))) from error
    except KeyError as error:  # hydra.job.env_copy of a variable that is not there
        raise ConfigError(f"hydra.job.env_copy=[{error.args[0]}]: {NOT_IN_A_FILE}") from error
    wrong = [*_set_values(composed, arguments)]
    wrong += [*hydra_problems(composed.hydra), *lookup_problems(own_part(composed))]
    if wrong:
        raise ConfigError(message(wrong, OmegaConf.select(composed, _CHOICES)))
    return composed


def _set_values(composed: DictConfig, arguments: Sequence[Argument]) -> Iterator[Problem]:
    """Set the values of keys, the last of several; yield problems with keys this configuration lacks."""
    for each in arguments:
        if each.is_option:
            continue
        key, is_mapping = all_keys().get(each.name), isinstance(each.value, dict)
        if (
            each.plus == "+"
            and not is_mapping
            and OmegaConf.select(composed, each.name) is not None
        ):
            yield Problem(f"{each.name}: has a value already; leave the + out")
            continue
        try:
            add = key is not None and key.is_mapping
            OmegaConf.update(composed, each.name, each.value, merge=True, force_add=add)
        except OmegaConfBaseException as error:
            yield Problem(about_key(each.name, str(error)))


def _register() -> None:
    """Register every group's schema as `base_<group>`, and the resolvers of conf/; once a process."""
    store = ConfigStore.instance()
    known = store.repo.get(f"{BASE}.yaml")
    if known is not None and OmegaConf.get_type(known.node) is SweepConfig:  # not a host's own
        return
    store.store(name=BASE, node=SweepConfig)
    for group, schema in get_type_hints(SweepConfig).items():
        if is_dataclass(schema):
            store.store(group=group, name=f"base_{group}", node=schema)
    for name, schema in zip(("base_capacity", "base_other"), SEARCHES, strict=True):
        store.store(group="search", name=name, node=schema)
    # The default patience, or less where there are too few epochs for it.
    OmegaConf.register_new_resolver(
        "below_epochs", lambda usual, epochs: max(1, min(usual, epochs - 1)), replace=True
    )
    # An empty variable, as launchers pass it on, counts as not set.
    OmegaConf.register_new_resolver("env", lambda name: os.environ.get(name) or None, replace=True)


def plain(composed: DictConfig) -> SweepConfig:
    """Convert a composed configuration to plain dataclasses and check it.

    Raises:
        ConfigError: All problems, in one message.
    """
    options = OmegaConf.select(composed, _CHOICES) or {}
    own = own_part(composed)
    names = _names(OmegaConf.to_container(own, resolve=False), "")
    unknown = [name for name in names if name not in all_keys()]
    if unknown:
        wrong = [Problem(f"unknown key {name}{did_you_mean(name, all_keys())}") for name in unknown]
        raise ConfigError(message(wrong, options))
    try:
        _name_the_data(own)
        config = cast("SweepConfig", OmegaConf.to_object(own))
    except OmegaConfBaseException as error:
        raise ConfigError(redacted(about_values(error))) from error
    wrong = problems(config)
    if wrong:
        raise ConfigError(message(wrong, options))
    return config


def own_part(composed: DictConfig) -> DictConfig:
    """Return a copy without Hydra's settings; interpolations are not resolved."""
    own = copy.deepcopy(composed)
    with open_dict(own):
        own.pop("hydra", None)
    return own


def _names(tree: Any, prefix: str) -> Iterator[str]:
    """Yield every key, also keys outside the schema; columns of a mapping are no keys."""
    for name, value in tree.items():
        key = all_keys().get(f"{prefix}{name}")
        yield f"{prefix}{name}"
        if isinstance(value, dict) and (key is None or not key.is_mapping):
            yield from _names(value, f"{prefix}{name}.")


def _name_the_data(own: DictConfig) -> None:
    """Set `data.name` to the name of the file where it is missing."""
    if OmegaConf.is_missing(own, "data") or not OmegaConf.is_missing(own.data, "name"):
        return
    path = own.data.path
    own.data.name = PurePath(path).name.partition(".")[0] or "table" if path else "table"
