"""Start TensorFlow without the lines it writes about instruction sets and missing GPUs.

It writes them from C++ before its own log level counts, so the file descriptor is what is silenced,
for as long as the import takes. Errors of the import itself are Python exceptions and stay.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.training.host import settle

STDERR = 2


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Send what is written to file descriptor 2 nowhere."""
    sys.stderr.flush()
    kept = os.dup(STDERR)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, STDERR)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, STDERR)
        os.close(nowhere)
        os.close(kept)


def start() -> None:
    """Import the backend's framework, once, and settle Keras."""
    if os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
        settle()
        return
    if "tensorflow" not in sys.modules:  # else KerasTuner has imported it
        with _silent_stderr():
            import tensorflow as tf

            for gpu in tf.config.list_physical_devices("GPU"):  # now, while nobody hears it
                tf.config.experimental.set_memory_growth(gpu, enable=True)  # not everything at once
    # vectorized_map notes every operation that it converts with a loop: known, measured, harmless.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    settle()
