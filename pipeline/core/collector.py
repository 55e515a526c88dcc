"""How often Python collects garbage."""

from __future__ import annotations

import gc


def collect_seldom() -> None:
    """Have Python collect garbage less often, in a process of our own.

    TensorFlow, Keras and MLflow leave about a million objects that live as long as the process; with Python's
    own thresholds (700, 10, 10) a tenth of a sweep's processor time went into visiting them again and again.
    """
    gc.set_threshold(50_000, 20, 20)
