"""Memory: a container's limit counts, where there is one."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import psutil
import pytest

from pipeline.runtime import memory

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("limit", "used", "free", "total"),
    [
        ("1000000", "400000", 600_000, 1_000_000),
        ("1000000", "1200000", 0, 1_000_000),
        ("max", "400000", None, None),
        ("1000000", "", None, 1_000_000),
        (None, None, None, None),
    ],
    ids=["limited", "over the limit", "no limit", "unreadable", "no control group"],
)
def test_a_container_may_take_what_its_limit_leaves(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    limit: str | None,
    used: str | None,
    free: int | None,
    total: int | None,
) -> None:
    """The machine around it may be a hundred times larger."""
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    for name, text in (("memory.max", limit), ("memory.current", used)):
        if text is not None:
            (tmp_path / name).write_text(f"{text}\n")
    machine = psutil.virtual_memory()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: machine)  # others take and give meanwhile
    assert memory.total() == (total or machine.total)
    assert memory.free() == (free if free is not None else machine.available)


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "malloc_trim"),
    reason="malloc_trim is glibc's: elsewhere nothing is given back",
)
def test_what_was_freed_goes_back_to_the_system() -> None:
    """A hundred megabytes of small pieces below one that is kept: freed, and yet resident."""
    pieces = [bytes(1000) for _ in range(200_000)]
    kept = pieces[-1]
    full = psutil.Process().memory_info().rss
    del pieces
    memory.give_back()
    assert psutil.Process().memory_info().rss < full - 100_000_000
    assert len(kept) == 1000
