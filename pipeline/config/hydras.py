"""The allow-list of Hydra's own settings, and Hydra's errors about files as sentences.

Of Hydra only the composing of files is used; folders, logs and runs are ours (launch.py). Hydra therefore
never calls, imports or exports what a setting names. A file or argument with such a setting is refused all
the same: its author expects it to work.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.errors import MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError, YAMLError

from pipeline.config.keys import all_keys, described, leaves
from pipeline.config.messages import Problem, did_you_mean
from pipeline.config.places import conf_dir
from pipeline.config.redact import shown
from pipeline.config.schema_search import CapacityConfig, OtherSearchConfig

FOLDER = "the name of a folder, in which only ${now:FORMAT} is looked up"
ALLOWED: Mapping[str, str] = {
    "hydra.run.dir": FOLDER,
    "hydra.sweep.dir": FOLDER,
    "hydra.verbose": "true, false, or the loggers to hear in detail: a name or a list of names",
}
"""Allowed settings of Hydra's, with a description of their values."""
_NAMES = ", ".join(f"{key}={'DIR' if what is FOLDER else 'true'}" for key, what in ALLOWED.items())
NOT_IN_A_FILE = (
    f"a configuration file cannot set this of Hydra's; allowed: {_NAMES}."
    " Remove it from the file that sets it"
)
OF_HYDRA = (
    "hydra.overrides",
    "hydra.job.config_name",
    "hydra.job.override_dirname",
    "hydra.runtime.config_sources",
    "hydra.runtime.cwd",
    "hydra.searchpath",  # ours, for --config-dir; Hydra itself refuses it in any file but sweep.yaml
)
"""Keys that Hydra fills in from arguments and files; values that a file sets there are never used."""
CHOICES = "hydra.runtime.choices"

_NOW = re.compile(r"\$\{now:[^${}]*\}")


def unknown_setting(key: str, value: str) -> Problem:
    """Return the problem with an argument that sets any other setting of Hydra's."""
    return Problem(
        f"{key}={shown(key, value)}: this setting of Hydra cannot be given; allowed: {_NAMES}"
    )


def hydra_problems(hydra: DictConfig) -> Iterator[Problem]:
    """Yield forbidden settings in the part `hydra` of a composed configuration; nothing is resolved."""
    given = dict(leaves(OmegaConf.to_container(hydra, resolve=False), "hydra"))
    usual = _usual()
    emptied = {key for key in usual if not any(each.startswith(f"{key}.") for each in given)}
    # A file that was selected instead of the default does it, or names one that does.
    recipe = OmegaConf.select(hydra, "runtime.choices.experiment")
    where = f"{f'experiment={recipe}, ' if recipe else ''}below conf/ or --config-dir"
    for key in sorted(given.keys() | (usual.keys() & emptied)):
        if key in ALLOWED:
            if not _fits(key, given.get(key)):
                yield Problem(f"{key}={shown(key, given.get(key))}: must be {ALLOWED[key]}")
        elif given.get(key) != usual.get(key) and not _is_hydras(key):
            yield Problem(f"{key}={shown(key, given.get(key))}: {NOT_IN_A_FILE} ({where})")


@cache
def _usual() -> dict[str, Any]:
    with initialize_config_dir(str(conf_dir()), version_base="1.3", job_name="sweep"):
        bare = compose(None, return_hydra_config=True)
    return dict(leaves(OmegaConf.to_container(bare.hydra, resolve=False), "hydra"))


def _is_hydras(key: str) -> bool:
    """Return whether Hydra itself writes this while it composes."""
    group = key.removeprefix(f"{CHOICES}.")
    return key.startswith(OF_HYDRA) or (group != key and not group.startswith("hydra/"))


def _fits(key: str, value: Any) -> bool:
    if key != "hydra.verbose":
        return isinstance(value, str) and bool(value) and "${" not in _NOW.sub("", value)
    names = value if isinstance(value, list) else [value]
    return isinstance(value, bool) or all(
        isinstance(name, str) and re.fullmatch(r"[\w.]+", name) for name in names
    )


_IN_FILE = re.compile(r"In '(?P<file>[^']+)'")
_FULL_KEY = re.compile(r"full_key: (?P<key>\S+)")
_ENVIRONMENT = re.compile(r"Environment variable '(?P<name>\w+)' not found")

_LISTED = (
    "a list stands where keys belong, or keys where a list belongs (of Hydra's own settings a file"
    f" may give {', '.join(ALLOWED)})"
)


def about_files(error: Exception) -> str:
    """Return why Hydra could not compose the files: a key, a value or an option."""
    if isinstance(error, MissingConfigException):
        group, _, option = (error.missing_cfg_file or "").rpartition("/")
        names = [name for name in error.options or () if not name.startswith("base_")]
        allowed = f"must be one of {', '.join(names)}" if names else "there is no such group"
        return f"{group}={option}: {allowed}{did_you_mean(option, names)} (conf/{group}/)"
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
    elsewhere = _belongs_elsewhere(key)
    return f"{key}: {elsewhere or f'must be {described(all_keys()[key].hint)}: {_detail(text)}'}"


def about_values(error: OmegaConfBaseException) -> str:
    """Return why a value cannot be resolved: missing, or an invalid interpolation."""
    key, text = error.full_key or "", str(error)
    if "missing mandatory value" in text:
        return f"{key}: must be given"
    variable = _ENVIRONMENT.search(text)
    if variable:
        return f"{key}: the environment variable {variable['name']} is not set"
    return f"{key}: {_detail(text)}"


def about_yaml(error: YAMLError) -> str:
    """Return where a file is not valid YAML."""
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"{mark.name}, line {mark.line + 1}: no valid YAML: {error.problem}"
    return f"no valid YAML: {' '.join(str(error).split())}"


def _belongs_elsewhere(key: str) -> str:
    owners = all_keys()[key].owners
    if owners == (CapacityConfig,):
        return "is a key of search=capacity, which is not what this sweep uses"
    if owners == (OtherSearchConfig,):
        return (
            "is a key of search=grid, random, bayesian or hyperband, none of which this sweep uses"
        )
    return ""


def _detail(text: str) -> str:
    """Return the first line of an error that is more than a location."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if not line.endswith("while composing config:")]
    return _IN_FILE.sub("", (telling or lines)[0]).lstrip(": ")
