"""Every key of the configuration with type, range and description, read from the schema."""

from __future__ import annotations

import ast
import inspect
import textwrap
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from functools import cache
from itertools import pairwise
from typing import Any, Union, get_args, get_origin, get_type_hints

from pipeline.config.fields import Range
from pipeline.config.schema import SweepConfig
from pipeline.config.schema_search import CapacityConfig, OtherSearchConfig

SEARCHES = (CapacityConfig, OtherSearchConfig)
"""The possible schemas of `search`; the option of `search=` decides."""


@dataclass(frozen=True)
class Key:
    """One field of the schema."""

    name: str
    """Dotted, for example `search.space.units_max`."""
    hint: Any
    """Its annotated type."""
    owners: tuple[type, ...]
    """The dataclasses that declare it; two for what all searches share."""
    allowed: Range | None = None
    """Range of its number, or of each number of its list."""

    @property
    def is_text(self) -> bool:
        """Whether its value is free text, to be read literally."""
        return required(self.hint) is str

    @property
    def is_mapping(self) -> bool:
        """Whether it maps columns of the table to texts or lists of texts."""
        return get_origin(self.hint) is dict

    @property
    def doc(self) -> str:
        """The docstring under the field, on one line."""
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(self.owners[0]))).body
        statements = getattr(definition, "body", [])
        name = self.name.rpartition(".")[2]
        for field, following in pairwise(statements):
            is_own = isinstance(field, ast.AnnAssign) and ast.unparse(field.target) == name
            if is_own and isinstance(following, ast.Expr):
                return " ".join(str(ast.literal_eval(following.value)).split())
        return ""


def leaves(tree: Any, path: str = "", *, lists: bool = False) -> Iterator[tuple[str, Any]]:
    """Yield every value of nested mappings with its dotted key; an empty mapping is a value.

    With `lists` the items of lists are values of their own, with keys such as `data.drop[0]`.
    """
    if isinstance(tree, dict) and tree:
        for name, value in tree.items():
            yield from leaves(value, f"{path}.{name}" if path else str(name), lists=lists)
    elif lists and isinstance(tree, list):
        for place, value in enumerate(tree):
            yield from leaves(value, f"{path}[{place}]", lists=lists)
    else:
        yield path, tree


@cache
def all_keys() -> Mapping[str, Key]:
    """Return every key of every search, by its dotted name."""
    known: dict[str, Key] = {}
    for search in SEARCHES:
        for key in _walk(SweepConfig, "", search):
            before = known[key.name].owners if key.name in known else ()
            owners = dict.fromkeys([*before, *key.owners])
            known[key.name] = Key(key.name, key.hint, tuple(owners), key.allowed)
    return known


def _walk(owner: type, prefix: str, search: type) -> Iterator[Key]:
    hints = get_type_hints(owner)
    for field in fields(owner):
        hint = search if (owner is SweepConfig and field.name == "search") else hints[field.name]
        declared_by = next(each for each in owner.__mro__ if field.name in each.__annotations__)
        name = f"{prefix}{field.name}"
        yield Key(name, hint, (declared_by,), field.metadata.get("range"))
        if is_dataclass(hint):
            yield from _walk(hint, f"{name}.", search)


def required(hint: Any) -> Any:
    """Return the type without its `| None`."""
    if get_origin(hint) in {Union, types.UnionType}:
        (only,) = [part for part in get_args(hint) if part is not type(None)]
        return only
    return hint


def described(hint: Any, allowed: Range | None = None) -> str:
    """Return a description of a type and range: "a whole number, at least 1, or null"."""
    inner = required(hint)
    parts = [_described(inner), str(allowed or ""), "or null" * (inner is not hint)]
    return ", ".join(filter(None, parts))


def _described(hint: Any) -> str:
    if get_origin(hint) is list:
        (item,) = get_args(hint)
        is_choice = isinstance(item, type) and issubclass(item, Enum)
        return f"a list like {_example(hint)}" + f" ({_described(item)})" * is_choice
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
    return {bool: "true,false", int: "50,32", float: "0.001,0.01", str: "name,ticket"}[hint]
