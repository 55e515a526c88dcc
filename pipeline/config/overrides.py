"""Command line words become Hydra overrides; whatever is wrong with them is found at once.

Hydra stops at the first mistake and knows no nearest key. So every word is looked at here first:
keys, options and values against the schema. Text is read literally: a path may hold `=` or a comma,
an id may look like a number.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pipeline.config.hydras import ALLOWED, unknown_setting
from pipeline.config.keys import Key, all_keys, in_words, required
from pipeline.config.mappings import literal
from pipeline.config.problems import Problem, problem
from pipeline.config.quoting import quoted
from pipeline.config.redact import redacted_word
from pipeline.config.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pipeline.config.options import Option

_HYDRA_TEXT = ("hydra.run.dir", "hydra.sweep.dir")
_SWEEP = re.compile(r",|^(?:choice|range|glob|interval|shuffle|sort)\(")
_QUOTED = re.compile(r"^(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")$", re.DOTALL)


@dataclass(frozen=True)
class Words:
    """The words of a command line, as Hydra may have them."""

    overrides: tuple[str, ...]
    problems: tuple[Problem, ...]
    choices: Mapping[str, str]
    """The option of each group, as far as the words alone say."""


def read(
    words: Iterable[str], groups: Mapping[str, Sequence[Option]], multirun: bool = False
) -> Words:
    """Read the words of a command line.

    Args:
        words: `key=value` each, as typed.
        groups: The options of every group.
        multirun: Whether a comma separates values to try one after another.
    """
    overrides: list[str] = []
    problems: list[Problem] = []
    for word in (each.strip() for each in words):
        literal = _literal(word, multirun)
        found = _wrong_word(word, groups) or _wrong_value(literal, groups, multirun)
        if found is None:
            overrides.append(literal)
        else:
            problems.append(found)
    return Words(_with_implied(overrides), tuple(problems), _choices(overrides, groups))


def _choices(overrides: Sequence[str], groups: Mapping[str, Sequence[Option]]) -> Mapping[str, str]:
    only = {group: options[0].name for group, options in groups.items() if len(options) == 1}
    given = {word.partition("=")[0]: word.partition("=")[2] for word in overrides}
    return only | {group: option for group, option in given.items() if group in groups}


def _wrong_word(word: str, groups: Mapping[str, Sequence[Option]]) -> Problem | None:
    """Return what is wrong with the key of a word, before Hydra's grammar sees it."""
    if word.startswith("~"):
        return Problem(f"{redacted_word(word)}: nothing can be removed; give the key another value")
    key, equals, value = word.partition("=")
    name = key.lstrip("+")
    if name in ALLOWED and equals:
        return None
    if re.match(r"hydra\b", name):
        return unknown_setting(name, value)
    if not equals or not name:
        known = [*groups, *all_keys()]
        hint = f"; what should {name} be?" if name in known else did_you_mean(name, known)
        return Problem(f"{redacted_word(word)}: an override is written key=value{hint}")
    if name in groups or name in all_keys():
        return None
    return Problem(
        f"unknown key {name}{did_you_mean(name, [*groups, *all_keys()])} (--help lists the keys)"
    )


def _wrong_value(
    word: str, groups: Mapping[str, Sequence[Option]], multirun: bool
) -> Problem | None:
    """Return what is wrong with the value of a word whose key exists."""
    try:
        values = _values(word)
    except HydraException:
        return Problem(f"{redacted_word(word)}: the value cannot be read{_how(word)}")
    name = word.partition("=")[0].lstrip("+")
    if len(values) > 1 and not multirun:
        return Problem(
            f"{redacted_word(word)}: several values; write a list as {name}=[a,b], or run one after"
            " another with -m"
        )
    return next(filter(None, (_check(name, value, groups) for value in values)), None)


def _how(word: str) -> str:
    """Return how a value that cannot be read is written, as a shell takes it."""
    name, _, value = word.partition("=")
    key = all_keys().get(name.lstrip("+"))
    if key is None:
        return ""
    if required(key.hint) == list[str]:
        texts = [text.strip().strip("'\"") for text in value.strip().strip("[]").split(",")]
        listed = f"{name}=[{','.join(quoted(text) for text in texts if text)}]"
        return f"; with its texts in quotes: {shlex.quote(listed)}"
    return f"; must be {in_words(key.hint)}"


def _values(word: str) -> list[Any]:
    """Return the value of an override, or the several values of one for `-m`."""
    parser = OverridesParser.create()
    parsed = parser.parse_override(word)
    if not parsed.is_sweep_override():
        return [parsed.value()]
    each = parsed.sweep_string_iterator()
    return [parser.parse_override(f"{parsed.key_or_group}={text}").value() for text in each]


def _check(name: str, value: Any, groups: Mapping[str, Sequence[Option]]) -> Problem | None:
    if name in groups:
        return _wrong_option(name, value, groups[name])
    key = all_keys().get(name)
    return _wrong_type(key, value) if key is not None else None


def _wrong_option(group: str, value: Any, options: Sequence[Option]) -> Problem | None:
    names = [option.name for option in options]
    if value in names or (value is None and group == "experiment"):
        return None
    hint = did_you_mean(str(value), names)
    if group == "data" and not hint:
        hint = "; for a file of your own say data=table data.path=FILE data.target=COLUMN"
    return Problem(f"{group}={value}: must be one of {', '.join(names)}{hint} (conf/{group}/)")


def _wrong_type(key: Key, value: Any) -> Problem | None:
    if isinstance(value, str) and "${" in value:
        return None  # an interpolation: its value is known only when all is composed
    owner, field = key.owners[0], key.name.rpartition(".")[2]
    try:
        OmegaConf.update(OmegaConf.structured(owner), field, value)
    except (OmegaConfBaseException, ValueError, OverflowError):
        return problem(key.name, value, f"must be {in_words(key.hint)}{_near(key, value)}")
    return None


def _near(key: Key, value: Any) -> str:
    kind = required(key.hint)
    is_choice = isinstance(kind, type) and issubclass(kind, Enum)
    return did_you_mean(str(value), [one.name for one in kind]) if is_choice else ""


def _literal(word: str, multirun: bool) -> str:
    """Quote the value of a text field, so that Hydra's grammar takes it as it stands."""
    key, _, value = word.partition("=")
    name = key.lstrip("+")
    known = all_keys().get(name)
    if not (name in _HYDRA_TEXT or (known is not None and known.is_text)):
        columns = None if known is None else literal(known.hint, value)
        # A mapping has no keys yet, and Hydra adds some only where it is told to.
        plus = "++" if columns is not None and columns.startswith("{") else ""
        return word if columns is None else f"{plus or key[: len(key) - len(name)]}{name}={columns}"
    is_sweep = multirun and name not in _HYDRA_TEXT and _SWEEP.search(value)
    if is_sweep or value == "null" or _QUOTED.match(value):
        return word
    return f"{key}={quoted(value)}"


def _with_implied(overrides: Sequence[str]) -> tuple[str, ...]:
    """Pick the family `builder` where the user gives a function, and `data=table` where a path alone.

    A path under the name of a shipped table would be recorded, and promoted, as that table.
    """
    keys = {word.partition("=")[0].lstrip("+"): word.partition("=")[2] for word in overrides}
    implied = []
    for key, said, word in (
        ("model.builder", {"model", "model.family"}, "model=builder"),
        ("data.path", {"data", "data.kind"}, "data=table"),
    ):
        if keys.get(key, "null") != "null" and not said & keys.keys():
            implied.append(word)
    return (*overrides, *implied)
