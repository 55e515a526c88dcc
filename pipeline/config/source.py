"""The source of the user's own networks, without running it."""

from __future__ import annotations

import hashlib
import importlib
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec

_DIGITS = 16


def builder_source(reference: str) -> str:
    """Return a hash of the module that `package.module:function` names; empty where there is none.

    It is found as an import would find it, the working directory included, but not imported. What
    it imports itself is not looked at.
    """
    importlib.invalidate_caches()  # it may have been written a moment ago
    path: Sequence[str] | None = None
    found: ModuleSpec | None = None
    parts = reference.partition(":")[0].split(".")
    for length in range(1, len(parts) + 1):
        found = _found(".".join(parts[:length]), path)
        if found is None:
            return ""
        path = found.submodule_search_locations
    loader: Any = found.loader if found else None
    if found is None or not found.origin or not hasattr(loader, "get_data"):
        return ""
    return hashlib.sha256(loader.get_data(found.origin)).hexdigest()[:_DIGITS]


def _found(name: str, path: Sequence[str] | None) -> ModuleSpec | None:
    for finder in sys.meta_path:
        if (found := finder.find_spec(name, path)) is not None:
            return found
    return PathFinder.find_spec(name, [str(Path.cwd())]) if path is None else None
