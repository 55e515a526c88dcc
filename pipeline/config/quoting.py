"""Text as Hydra's grammar takes it: quoted."""

from __future__ import annotations

import re


def quoted(text: str) -> str:
    """Return text in Hydra's quotes: a quote of that kind is escaped, and so are backslashes before one.

    Double ones where it holds single ones: Hydra keeps the word, and reads look-ups in it again.
    """
    mark = '"' if "'" in text and '"' not in text else "'"
    escape = re.compile(rf"(\\*)({mark}|$)")
    inside = escape.sub(lambda found: found[1] * 2 + f"\\{mark}" * bool(found[2]), text)
    return f"{mark}{inside}{mark}"
