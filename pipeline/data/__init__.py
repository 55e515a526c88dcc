"""The data room: file -> typed table -> leak-free split -> encoders -> float32 arrays."""

from __future__ import annotations

from pipeline.data.prepare import prepare

__all__ = ["prepare"]
