"""HTML that cannot be broken by what stands in it: every text is escaped unless it is HTML already."""

from __future__ import annotations

import base64
import gzip
import html
import json

VOID = frozenset({"br", "hr", "input", "meta", "link"})


class Html(str):
    """Text that is HTML already; everything else is escaped when it is put into an element."""

    __slots__ = ()


def element(name: str, /, *children: object, **attributes: object) -> Html:
    """Return an element; children that are not `Html` are escaped, None is left out.

    An attribute `class_` is written `class`, `data_key` is written `data-key`; True stands alone,
    False and None are left out.
    """
    inside = "".join(
        child if isinstance(child, Html) else html.escape(str(child))
        for child in children
        if child is not None
    )
    given = "".join(_attribute(key, value) for key, value in attributes.items())
    return Html(f"<{name}{given}>" if name in VOID else f"<{name}{given}>{inside}</{name}>")


def _attribute(key: str, value: object) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'


def join(parts: list[Html]) -> Html:
    """Put elements one after another."""
    return Html("".join(parts))


def raw(name: str, content: str, /, **attributes: object) -> Html:
    """Return a script or style element, whose content HTML does not unescape.

    The content is ours or has lost every `<`: `</` would end the element early.
    """
    if "</" in content:
        raise AssertionError(f"a {name} of the page must not contain '</'")
    given = "".join(_attribute(key, value) for key, value in attributes.items())
    return Html(f"<{name}{given}>{content}</{name}>")


def json_block(identity: str, value: object) -> Html:
    """Return data for the page's own script, as an element that no browser runs or shows."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # `<` would let a string from the data end the element or open a comment.
    safe = text.replace("<", "\\u003c")
    return raw("script", safe, type="application/json", id=identity)


def packed_block(identity: str, content: str) -> Html:
    """Return text for the page's own script, gzipped: the browser unpacks it."""
    packed = gzip.compress(content.encode(), compresslevel=9, mtime=0)
    return raw("script", base64.b64encode(packed).decode(), type="application/gzip", id=identity)
