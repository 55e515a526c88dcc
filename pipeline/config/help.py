"""The text of `--help`: overview, options of each group, keys of one group."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from pathlib import Path

from pipeline.config.messages import did_you_mean
from pipeline.config.places import conf_dir
from pipeline.core.errors import ConfigError

_WIDTH = 100
SWEEP = "pipeline.sweep"
"""The one program that runs several configurations in turn."""
_MULTIRUN = """\
  -m, --multirun          run every value of a comma list in turn: -m data=wages,titanic seed=0,1
"""
_OVERVIEW = """\
Usage: python -m {program} [GROUP=OPTION] [GROUP.KEY=VALUE] [KEY=VALUE]

{purpose}

Examples:
  python -m {program}
  python -m {program} data=titanic budget.seconds=120
  python -m {program} data=table data.path=FILE.csv data.target=COLUMN
  python -m {program} search=random search.trials=50 training.engine=fit
  python -m {program} experiment=course_capacity
  python -m {program} resume=auto hydra.run.dir=DIR

Groups (--help GROUP lists the keys of one):
{options}

Keys without a group: objective, champion, champion_size, champion_rows, resume, seed, verbose
(--help sweep)

Flags:
  -h, --help [GROUP]      this page, or the keys of a group
  --version               which version this is
{multirun}  -c, --cfg job           print the composed configuration and stop
  --config-dir DIR        a folder with files of your own, laid out like conf/
  hydra.run.dir=DIR       output folder (summary.json, report, sweep.log)

Exit codes: 0 done, 1 anything unforeseen, 2 wrong configuration or data, 3 budget ended before one
usable trial, 4 no trial was usable, 5 tracking store out of reach, 130 and 143 interrupted and
resumable."""


def help_text(program: str, purpose: str, group: str = "", extra: Path | None = None) -> str:
    """Return a page of help on a group (empty: the overview); ConfigError where there is no such group."""
    known = groups(extra)
    if group:
        return _group(group, known)
    return _OVERVIEW.format(
        program=program,
        purpose=textwrap.fill(purpose, _WIDTH),
        multirun=_MULTIRUN if program == SWEEP else "",
        options="\n".join(_options(name, known[name]) for name in known if "/" not in name),
    )


def _options(group: str, options: Sequence[Option]) -> str:
    names = ", ".join(option.name for option in options)
    return textwrap.fill(
        f"  {group:<11}{names}", _WIDTH, subsequent_indent=" " * 13, break_on_hyphens=False
    )


def _group(group: str, known: Mapping[str, Sequence[Option]]) -> str:
    from pipeline.config.keys import all_keys, described

    if group not in known and group != "sweep":
        raise ConfigError(f"--help {group}: no such group{did_you_mean(group, [*known, 'sweep'])}")
    lines = [f"{group}={option.name:<24} {option.summary}" for option in known.get(group, ())]
    lines += [""] * bool(lines)
    for name, key in all_keys().items():
        inside = name.startswith(f"{group}.") if group != "sweep" else "." not in name
        if inside and not is_dataclass(key.hint):
            lines.append(f"{name}: {described(key.hint, key.allowed)}")
            indent = " " * 4
            lines.append(
                textwrap.fill(key.doc, _WIDTH, initial_indent=indent, subsequent_indent=indent)
            )
    return "\n".join(lines)


@dataclass(frozen=True)
class Option:
    """One file that a group can be set to."""

    name: str
    summary: str
    """The first sentence of its leading comment."""


def groups(extra: Path | None = None) -> dict[str, tuple[Option, ...]]:
    """Return the options of every group by its name (`data`, `search/space`, ...), both sorted.

    Read from the folders of conf/; no Hydra needed, and Hydra's own groups are none. Files of the user's
    own folder `extra` (`--config-dir`) win over ours.
    """
    known: dict[str, dict[str, Option]] = {}
    for root in filter(None, (conf_dir(), extra)):
        for file in sorted(root.rglob("*.yaml")):
            group = file.parent.relative_to(root).as_posix()
            if group.partition("/")[0] not in {".", "hydra"}:
                known.setdefault(group, {})[file.stem] = Option(file.stem, _summary(file))
    return {
        group: tuple(option for _, option in sorted(options.items()))
        for group, options in sorted(known.items())
    }


def _summary(file: Path) -> str:
    for line in file.read_text(encoding="utf-8").splitlines():
        text = line.lstrip("# ").strip()
        if not line.startswith("#"):
            break
        if text and not text.startswith("@package"):
            return text
    return ""
