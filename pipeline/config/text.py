"""A configuration as YAML text, and back: written by a sweep and read by a replay."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pipeline.config.checks import problems
from pipeline.config.choices import SearchKind
from pipeline.config.messages import message
from pipeline.config.redact import HIDDEN, redacted
from pipeline.config.schema import SweepConfig
from pipeline.config.schema_search import CapacityConfig, OtherSearchConfig
from pipeline.core.errors import ConfigError


def dump(config: SweepConfig) -> str:
    """Return the configuration as YAML, credentials hidden."""
    return OmegaConf.to_yaml(OmegaConf.structured(without_credentials(config)))


def without_credentials(config: SweepConfig) -> SweepConfig:
    """Return the configuration with the credentials of its addresses hidden."""
    uri, url = config.tracking.uri, config.notify.url
    return replace(
        config,
        tracking=replace(config.tracking, uri=None if uri is None else redacted(uri)),
        notify=replace(config.notify, url=None if url is None else HIDDEN),
    )


def load(text: str) -> SweepConfig:
    """Return the configuration that `dump` wrote; nothing in it is resolved or executed.

    A hidden webhook becomes None. The function of `model.builder` is only a name here.

    Raises:
        ConfigError: The text is no configuration of this version.
    """
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"the stored configuration is no YAML: {error}") from error
    if not isinstance(tree, dict) or "${" in text:
        raise ConfigError("the stored configuration is not one that a sweep wrote")
    if (tree.get("notify") or {}).get("url") == HIDDEN:
        tree["notify"]["url"] = None
    is_capacity = (tree.get("search") or {}).get("kind") == SearchKind.capacity.name
    try:
        search = CapacityConfig() if is_capacity else OtherSearchConfig()
        base = OmegaConf.structured(SweepConfig(search=search))
        config = cast("SweepConfig", OmegaConf.to_object(OmegaConf.merge(base, tree)))
    except OmegaConfBaseException as error:
        reason = str(error).partition("\n")[0]
        raise ConfigError(
            f"the stored configuration does not fit this version: {reason}"
        ) from error
    wrong = problems(config, stored=True)
    if wrong:
        raise ConfigError(message(wrong, {}))
    return config
