"""Arguments of the command line, `key=value`: checked, and turned into options of groups and values of keys.

Hydra stops at the first mistake and suggests no nearest key. So it gets the options of groups alone; every
key, option and value is checked here against the schema, and values are set after Hydra has composed the
files. Text is read literally: a path may hold `=` or a comma, an id may look like a number, a column may
have any name.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import chain, product
from typing import Any, get_args, get_origin

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pipeline.config.help import Option
from pipeline.config.hydras import ALLOWED, unknown_setting
from pipeline.config.keys import Key, all_keys, described, required
from pipeline.config.messages import Problem, did_you_mean, message, problem
from pipeline.config.redact import redacted_argument
from pipeline.core.commands import quoted
from pipeline.core.errors import ConfigError

Groups = Mapping[str, Sequence[Option]]

_FOLDERS = ("hydra.run.dir", "hydra.sweep.dir")
_SEVERAL = re.compile(r",|^(?:choice|range|glob|interval|shuffle|sort)\(")
_QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_ITEM = re.compile(rf"\s*({_QUOTED}|[^,\[\]{{}}'\"][^,\[\]{{}}]*)\s*(?:,|$)")
_PAIR = re.compile(
    rf"\s*({_QUOTED}|[^:,\[\]{{}}'\"]+?)\s*:\s*"
    rf"({_QUOTED}|\[[^\[\]]*\]|[^,\[\]{{}}'\"][^,\[\]{{}}]*)\s*(?:,|$)"
)


@dataclass(frozen=True)
class Argument:
    """One `key=value`."""

    plus: str
    """Hydra's prefix of the key: `+`, `++` or empty."""
    name: str
    value: Any
    is_option: bool
    """Whether it selects the file of a group."""


def read(arguments: Iterable[str], groups: Groups) -> list[Argument]:
    """Read the arguments of one run.

    Raises:
        ConfigError: Every unknown key or option and every value of a wrong type, in one message.
    """
    known: list[Argument] = []
    problems: list[Problem] = []
    for text in arguments:
        argument = _read(text.strip(), groups)
        if isinstance(argument, Problem):
            problems.append(argument)
        else:
            known.append(argument)
    if problems:
        only = {group: each[0].name for group, each in groups.items() if len(each) == 1}
        raise ConfigError(
            message(problems, only | {argument.name: argument.value for argument in known})
        )
    return [*known, *_implied(known)]


def runs(arguments: Sequence[str], groups: Groups) -> list[list[str]]:
    """Return the arguments of each run of `-m`: all combinations, the last varies first; errors of `read`."""
    each = [_alternatives(text.strip()) for text in arguments]
    read(chain.from_iterable(each), groups)
    return [list(combination) for combination in product(*each)]


def _read(text: str, groups: Groups) -> Argument | Problem:
    start, _, value = text.partition("=")
    name, shown = start.lstrip("+"), redacted_argument(text)
    wrong = _wrong_key(text, name, groups)
    if wrong:
        return wrong
    try:
        meant = _value(name, value)
    except HydraException:
        return Problem(f"{shown}: the value cannot be read{_how(name, value)}")
    if isinstance(meant, _Several):
        instead = f"write a list as {name}=[a,b], or run one after another with -m"
        return Problem(f"{shown}: several values; {instead}")
    if name in groups:
        wrong = _wrong_option(name, meant, groups[name])
    elif name in all_keys():
        wrong = _wrong_type(all_keys()[name], meant)
    return wrong or Argument(start[: len(start) - len(name)], name, meant, name in groups)


def _wrong_key(text: str, name: str, groups: Groups) -> Problem | None:
    """Return the problem with the key of an argument; None where it is known."""
    shown, known, equals = redacted_argument(text), [*groups, *all_keys()], "=" in text
    if text.startswith("~"):
        return Problem(f"{shown}: nothing can be removed; give the key another value")
    if name in ALLOWED and equals:
        return None
    if re.match(r"hydra\b", name):
        return unknown_setting(name, text.partition("=")[2])
    if not equals or not name:
        hint = f"; what should {name} be?" if name in known else did_you_mean(name, known)
        if text.endswith((".csv", ".csv.gz", ".parquet")):
            hint = f"; a table of your own: data.path={shown} data.target=COLUMN"
        return Problem(f"{shown}: an override is written key=value{hint}")
    hint = f"{did_you_mean(name, known)} (--help lists the keys)"
    return None if name in known else Problem(f"unknown key {name}{hint}")


class _Several(list[str]):
    """Several values of a key for `-m`, as text."""


