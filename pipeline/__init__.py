"""Right-sized neural networks: a capacity sweep that explains itself."""

from __future__ import annotations

__version__ = "0.1.0"
