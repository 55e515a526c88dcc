"""The judgement of a column, and the override that changes it, quoted for a shell."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from pipeline.core.commands import quoted
from pipeline.data.typed import Column

NOT_PLAIN = frozenset({"null", "true", "false", "nan", "inf"})
"""Texts that Hydra parses as other types."""


@dataclass(frozen=True)
class Judged:
    """The judgement of one column."""

    column: Column
    reason: str = ""
    """Why it is left out."""
    note: str = ""
    """A sentence on how it was read, or what is doubtful."""
    hint: str = ""
    """The override that changes the judgement, quoted for a shell."""
    is_doubted: bool = False
    """Whether the column is kept although its kind is doubtful."""

    @property
    def sentence(self) -> str:
        """The note and the override, for the log."""
        return f"{self.note.rstrip('.')}; {self.hint} changes that." if self.hint else self.note


def setting(key: str, name: str, value: str = "", *, listed: bool = True) -> str:
    """Return an override of the group `data` that names one column.

    Args:
        key: A key that holds a list of columns, or with a value a mapping from columns.
        value: Plain text for a mapping.
        listed: False: the key holds one column.
    """
    is_plain = name.isascii() and name.isidentifier() and name.lower() not in NOT_PLAIN
    if value:
        shown = quoted(value) if set(value) & set(",{}[]'\"") else value
        text = f"data.{key}={{{name if is_plain else quoted(name)}: {shown}}}"
        return f'"{text}"' if not set(text) & set('"$`\\!') else shlex.quote(text)
    start, end = ("[", "]") if listed else ("", "")
    if is_plain:
        return f"data.{key}={start}{name}{end}"
    if not set(name) & set("\"'\\"):
        return f"""'data.{key}={start}"{name}"{end}'"""
    return shlex.quote(f"data.{key}={start}{quoted(name)}{end}")
