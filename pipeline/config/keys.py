"""Every key of the configuration with its type, read from the schema; and how a type is said in words."""

from __future__ import annotations

import types
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

from pipeline.config.schema import CapacityConfig, OtherSearchConfig, SweepConfig

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SEARCHES = (CapacityConfig, OtherSearchConfig)
"""The schemas that `search` may have; which one follows from `search=`."""


@dataclass(frozen=True)
class Key:
    """One field of the schema."""

    name: str
    """Dotted, for example `search.space.units_max`."""
    hint: Any
    """Its annotated type."""
    owners: tuple[type, ...]
    """The dataclasses that declare it; two for what all searches share."""

    @property
    def is_group(self) -> bool:
        """Whether it holds further keys."""
        return is_dataclass(self.hint)

    @property
    def is_text(self) -> bool:
        """Whether its value is free text, to be read literally."""
        return required(self.hint) is str

    @property
    def is_optional(self) -> bool:
        """Whether null is a value."""
        return type(None) in get_args(self.hint)


@cache
def all_keys() -> Mapping[str, Key]:
    """Return every key of every search, by its dotted name."""
    found: dict[str, Key] = {}
    for owner in SEARCHES:
        for name, hint, declared_by in _walk(SweepConfig, "", owner):
            before = found[name].owners if name in found else ()
            owners = before if declared_by in before else (*before, declared_by)
            found[name] = Key(name, hint, owners)
    return found


def _walk(owner: type, prefix: str, search: type) -> Iterator[tuple[str, Any, type]]:
    hints = get_type_hints(owner)
    for field in fields(owner):
        hint = search if (owner is SweepConfig and field.name == "search") else hints[field.name]
        declared_by = next(each for each in owner.__mro__ if field.name in each.__annotations__)
        yield f"{prefix}{field.name}", hint, declared_by
        if is_dataclass(hint):
            yield from _walk(hint, f"{prefix}{field.name}.", search)


def required(hint: Any) -> Any:
    """Return the type without its `| None`."""
    if get_origin(hint) in {Union, types.UnionType}:
        (only,) = [part for part in get_args(hint) if part is not type(None)]
        return only
    return hint


def in_words(hint: Any) -> str:
    """Return what a value of this type must be: "a whole number, or null"."""
    inner = required(hint)
    words = _in_words(inner)
    return f"{words}, or null" if inner is not hint else words


def _in_words(hint: Any) -> str:
    if get_origin(hint) is list:
        (item,) = get_args(hint)
        choices = (
            f" ({_in_words(item)})" if isinstance(item, type) and issubclass(item, Enum) else ""
        )
        return f"a list like {_example(hint)}{choices}"
    if get_origin(hint) is dict:
        return f"a mapping from columns like {_example(hint)}"
    if isinstance(hint, type) and issubclass(hint, Enum):
        return "one of " + ", ".join(member.name for member in hint)
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    return names.get(hint, "a group of keys")


def _example(hint: Any) -> str:
    if get_origin(hint) is list:
        return f"[{_example(get_args(hint)[0])}]"
    if get_origin(hint) is dict:
        of_lists = get_origin(get_args(hint)[1]) is list
        return "{size: [S,M,L]}" if of_lists else "{when: '%d.%m.%Y'}"
    if isinstance(hint, type) and issubclass(hint, Enum):
        return next(iter(hint)).name
    return {int: "50,32", float: "0.001,0.01", str: "name,ticket"}[hint]
