"""The global settings of Keras and TensorFlow, in a process that may be the user's own.

A user's floatx, dtype policy, image format or eager functions would change the training; the seeds of a
sweep would change the user's next random numbers. `settle` sets the sweep's settings, `give_back` restores
the user's.

TensorFlow writes lines about instruction sets and missing GPUs from C++ when it is imported, before its log
level counts: so file descriptor 2 is silenced during the import. Errors of the import are Python exceptions,
and are not lost.
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
"""Functions that restore the user's settings, in the order in which they were changed."""


def settle() -> None:
    """Change the settings for building and training networks; once until `give_back`."""
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
    """Restore the settings from before `settle`."""
    while _theirs:
        _theirs.pop()()


def _take(read: Callable[[], Any], write: Callable[[Any], None], ours: object) -> None:
    """Change a setting, and remember to restore it."""
    before = read()
    _theirs.append(lambda: write(before))
    write(ours)


def _take_seeds() -> None:
    """Remember the seeds of Keras and TensorFlow, which have no public getter."""
    from keras.src.backend.common import global_state

    for name in SEEDS:
        before = global_state.get_global_attribute(name)
        _theirs.append(functools.partial(global_state.set_global_attribute, name, before))
    if os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
        return
    from tensorflow.python.eager import context

    own = vars(context.context())
    before = {name: own[name] for name in ("_seed", "_rng") if name in own}
    state = before["_rng"].getstate() if before.get("_rng") else None

    def restore() -> None:
        own.pop("_rng", None)  # it has none before the first seed
        own.update(before)
        if state is not None:
            before["_rng"].setstate(state)

    _theirs.append(restore)


STDERR = 2


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Discard the output to file descriptor 2."""
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
        imported: Called when TensorFlow was imported by this call, before anything of it has run.
    """
    if os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
        settle()
        return
    if "tensorflow" not in sys.modules:  # else KerasTuner has imported it
        with _silent_stderr():
            import tensorflow as tf

            imported()
            for gpu in tf.config.list_physical_devices("GPU"):  # while its messages are silenced
                tf.config.experimental.set_memory_growth(gpu, enable=True)  # not everything at once
    # vectorized_map logs every operation that it converts with a loop: known, measured, harmless.
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
