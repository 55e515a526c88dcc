"""What was judged of a column, and the override that changes it, as it is typed in a shell."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from pipeline.core.commands import quoted
from pipeline.data.typed import Column

NOT_PLAIN = frozenset({"null", "true", "false", "nan", "inf"})
"""What Hydra takes for something else than text."""


@dataclass(frozen=True)
class Judged:
    """One column with what there is to say about it."""

    column: Column
    reason: str = ""
    """Why it is left out."""
    note: str = ""
    """A sentence: how it was read, what is doubtful."""
    hint: str = ""
    """The override that changes the judgement, as it is typed."""
    is_doubted: bool = False
    """Kept, but it may be something else."""

    @property
    def sentence(self) -> str:
        """What the log says of it: the note and the override."""
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
