"""The nearest valid word to one that is not."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_LIKE_ENOUGH = 0.6
"""difflib's own default: below it the suggestion is more confusing than none."""


def nearest(word: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed word that was probably meant, or None.

    A dotted key is also found by its last part alone: `epochs` and `trainng.epochs` are
    `training.epochs`.
    """
    known = list(allowed)
    if word in known:  # it is not the word that is wrong
        return None
    last = word.rpartition(".")[2]
    same_end = [key for key in known if key.rpartition(".")[2] == last]
    if same_end:
        return max(same_end, key=lambda key: _likeness(word, key))
    close = difflib.get_close_matches(word.lower(), known, n=1, cutoff=_LIKE_ENOUGH)
    if close:
        return close[0]
    ends = {key.rpartition(".")[2]: key for key in known}
    close = difflib.get_close_matches(last.lower(), list(ends), n=1, cutoff=_LIKE_ENOUGH)
    return ends[close[0]] if close else None


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """Return `; did you mean X?`, or nothing where no allowed word is near."""
    found = nearest(word, allowed)
    return f"; did you mean {found}?" if found else ""


def _likeness(word: str, key: str) -> float:
    return difflib.SequenceMatcher(None, word, key).ratio()
