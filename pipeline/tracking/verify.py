"""Let a fresh process load a saved model and compare its predictions with those of the sweep."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import memory
from pipeline.errors import SweepError
from pipeline.tracking.artefact_mlmodel import json_rows

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

TOLERANCE = 1e-6
"""Largest difference of a prediction, relative to its size or to 1."""

SECONDS = 180.0
"""How long the fresh process may take, imports included."""

LEAST_FREE = 0.15
"""Share of the machine's memory that must be free for a process that waits."""

LOOK_SECONDS = 1.0
"""Between two looks at the memory."""

SCRIPT = Path(__file__).with_name("artefact_verify.py")

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # The sweep still holds the accelerator: take what is needed, not everything.
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
}


class UnfaithfulModelError(SweepError):
    """A saved model does not load, or does not predict what the trained one predicted."""


class _GoneError(Exception):
    """The process died or hung: that says nothing about the model."""


class Verifier:
    """A fresh process, started early because importing its frameworks takes seconds.

    It holds as much memory as a small sweep: where that gets short before it is asked, as with many
    sweeps on one machine, it ends, and is started again when it is needed.
    """

    def __init__(self) -> None:
        """Start the process; it imports while the caller goes on."""
        self._process = _start()
        self._wanted = threading.Event()
        self._gave_way = False
        threading.Thread(target=self._wait, name="verifier", daemon=True).start()

    def check(self, model: Path, rows: pd.DataFrame, expected: np.ndarray) -> None:
        """Compare the predictions of a saved model with those expected.

        Args:
            model: Folder of the MLflow model.
            rows: Raw rows.
            expected: Numbers that a prediction must equal: for a regression the predictions, for
                classes the probabilities; shape (rows, outputs).

        Raises:
            UnfaithfulModelError: It does not load in a fresh process, or predicts something else.
        """
        self._wanted.set()
        if self._gave_way:
            self.close()
            self._process = _start()
        with tempfile.TemporaryDirectory() as folder:
            task = {
                "model": str(model),
                "rows": f"{folder}/rows.json",
                "predictions": f"{folder}/predictions.json",
            }
            Path(task["rows"]).write_text(json.dumps(json_rows(rows)), encoding="utf-8")
            try:
                self._run(task)
            except _GoneError as gone:
                log.warning("the process that verifies the model %s; once more", gone)
                self.close()
                self._process = _start()
                self._run_again(task)
            found = json.loads(Path(task["predictions"]).read_text(encoding="utf-8"))
        _compare(found, expected)

    def close(self) -> None:
        """End the process if it still runs."""
        self._wanted.set()
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def _wait(self) -> None:
        """End the process when memory gets short before anybody has asked for it."""
        while not self._wanted.wait(LOOK_SECONDS):
            if memory.free() < LEAST_FREE * memory.total():
                self._gave_way = True
                self._process.kill()
                return

    def _run(self, task: dict[str, str]) -> None:
        try:
            _, errors = self._process.communicate(json.dumps(task) + "\n", timeout=SECONDS)
        except subprocess.TimeoutExpired:
            self.close()
            raise _GoneError(f"did not answer within {SECONDS:g} s") from None
        except (BrokenPipeError, ValueError):  # it had died before it was asked
            raise _GoneError("died early") from None
        if self._process.returncode < 0:
            raise _GoneError(f"was killed by signal {-self._process.returncode}")
        if self._process.returncode:
            last = errors.strip().splitlines()[-1:] or ["no message"]
            raise UnfaithfulModelError(
                f"The saved model does not load in a fresh process: {last[0][:500]}"
            )

    def _run_again(self, task: dict[str, str]) -> None:
        try:
            self._run(task)
        except _GoneError as gone:
            raise UnfaithfulModelError(
                f"The saved model could not be verified: a fresh process {gone}, twice."
            ) from None


def _start() -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, "-I", "-B", str(SCRIPT)],  # -B: leave no byte code in the model
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | QUIET,
        cwd=tempfile.gettempdir(),  # MLflow may create a default store where it is started
        text=True,
    )


def _compare(found: dict[str, list[Any]], expected: np.ndarray) -> None:
    columns = found["columns"]
    numbers = [
        place for place, name in enumerate(columns) if str(name).startswith("probability_")
    ] or [columns.index("prediction")]
    got = np.array([[row[place] for place in numbers] for row in found["data"]], dtype=np.float64)
    if got.shape != expected.shape:
        raise UnfaithfulModelError(
            f"The saved model predicts {got.shape} values where {expected.shape} were expected."
        )
    worst = float(np.max(np.abs(got - expected) / np.maximum(np.abs(expected), 1.0), initial=0.0))
    if not worst <= TOLERANCE:
        raise UnfaithfulModelError(
            f"The saved model differs from the trained one by {worst:.2g} (allowed: {TOLERANCE:g})."
        )
