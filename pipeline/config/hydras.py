"""Which of Hydra's own settings may be given: an allow-list, whatever form they are given in.

Of Hydra only the composing of files is used; folders, logs and runs are ours (launch.py). What else it
could do with a setting (call it, import it, put it into the environment) therefore never happens. A file
or word that asks for it is refused all the same: it was written by somebody who expects it to work.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from pipeline.config.messages import Problem
from pipeline.config.places import conf_dir
from pipeline.config.redact import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from omegaconf import DictConfig

FOLDER = "the name of a folder, in which only ${now:FORMAT} is looked up"
ALLOWED: Mapping[str, str] = {
    "hydra.run.dir": FOLDER,
    "hydra.sweep.dir": FOLDER,
    "hydra.verbose": "true, false, or the loggers to hear in detail: a name or a list of names",
}
"""What each may be, in words."""
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
"""What Hydra notes of the words and files; what a file says in its place is overwritten or never read."""
CHOICES = "hydra.runtime.choices"

_NOW = re.compile(r"\$\{now:[^${}]*\}")


def unknown_setting(key: str, value: str) -> Problem:
    """Return the refusal of a word of the command line that sets anything else of Hydra's."""
    return Problem(
        f"{key}={shown(key, value)}: this setting of Hydra cannot be given; allowed: {_NAMES}"
    )


def hydra_problems(hydra: DictConfig) -> Iterator[Problem]:
    """Yield what a composed configuration sets of Hydra's that it must not.

    Args:
        hydra: Its part `hydra`; nothing in it is looked up.
    """
    given = dict(_leaves(OmegaConf.to_container(hydra, resolve=False), "hydra"))
    usual = _usual()
    emptied = {key for key in usual if not any(each.startswith(f"{key}.") for each in given)}
    for key in sorted(given.keys() | (usual.keys() & emptied)):
        if key in ALLOWED:
            if not _fits(key, given.get(key)):
                yield Problem(f"{key}={shown(key, given.get(key))}: must be {ALLOWED[key]}")
        elif given.get(key) != usual.get(key) and not _is_hydras(key):
            yield Problem(f"{key}={shown(key, given.get(key))}: {NOT_IN_A_FILE}{_where(hydra)}")


@cache
def _usual() -> dict[str, Any]:
    """Return Hydra's settings as they are before any file says anything."""
    with initialize_config_dir(str(conf_dir()), version_base="1.3", job_name="sweep"):
        bare = compose(None, return_hydra_config=True)
    return dict(_leaves(OmegaConf.to_container(bare.hydra, resolve=False), "hydra"))


def _leaves(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield every value by its dotted key; a list, or an empty group, is one value."""
    if isinstance(node, dict) and node:
        for key, value in node.items():
            yield from _leaves(value, f"{path}.{key}")
    else:
        yield path, node


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


def _where(hydra: DictConfig) -> str:
    """Return the files that were picked in place of the usual ones: it is one of them, or names it."""
    recipe = OmegaConf.select(hydra, "runtime.choices.experiment")
    return f" ({f'experiment={recipe}, ' if recipe else ''}below conf/ or --config-dir)"
