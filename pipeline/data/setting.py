"""The override that changes what became of a column, as it is typed in a shell."""

from __future__ import annotations

import shlex

from pipeline.core.commands import quoted

NOT_PLAIN = frozenset({"null", "true", "false", "nan", "inf"})
"""What Hydra takes for something else than text."""


def setting(key: str, name: str, value: str = "", *, listed: bool = True) -> str:
    """Return an override of the group `data` that names one column.

    Args:
        key: A key that holds a list of columns, or with a value a mapping from columns.
        name: The column.
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
