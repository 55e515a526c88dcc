"""Hydra and OmegaConf in a process that may have a Hydra application of its own."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from hydra.core.global_hydra import GlobalHydra
from hydra.core.singleton import Singleton

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def own_hydra() -> Iterator[None]:
    """Give the host its configuration nodes, its resolvers and its application back in the end."""
    theirs = Singleton.get_state()
    GlobalHydra.instance().clear()
    try:
        yield
    finally:
        Singleton.set_state(theirs)
