"""Lists and mappings of column names on the command line: any name, whatever Hydra's grammar takes.

`data.drop=[Größe, Miete (€)]` and `data.dates={"sold on": %d.%m.%Y}` are read literally. Hydra has no
quoted keys, so keys travel through it escaped and come back in `restore`.
"""

from __future__ import annotations

import re
from typing import Any, get_args, get_origin
from urllib.parse import quote, unquote

from omegaconf import DictConfig, OmegaConf, open_dict

from pipeline.config.quoting import quoted

ESCAPED = "%-"
"""What an escaped key begins with."""
MAPPINGS = ("data.dates", "data.ordered")
_QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_ITEM = re.compile(rf"\s*({_QUOTED}|[^,\[\]{{}}'\"][^,\[\]{{}}]*)\s*(?:,|$)")
_PAIR = re.compile(
    rf"\s*(?P<key>{_QUOTED}|[^:,\[\]{{}}'\"]+?)\s*:\s*"
    rf"(?P<value>{_QUOTED}|\[[^\[\]]*\]|[^,\[\]{{}}'\"][^,\[\]{{}}]*)\s*(?:,|$)"
)


def literal(hint: Any, value: str) -> str | None:
    """Return a value of a list or a mapping of texts as Hydra reads it; None where it is no such.

    Args:
        hint: The type of its field.
        value: As typed.
    """
    value = value.strip()
    if "${" in value:
        return None
    if hint == list[str] and value.startswith("[") and value.endswith("]"):
        return _list(value)
    if get_origin(hint) is dict and value.startswith("{") and value.endswith("}"):
        pairs = _matches(_PAIR, value[1:-1])
        if pairs is None:
            return None
        of_lists = get_origin(get_args(hint)[1]) is list
        inside = [
            f"{ESCAPED}{quote(_plain(pair['key']), safe='')}: {_value(pair['value'], of_lists)}"
            for pair in pairs
        ]
        return f"{{{', '.join(inside)}}}"
    return None


def restore(config: DictConfig) -> None:
    """Give the keys of all mappings back their names."""
    for place in MAPPINGS:
        node = OmegaConf.select(config, place, default=None)
        if not isinstance(node, DictConfig) or not any(map(_is_escaped, node)):
            continue
        with open_dict(node):
            for key in list(node):
                held = OmegaConf.to_container(node)[key]  # type: ignore[index]
                del node[key]
                node[unquote(str(key).removeprefix(ESCAPED)) if _is_escaped(key) else key] = held


def _is_escaped(key: object) -> bool:
    return str(key).startswith(ESCAPED)


def _matches(pattern: re.Pattern[str], text: str) -> list[re.Match[str]] | None:
    """Return the parts of a text that follow one another without anything between; else None."""
    found: list[re.Match[str]] = []
    end = 0
    while end < len(text) and text[end:].strip():
        match = pattern.match(text, end)
        if match is None:
            return None
        found.append(match)
        end = match.end()
    return found


def _list(value: str) -> str | None:
    items = _matches(_ITEM, value[1:-1])
    return None if items is None else f"[{','.join(_quoted(item[1]) for item in items)}]"


def _value(text: str, of_lists: bool) -> str:
    as_list = _list(text) if of_lists and text.startswith("[") else None
    return as_list if as_list is not None else _quoted(text)


def _quoted(text: str) -> str:
    return text if text[:1] in {"'", '"'} else quoted(text.strip())


def _plain(text: str) -> str:
    """Return a key as it is meant, without its quotes."""
    text = text.strip()
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text[:1] in {"'", '"'} else text
