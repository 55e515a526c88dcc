"""The source of the user's own networks, without running it."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import pkgutil
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any, cast

_DIGITS = 16


def builder_source(reference: str) -> str:
    """Return a hash of the module that `package.module:function` names; empty where there is none.

    It is found as an import would find it, the working directory included, but neither it nor a
    package around it is imported. What it imports itself is not looked at.
    """
    importlib.invalidate_caches()  # it may have been written a moment ago
    first, *parts = reference.partition(":")[0].split(".")
    found, name = _outermost(first), first
    for part in parts:
        if found is None:
            return ""
        name = f"{name}.{part}"
        found = _within(list(found.submodule_search_locations or ()), name)
    loader: Any = found.loader if found else None
    if found is None or not found.origin or not hasattr(loader, "get_data"):
        return ""
    with contextlib.suppress(OSError):  # gone by now
        return hashlib.sha256(loader.get_data(found.origin)).hexdigest()[:_DIGITS]
    return ""


def _outermost(name: str) -> ModuleSpec | None:
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        if find is not None and (found := find(name, None)) is not None:
            return cast("ModuleSpec", found)
    return _within([str(Path.cwd())], name)


def _within(folders: list[str], name: str) -> ModuleSpec | None:
    """Return what a folder holds of a name; the standard finder needs its package imported for that."""
    portions: list[str] = []
    for folder in folders:
        finder = pkgutil.get_importer(folder)
        found = finder.find_spec(name) if finder else None
        if found is not None and found.loader is not None:
            return found
        portions += (found.submodule_search_locations or ()) if found else ()
    if not portions:
        return None
    package = ModuleSpec(name, None, is_package=True)  # without an `__init__.py`
    package.submodule_search_locations = portions
    return package
