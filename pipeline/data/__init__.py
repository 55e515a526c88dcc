"""Makes arrays of a table: file -> typed table -> leak-free split -> encoders -> float32 arrays.

Hands out `prepare`, which returns a `Dataset`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.data.prepare import prepare

if TYPE_CHECKING:  # at run time it would import pandas; a bad path is answered before that
    from pipeline.data.dataset import Dataset as Dataset

__all__ = ["prepare"]
