"""Complaints of Hydra, OmegaConf and YAML about configuration files, in one sentence of ours."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hydra.errors import MissingConfigException
from yaml import MarkedYAMLError

from pipeline.config.hydras import ALLOWED, NOT_IN_A_FILE
from pipeline.config.keys import all_keys, described
from pipeline.config.messages import did_you_mean
from pipeline.config.schema_search import CapacityConfig, OtherSearchConfig

if TYPE_CHECKING:
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

_IN_FILE = re.compile(r"In '(?P<file>[^']+)'")
_FULL_KEY = re.compile(r"full_key: (?P<key>\S+)")
_ENVIRONMENT = re.compile(r"Environment variable '(?P<name>\w+)' not found")

_LISTED = (
    "a list stands where keys belong, or keys where a list belongs (of Hydra's own settings a file"
    f" may give {', '.join(ALLOWED)})"
)


def about_files(error: Exception) -> str:
    """Return why Hydra could not put the files together: a key, a value or an option."""
    if isinstance(error, MissingConfigException):
        return _missing_option(error)
    text = f"{error}\n{error.__cause__ or ''}"
    in_file, full_key = _IN_FILE.search(text), _FULL_KEY.search(text)
    where = f" (conf/{in_file['file']}.yaml)" if in_file else ""
    if full_key is None:
        return f"{_LISTED if 'Cannot merge' in text else _detail(text)}{where}"
    key = full_key["key"]
    if key == "experiment":
        return f"a recipe begins with the line `# @package _global_`{where}"
    return f"{about_key(key, text)}{where}"


def about_key(key: str, text: str) -> str:
    """Return why a key cannot be set, from the text of the error."""
    if key.partition(".")[0] == "hydra":
        return f"{key}: {NOT_IN_A_FILE}"
    if key not in all_keys():
        return f"unknown key {key}{did_you_mean(key, all_keys())}"
    other = _belongs_elsewhere(key)
    return f"{key}: {other or f'must be {described(all_keys()[key].hint)}: {_detail(text)}'}"


def about_values(error: OmegaConfBaseException) -> str:
    """Return why a value is not there: missing, or an interpolation that leads nowhere."""
    key, text = error.full_key or "", str(error)
    if "missing mandatory value" in text:
        return f"{key}: must be given"
    variable = _ENVIRONMENT.search(text)
    if variable:
        return f"{key}: the environment variable {variable['name']} is not set"
    return f"{key}: {_detail(text)}"


def about_yaml(error: YAMLError) -> str:
    """Return where a file is no YAML."""
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"{mark.name}, line {mark.line + 1}: no valid YAML: {error.problem}"
    return f"no valid YAML: {' '.join(str(error).split())}"


def _missing_option(error: MissingConfigException) -> str:
    group, _, option = (error.missing_cfg_file or "").rpartition("/")
    names = [name for name in error.options or () if not name.startswith("base_")]
    allowed = f"must be one of {', '.join(names)}" if names else "there is no such group"
    return f"{group}={option}: {allowed}{did_you_mean(option, names)} (conf/{group}/)"


def _belongs_elsewhere(key: str) -> str:
    (owner, *others) = all_keys()[key].owners
    if owner is CapacityConfig and not others:
        return "is a key of search=capacity, which is not what this sweep uses"
    if owner is OtherSearchConfig and not others:
        return (
            "is a key of search=grid, random, bayesian or hyperband, none of which this sweep uses"
        )
    return ""


def _detail(text: str) -> str:
    """Return the first line that says more than where."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if not line.endswith("while composing config:")]
    return _IN_FILE.sub("", (telling or lines)[0]).lstrip(": ")