def _value(name: str, text: str, *, split: bool = False) -> Any:
    """Return a value: text and columns literally, all else by Hydra's grammar; `split`: texts at commas."""
    key = all_keys().get(name)
    if name in _FOLDERS or (key is not None and key.is_text):
        if text == "null":
            return None
        is_several = split and name not in _FOLDERS and _SEVERAL.search(text)
        if not is_several and not re.fullmatch(_QUOTED, text, re.DOTALL):
            return text
    elif key is not None and (columns := _columns(key, text.strip())) is not None:
        return columns
    parsed = OverridesParser.create().parse_override(f"{name}={text}")
    if parsed.is_sweep_override():
        return _Several(parsed.sweep_string_iterator())
    return parsed.value()


def _alternatives(text: str) -> list[str]:
    """Return one argument for each of its values."""
    start, _, value = text.partition("=")
    try:
        meant = _value(start.lstrip("+"), value, split=True)
    except HydraException:  # `read` says so
        return [text]
    return [f"{start}={each}" for each in meant] if isinstance(meant, _Several) else [text]


def _columns(key: Key, text: str) -> list[str] | dict[str, Any] | None:
    """Return a list or mapping of texts, quoted or not; None where the key or text is of another kind."""
    if "${" in text:
        return None
    if key.hint == list[str] and text.startswith("[") and text.endswith("]"):
        return _list(text)
    if not (key.is_mapping and text.startswith("{") and text.endswith("}")):
        return None
    pairs = _matches(_PAIR, text[1:-1])
    if pairs is None:
        return None
    of_lists = get_origin(get_args(key.hint)[1]) is list
    return {_unquoted(pair[1]): _mapped(pair[2], of_lists) for pair in pairs}


def _mapped(text: str, of_lists: bool) -> str | list[str]:
    levels = _list(text) if of_lists and text.startswith("[") else None
    return _unquoted(text) if levels is None else levels


def _list(text: str) -> list[str] | None:
    items = _matches(_ITEM, text[1:-1])
    return items if items is None else [_unquoted(item[1]) for item in items]


def _matches(pattern: re.Pattern[str], text: str) -> list[re.Match[str]] | None:
    """Return consecutive matches that cover the whole text; None where they do not."""
    parts: list[re.Match[str]] = []
    end = 0
    while end < len(text) and text[end:].strip():
        match = pattern.match(text, end)
        if match is None:
            return None
        parts.append(match)
        end = match.end()
    return parts


def _unquoted(text: str) -> str:
    """Return a text without its quotes and escapes."""
    text = text.strip()
    if text[:1] not in {"'", '"'}:
        return text
    return str(OverridesParser.create().parse_override(f"x={text}").value())


def _how(name: str, text: str) -> str:
    """Return a hint on how to write a value that cannot be read, quoted for a shell."""
    key = all_keys().get(name)
    if key is None:
        return ""
    if key.hint == list[str]:
        texts = [each.strip().strip("'\"") for each in text.strip().strip("[]").split(",")]
        listed = f"{name}=[{','.join(quoted(each) for each in texts if each)}]"
        return f"; with its texts in quotes: {shlex.quote(listed)}"
    return f"; must be {described(key.hint)}"


def _wrong_option(group: str, value: Any, options: Sequence[Option]) -> Problem | None:
    names = [option.name for option in options]
    if value in names or (value is None and group == "experiment"):
        return None
    hint = did_you_mean(str(value), names)
    if group == "data" and not hint:
        hint = "; for a file of your own use data=table data.path=FILE data.target=COLUMN"
    return Problem(f"{group}={value}: must be one of {', '.join(names)}{hint} (conf/{group}/)")


def _wrong_type(key: Key, value: Any) -> Problem | None:
    if isinstance(value, str) and "${" in value:
        return None  # an interpolation: its value is known only when all is composed
    kind = required(key.hint)
    try:
        OmegaConf.update(OmegaConf.structured(key.owners[0]), key.name.rpartition(".")[2], value)
    except (OmegaConfBaseException, ValueError, OverflowError):
        is_choice = isinstance(kind, type) and issubclass(kind, Enum)
        near = did_you_mean(str(value), list(kind.__members__)) if is_choice else ""
        return problem(key.name, value, f"must be {described(key.hint)}{near}")
    return None


def _implied(arguments: Sequence[Argument]) -> list[Argument]:
    """Pick the family `builder` where the user gives a function, and `data=table` where a path alone.

    A path under the name of a shipped table would be recorded, and promoted, as that table.
    """
    given = {each.name: each.value for each in arguments}
    return [
        Argument("", group, option, is_option=True)
        for key, group, same, option in (
            ("model.builder", "model", "model.family", "builder"),
            ("data.path", "data", "data.kind", "table"),
        )
        if given.get(key) is not None and not {group, same} & given.keys()
    ]
