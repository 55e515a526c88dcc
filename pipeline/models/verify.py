"""Load a saved model in a fresh process and compare its predictions with those of the sweep."""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import IO, Any, NoReturn

import numpy as np
import pandas as pd

from pipeline.core.errors import SweepError
from pipeline.core.forked import Forked
from pipeline.models.artefact_mlmodel import json_rows
from pipeline.runtime import memory

log = logging.getLogger(__name__)

TOLERANCE = 1e-6
"""Largest difference of a prediction, relative to the larger of its size and 1."""

SECONDS = 180.0
"""Time limit of the fresh process, imports included."""

LEAST_FREE = 0.15
"""Share of the machine's memory below which an idle process is ended."""

LOOK_SECONDS = 1.0
"""Seconds between two checks of the memory."""

POLL_SECONDS = 0.02
"""Seconds between two checks for an answer."""

SPARE_SECONDS = 60.0
"""How long an idle process waits for the next sweep, as in a cross-validation."""

SCRIPT = Path(__file__).with_name("artefact_verify.py")

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # The sweep still uses the accelerator: do not allocate all of its memory.
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
}


class UnfaithfulModelError(SweepError):
    """A saved model does not load, or does not predict what the trained one predicted."""


class VerifierGoneError(Exception):
    """The process died or hung, for reasons that are not the model's."""


