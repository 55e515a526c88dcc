"""Training a recorded fit again: what must be given again, and what is said of the comparison."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pipeline.config import SOURCE, flatten
from pipeline.config.compose import compose
from pipeline.config.text import dump
from pipeline.core.errors import ConfigError
from pipeline.core.records import Fit, FitResult, Outcome, StackPlan, Trial
from pipeline.ledger.read import RecordedFit
from pipeline.ledger.stackfile import FitCurves
from pipeline.replay import main
from pipeline.session import replay
from pipeline.training.families.mlp import of_widths

if TYPE_CHECKING:
    from pathlib import Path

FIT = Fit(Trial(of_widths(4), 0.01, 9), 0, 0, 3)
CURVES = {"loss": np.array([3.0, 2.0, np.nan]), "val_loss": np.array([4.0, 2.5, 2.25])}


def recorded(*words: str) -> RecordedFit:
    """Return a fit of a sweep that was started with these words."""
    config = compose(list(words))
    curves = FitCurves(CURVES, np.zeros(1, np.float32))
    source = flatten(config).get(SOURCE)
    return RecordedFit(FIT, StackPlan((), "fit", ""), curves, dump(config), "digest", source, {})


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file of a builder in the working directory."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "nets.py"
    file.write_text("def made(): ...")
    return file


def tried(found: RecordedFit, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """Replay a fit that is equal, as far as it comes to training."""
    result = FitResult(FIT, Outcome.completed, CURVES, 2, None, None, 1.0)
    monkeypatch.setattr(replay, "recorded_fit", lambda *_: found)
    monkeypatch.setattr(replay, "retrain", lambda *_: result)
    return main(["run=1", *words])


def test_a_builder_is_given_again_with_the_code_it_had(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is never taken from a store, and other code is not what the fit was trained with."""
    found = recorded("model.builder=nets:made")
    assert tried(found, monkeypatch, "model.builder=nets:made") == 0
    with pytest.raises(ConfigError, match=r"name yours again: model\.builder="):
        tried(found, monkeypatch)
    own.write_text("def made(): return 1")
    with pytest.raises(ConfigError, match="not the code that the fit was trained with"):
        tried(found, monkeypatch, "model.builder=nets:made")


def test_a_builder_of_an_older_version_is_taken_with_a_word(
    own: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody wrote its code down then; whether epochs are equal shows what it was."""
    assert own.exists()
    found = replace(recorded("model.builder=nets:made"), builder_source=None)
    assert tried(found, monkeypatch, "model.builder=nets:made") == 0
    assert "was not recorded" in caplog.text


def test_a_builder_that_had_no_part_is_refused(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else another network would be trained and compared."""
    assert own.exists()
    assert tried(recorded(), monkeypatch) == 0
    with pytest.raises(ConfigError, match="trained without one"):
        tried(recorded(), monkeypatch, "model.builder=nets:made")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "all 3 epochs are equal bit for bit in loss, val_loss."),
        ({"val_loss": np.array([4.0, 2.5, 2.5])}, "val_loss differs by up to 0.25 over 3 epochs"),
        ({"loss": np.array([3.0, 2.0, 1.0])}, "loss differs by up to"),
        ({"loss": np.array([3.0, 2.0])}, "3 epochs were recorded, now there are 2"),
    ],
)
def test_every_epoch_is_compared(change: dict[str, np.ndarray], said: str) -> None:
    """Bit for bit; a loss that is no number is equal to another such, and to nothing else."""
    result = FitResult(FIT, Outcome.completed, CURVES | change, 2, None, None, 1.0)
    equal, sentence = replay.compare(recorded(), result)
    assert said in sentence
    assert equal is (not change)


def test_what_differs_of_machine_and_versions_is_named() -> None:
    """The likeliest reason for another number in the last digit."""
    found = replace(recorded(), provenance={"version.keras": "0.0.1"})
    result = FitResult(FIT, Outcome.completed, CURVES | {"loss": np.ones(3)}, 2, None, None, 1.0)
    assert "0.0.1" in replay.compare(found, result)[1]
