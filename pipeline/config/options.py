"""The groups of conf/ and the options of each, read from the folders; no Hydra needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.config.places import conf_dir

if TYPE_CHECKING:
    from pathlib import Path

_HYDRAS_OWN = "hydra"


@dataclass(frozen=True)
class Option:
    """One file that a group can be set to."""

    name: str
    summary: str
    """The first sentence of its leading comment."""


def groups(extra: Path | None = None) -> dict[str, tuple[Option, ...]]:
    """Return the options of every group by its name (`data`, `search/space`, ...), both sorted.

    Args:
        extra: A folder of the user's own (`--config-dir`); its files win over ours.
    """
    found: dict[str, dict[str, Option]] = {}
    for root in filter(None, (conf_dir(), extra)):
        for file in sorted(root.rglob("*.yaml")):
            group = file.parent.relative_to(root).as_posix()
            if group != "." and group.partition("/")[0] != _HYDRAS_OWN:
                found.setdefault(group, {})[file.stem] = Option(file.stem, _summary(file))
    return {
        group: tuple(sorted(options.values(), key=lambda option: option.name))
        for group, options in sorted(found.items())
    }


def _summary(file: Path) -> str:
    for line in file.read_text(encoding="utf-8").splitlines():
        text = line.lstrip("# ").strip()
        if not line.startswith("#"):
            break
        if text and not text.startswith("@package"):
            return text
    return ""
