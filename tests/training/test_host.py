"""Keras and TensorFlow are ours while a sweep trains, and the host's again afterwards."""

from __future__ import annotations

from typing import Any

import keras
import pytest

from pipeline.training import host

context = pytest.importorskip("tensorflow.python.eager.context")


@pytest.fixture(autouse=True)
def untaken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what an earlier test of this process has settled."""
    monkeypatch.setattr(host, "_theirs", [])


def settings() -> dict[str, Any]:
    """Return what is theirs."""
    import tensorflow as tf

    return {
        "floatx": keras.config.floatx(),
        "policy": keras.config.dtype_policy().name,
        "format": keras.config.image_data_format(),
        "epsilon": keras.config.epsilon(),
        "eager": tf.config.functions_run_eagerly(),
    }


def test_settings_of_the_host_are_set_aside_and_given_back() -> None:
    """Float64, another image format, eager functions: none of them reaches what is trained."""
    import tensorflow as tf

    plain = settings()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    keras.config.set_image_data_format("channels_first")
    keras.config.set_epsilon(0.1)
    tf.config.run_functions_eagerly(True)
    theirs = settings()
    host.settle()
    assert settings() == plain
    host.give_back()
    assert settings() == theirs
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    keras.config.set_image_data_format("channels_last")
    keras.config.set_epsilon(1e-7)
    tf.config.run_functions_eagerly(False)
    assert settings() == plain


@pytest.mark.parametrize("seeded", [True, False])
def test_the_host_draws_what_it_would_have_drawn(
    monkeypatch: pytest.MonkeyPatch, *, seeded: bool
) -> None:
    """TensorFlow's numbers go on where they were; before the first seed it has none."""
    import tensorflow as tf

    own = vars(context.context())
    monkeypatch.delitem(own, "_rng", raising=False)
    monkeypatch.setitem(own, "_seed", None)
    expected = 0.0
    if seeded:
        tf.random.set_seed(1)
        expected = float(tf.random.uniform([]))
        tf.random.set_seed(1)
    host.settle()
    keras.utils.set_random_seed(3)
    tf.random.uniform([])
    host.give_back()
    if seeded:
        assert float(tf.random.uniform([])) == expected
    else:
        assert "_rng" not in own