class Question:
    """Requests to a saved model, and the file that the answer is written to."""

    def __init__(self, model: Path, rows: pd.DataFrame, folder: str) -> None:
        """Write the requests in every form of a scoring server: all rows, and the first row alone."""
        self.forms: list[str] = []
        requests: list[tuple[str, str]] = []
        for form, content_type, body in [*bodies(rows), *bodies(rows.head(1))]:
            place = Path(folder, f"request-{len(requests)}")
            place.write_bytes(body)
            requests.append((content_type, str(place)))
            self.forms.append(form)
        self._answer = Path(folder, "answer.json")
        task = {"model": str(model), "requests": requests, "answer": str(self._answer)}
        self.line = json.dumps(task) + "\n"

    def answer(self) -> list[Any] | None:
        """Return the predictions for each request; None before they are complete."""
        try:
            predictions: list[Any] = json.loads(self._answer.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        return predictions

    def compare(self, expected: np.ndarray) -> None:
        """Compare the answer with the expected outputs of all rows; raise UnfaithfulModelError."""
        half = len(self.forms) // 2
        for place, (form, answer) in enumerate(zip(self.forms, self.answer() or [], strict=True)):
            wanted = expected if place < half else expected[:1]
            names = list(answer[0]) if answer else []
            numbers = [name for name in names if name.startswith("probability_")] or ["prediction"]
            got = np.array([[row[name] for name in numbers] for row in answer], dtype=np.float64)
            if got.shape != wanted.shape:
                raise UnfaithfulModelError(
                    f"The saved model predicts {got.shape} values from {form} where {wanted.shape} "
                    "were expected."
                )
            apart = np.abs(got - wanted) / np.maximum(np.abs(wanted), 1.0)
            worst = float(np.max(apart, initial=0.0))
            if not worst <= TOLERANCE:
                raise UnfaithfulModelError(
                    f"The saved model, asked with {form}, differs from the trained one by {worst:.2g} "
                    f"(allowed: {TOLERANCE:g})."
                )


class Verifier:
    """A fresh process, kept between questions because importing its frameworks takes seconds.

    It uses as much memory as a small sweep: when memory gets short while it is idle, as with many sweeps
    on one machine, it is ended, and started again when it is needed.
    """

    def __init__(self) -> None:
        """Start nothing yet."""
        self.process: subprocess.Popen[str] | Forked | None = None
        self._errors: IO[str] | None = None
        self._lock = threading.Lock()
        self._busy, self._spare_since = False, math.inf

    def fork(self) -> None:
        """Fork the process from this one, which has imported the frameworks and not used them yet."""
        if self.process is None:
            errors = self._errors_file()
            # No more processes or memory: it is started when it is needed.
            with contextlib.suppress(OSError):
                self._watched(Forked(_verify, stderr=errors))

    def check(self, model: Path, rows: pd.DataFrame, expected: np.ndarray) -> None:
        """Compare the predictions of a saved model with those expected.

        Args:
            model: Folder of the MLflow model.
            expected: Numbers that a prediction must equal: for a regression the predictions, for
                classes the probabilities; shape (rows, outputs).

        Raises:
            UnfaithfulModelError: It does not load in a fresh process, or predicts something else.
        """
        with tempfile.TemporaryDirectory() as folder:
            question = Question(model, rows, folder)
            for suffix in ("; once more", ", twice"):
                try:
                    self.ask(question)
                    self.wait(question, SECONDS)
                    break
                except VerifierGoneError as gone:
                    log.warning("the process that verifies the model %s%s", gone, suffix)
                    self.close()
                    why = gone
            else:
                raise UnfaithfulModelError(
                    f"The saved model could not be verified: a fresh process {why}, twice."
                )
            question.compare(expected)

    def ask(self, question: Question) -> None:
        """Send a question without waiting; a process is started where there is none.

        Raises:
            VerifierGoneError: The process has died.
        """
        with self._lock:
            self._busy, self._spare_since = True, math.inf
            process = self._running()
        try:
            assert process.stdin is not None  # noqa: S101 - it is a pipe
            process.stdin.write(question.line)
            process.stdin.flush()
        except OSError:
            raise VerifierGoneError("died early") from None

    def wait(self, question: Question, seconds: float) -> None:
        """Wait for the answer; then the process counts as idle again.

        Raises:
            VerifierGoneError: The process died or does not answer.
            UnfaithfulModelError: The model does not load there, or does not predict.
        """
        end = time.monotonic() + seconds
        while question.answer() is None:
            code = None if self.process is None else self.process.poll()
            if code is not None and question.answer() is None:
                self._raise(code)
            if time.monotonic() > end:
                raise VerifierGoneError(f"did not answer within {seconds:g} s")
            time.sleep(POLL_SECONDS)
        self._busy = False

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def release(self) -> None:
        """Keep the process for the next sweep; without one it ends after `SPARE_SECONDS`."""
        self._busy, self._spare_since = False, time.monotonic()

    def close(self) -> None:
        """End the process if it runs."""
        if self.process is None or self._errors is None:
            return
        self.process.kill()
        self.process.wait()
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
        self._errors.close()
        self.process = None

    def _watch(self, process: subprocess.Popen[str] | Forked) -> None:
        """End an idle process when memory gets short, or no further sweep comes."""
        while process.poll() is None:
            time.sleep(LOOK_SECONDS)
            is_spare = time.monotonic() - self._spare_since > SPARE_SECONDS
            with self._lock:
                if not self._busy and (is_spare or memory.free() < LEAST_FREE * memory.total()):
                    process.kill()
                    process.wait()

    def _raise(self, code: int) -> NoReturn:
        """Raise the error for a process that ended without an answer."""
        if code < 0:
            raise VerifierGoneError(f"was killed by signal {-code}")
        assert self._errors is not None  # noqa: S101 - a process has written there
        self._errors.seek(0)
        last = self._errors.read().strip().splitlines()[-1:] or ["no message"]
        raise UnfaithfulModelError(
            f"The saved model does not work in a fresh process: {last[0][:500]}"
        )

    def _running(self) -> subprocess.Popen[str] | Forked:
        """Return the process; start one where none runs: it imports while the caller goes on."""
        if self.process is not None and self.process.poll() is None:
            return self.process
        self.close()
        return self._watched(
            subprocess.Popen(  # noqa: S603 - our own script
                [sys.executable, "-I", "-B", str(SCRIPT)],  # -B: leave no byte code in the model
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._errors_file(),
                env=os.environ | QUIET,
                cwd=tempfile.gettempdir(),  # MLflow may create a default store where it is started
                text=True,
            )
        )

    def _errors_file(self) -> IO[str]:
        """Return a new file for what the process writes to stderr."""
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - closed by close
        return self._errors

    def _watched(self, process: subprocess.Popen[str] | Forked) -> subprocess.Popen[str] | Forked:
        """Register a started process and watch its memory."""
        self.process = process
        threading.Thread(target=self._watch, args=(process,), name="verifier", daemon=True).start()
        return process


def _verify() -> None:
    """Run in the forked process: unload this package and the user's folders, as the isolated script does."""
    from pipeline.models.artefact_verify import main

    forgotten.extend(  # kept: what a module holds would be closed with it
        sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "pipeline"
    )
    roots = (sys.prefix, sys.base_prefix)
    sys.path[:] = [place for place in sys.path if place.startswith(roots)]
    sys.dont_write_bytecode = True
    os.environ.update(QUIET)
    os.chdir(tempfile.gettempdir())
    sys.exit(main())


forgotten: list[ModuleType] = []

VERIFIER = Verifier()
"""The verifier of this process, shared by its sweeps."""
atexit.register(VERIFIER.close)


def bodies(rows: pd.DataFrame) -> list[tuple[str, str, bytes]]:
    """Return rows as bodies of HTTP requests: (name, content type, body) of each supported form."""
    plain = json_rows(rows)
    csv = pd.DataFrame(plain["data"], columns=plain["columns"], dtype=object).to_csv(index=False)
    forms = [
        ("JSON", "application/json", json.dumps({"dataframe_split": plain}).encode()),
        ("CSV", "text/csv", csv.encode()),
    ]
    with contextlib.suppress(Exception):  # a column of mixed values has no Parquet form
        forms.append(("Parquet", "application/vnd.apache.parquet", rows.to_parquet(index=False)))
    return forms
