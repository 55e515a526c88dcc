"""Keras and TensorFlow as a sweep needs them, in a process that may belong to somebody else.

A user's floatx, dtype policy, image format or eager functions would change what is trained; the seeds
that a sweep sets would change what the user draws next. `settle` makes them ours, `give_back` theirs.

TensorFlow starts without the lines it writes about instruction sets and missing GPUs: from C++, before its
own log level counts, so the file descriptor is what is silenced, for as long as the import takes. Errors
of the import itself are Python exceptions and stay.
"""

from __future__ import annotations

import functools
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

SEEDS = ("global_random_seed", "global_seed_generator")
"""Where Keras keeps what `keras.utils.set_random_seed` sets."""

_theirs: list[Callable[[], None]] = []
"""What gives the host its settings back, in the order in which they were taken."""


def settle() -> None:
    """Set what networks are built and trained under; once until `give_back`."""
    if _theirs:
        return
    import keras

    config = keras.config
    _take(config.floatx, config.set_floatx, "float32")
    _take(config.epsilon, config.set_epsilon, 1e-7)
    _take(config.image_data_format, config.set_image_data_format, "channels_last")
    _take(config.dtype_policy, config.set_dtype_policy, "float32")
    _take_seeds()
    if os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow":
        import tensorflow as tf

        _take(tf.config.functions_run_eagerly, tf.config.run_functions_eagerly, ours=False)


def give_back() -> None:
    """Set everything as `settle` found it."""
    while _theirs:
        _theirs.pop()()


def _take(read: Callable[[], Any], write: Callable[[Any], None], ours: object) -> None:
    """Write our value of a setting, and remember to write theirs."""
    found = read()
    _theirs.append(lambda: write(found))
    write(ours)


def _take_seeds() -> None:
    """Remember the seeds of Keras and TensorFlow; neither has a public way to ask for them."""
    from keras.src.backend.common import global_state

    for name in SEEDS:
        found = global_state.get_global_attribute(name)
        _theirs.append(functools.partial(global_state.set_global_attribute, name, found))
    if os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
        return
    from tensorflow.python.eager import context

    own = vars(context.context())
    found = {name: own[name] for name in ("_seed", "_rng") if name in own}
    state = found["_rng"].getstate() if found.get("_rng") else None

    def restore() -> None:
        own.pop("_rng", None)  # it has none before the first seed
        own.update(found)
        if state is not None:
            found["_rng"].setstate(state)

    _theirs.append(restore)


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


def start(imported: Callable[[], object] = lambda: None) -> None:
    """Import the backend's framework, once, and settle Keras.

    Args:
        imported: Called when TensorFlow has been imported here and nothing of it has run.
    """
    if os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
        settle()
        return
    if "tensorflow" not in sys.modules:  # else KerasTuner has imported it
        with _silent_stderr():
            import tensorflow as tf

            imported()
            for gpu in tf.config.list_physical_devices("GPU"):  # now, while nobody hears it
                tf.config.experimental.set_memory_growth(gpu, enable=True)  # not everything at once
    # vectorized_map notes every operation that it converts with a loop: known, measured, harmless.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    settle()


@contextmanager
def precision(*, mixed: bool) -> Iterator[None]:
    """Build under bfloat16 arithmetic (it needs no loss scaling), weights staying float32."""
    import keras

    before = keras.config.dtype_policy()
    if mixed:
        keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
