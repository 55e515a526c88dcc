"""A call from Python leaves the process as it was, and takes nothing of it along."""

from __future__ import annotations

import logging
import os
import random
import signal
import sys
import threading
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from omegaconf import OmegaConf

from pipeline import api
from pipeline.config.compose import own_hydra
from pipeline.core.errors import ConfigError, DataError, Interrupted
from pipeline.session import guest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def snapshot() -> dict[str, Any]:
    """Return what a process shares, as far as a sweep or its libraries might touch it."""
    return {
        "environment": dict(os.environ),
        "loggers": {name: logging.getLogger(name).level for name in guest.LOGGERS},
        "handlers": list(logging.root.handlers),
        "root": logging.root.level,
        "warnings": list(warnings.filters),
        "python": random.getstate(),
        "numpy": np.random.get_state()[1].tolist(),  # noqa: NPY002
        "errors": np.geterr(),
        "sklearn": sklearn.get_config(),
        "signals": {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)},
        "argv": list(sys.argv),
        "folder": os.getcwd(),  # noqa: PTH109
        "matplotlib": "matplotlib" in sys.modules,
    }


def disturb() -> None:
    """Do what a sweep does, and more."""
    os.environ.pop("MLFLOW_RUN_ID", None)
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "1"
    os.environ["TF_NUM_INTRAOP_THREADS"] = "7"
    for name in guest.LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.simplefilter("ignore")
    random.random()  # noqa: S311
    np.random.random()  # noqa: NPY002


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make this a process with opinions of its own."""
    monkeypatch.setenv("MLFLOW_RUN_ID", "theirs")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "7")
    logging.getLogger("mlflow").setLevel(logging.DEBUG)
    with (
        np.errstate(all="raise"),
        warnings.catch_warnings(),
        sklearn.config_context(transform_output="pandas"),
    ):
        warnings.simplefilter("error")
        yield
    logging.getLogger("mlflow").setLevel(logging.NOTSET)


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize("error", [None, DataError("refused"), KeyboardInterrupt()])
def test_the_process_is_as_it_was_however_a_call_ends(error: BaseException | None) -> None:
    """Success, refusal and interrupt."""
    before = snapshot()
    try:
        with guest.guest():
            disturb()
            if error is not None:
                raise error
    except (DataError, KeyboardInterrupt):
        pass
    assert snapshot() == before


@pytest.mark.usefixtures("host")
def test_nothing_of_the_host_leaks_in() -> None:
    """Warnings as errors, NumPy that raises, scikit-learn that returns DataFrames."""
    with guest.guest():
        with pytest.warns(UserWarning, match="some library"):
            warnings.warn("of some library", stacklevel=1)
        assert np.geterr()["divide"] == "warn"
        assert ("error", None, Warning, None, 0) not in warnings.filters
        assert sklearn.get_config()["transform_output"] == "default"


@pytest.mark.usefixtures("host")
def test_calls_that_overlap_on_threads_give_back_what_the_first_found() -> None:
    """Also when the first to begin is the first to end."""
    before = snapshot()
    begun, go_on = threading.Event(), threading.Event()

    def other() -> None:
        with guest.guest():
            begun.set()
            go_on.wait(30)

    thread = threading.Thread(target=other)
    with guest.guest():
        disturb()
        thread.start()
        assert begun.wait(30)
    go_on.set()
    thread.join(30)
    assert snapshot() == before


def test_a_host_keeps_its_resolvers_and_its_hydra() -> None:
    """A notebook may have a Hydra application of its own."""
    from hydra.core.config_store import ConfigStore

    from pipeline.config.compose import compose

    OmegaConf.register_new_resolver("env", lambda name: f"their {name}", replace=True)
    ConfigStore.instance().store(name="theirs", node={"a": 1})
    with own_hydra():
        compose(["data=wages"])
    assert OmegaConf.create({"a": "${env:x}"}).a == "their x"
    assert "theirs.yaml" in ConfigStore.instance().repo
    OmegaConf.clear_resolver("env")


@pytest.fixture
def ends_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[BaseException], None]:
    """Return a function that lets sweeps end so, once they have done what sweeps do."""
    monkeypatch.chdir(tmp_path)

    def arrange(error: BaseException) -> None:
        def run(*_: object, **__: object) -> int:
            disturb()
            raise error

        monkeypatch.setattr("pipeline.session.loop.run", run)

    return arrange


@pytest.mark.parametrize(
    "error",
    [DataError("no"), Interrupted("stopped", signal.SIGINT)],
    ids=["refused", "interrupted"],
)
def test_a_sweep_that_ends_early_leaves_the_process_as_it_was(
    ends_with: Callable[[BaseException], None], error: BaseException
) -> None:
    """The arguments of the process too; and the next one may begin."""
    ends_with(error)
    before = snapshot()
    frame = pd.DataFrame({"x": [1.0, 2.0], "y": [3.0, 4.0]})
    for _ in range(2):
        with pytest.raises(type(error)):
            api.sweep(frame, "y")
        assert snapshot() == before


def test_two_sweeps_at_once_are_refused_in_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One process has one random state, one terminal and one set of threads."""
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame({"x": [1.0, 2.0], "y": [3.0, 4.0]})

    def run(*_: object, **__: object) -> int:
        with pytest.raises(ConfigError, match="another sweep is running in this process"):
            api.sweep(frame, "y")
        raise DataError("the first goes on")

    monkeypatch.setattr("pipeline.session.loop.run", run)
    with pytest.raises(DataError, match="the first goes on"):
        api.sweep(frame, "y")


@pytest.mark.slow
def test_autolog_of_the_host_logs_nothing_of_ours(tmp_path: Path) -> None:
    """Neither parameters in the open run, nor runs or models of their own."""
    import mlflow
    import mlflow.sklearn
    from mlflow.tracking._tracking_service import utils
    from sklearn.linear_model import Ridge

    before = utils._tracking_uri  # None where nobody has set one
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'theirs.db'}")
    mlflow.sklearn.autolog(silent=True, log_models=False, log_datasets=False)
    x = np.arange(20.0).reshape(-1, 1)
    try:
        with mlflow.start_run() as run, guest.guest():
            Ridge().fit(x, x[:, 0])
            with guest.guest():
                Ridge().fit(x, x[:, 0])
            Ridge().fit(x, x[:, 0])
        assert mlflow.get_run(run.info.run_id).data.params == {}
        with mlflow.start_run() as run:  # theirs still works
            Ridge().fit(x, x[:, 0])
        assert mlflow.get_run(run.info.run_id).data.params
    finally:
        mlflow.sklearn.autolog(disable=True)
        mlflow.set_tracking_uri(before)
        os.environ.pop("MLFLOW_TRACKING_URI", None)
