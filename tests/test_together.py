"""Where repeated subjects were found, the champion's capacity is validated once with them held together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from pipeline.config.compose import compose
from pipeline.core.language import exact
from pipeline.core.records import Capacity, Fit, Trial
from pipeline.data import prepare
from pipeline.data.columns import recorded, said
from pipeline.session.trainer import Trainer

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

FIT = Fit(Trial(Capacity("linear", (("layers", 0), ("units", 0))), 0.05, 4), 0, 1, 40)


@pytest.fixture
def trainer(tmp_path: Path) -> Trainer:
    """Return what trains on 40 subjects whose target depends on the subject alone."""
    draw = np.random.default_rng(0)
    own, level = draw.normal(size=(40, 3)), draw.normal(size=40)
    frame = pd.DataFrame(np.repeat(own, 15, axis=0), columns=["a", "b", "c"])
    frame = frame + draw.normal(0, 0.1, frame.shape)
    frame["who"] = np.repeat([f"s{one}" for one in range(40)], 15)
    frame["y"] = np.repeat(level, 15) + draw.normal(0, 0.05, 600)
    frame.to_csv(tmp_path / "table.csv", index=False)
    config = compose(
        [
            "data=table",
            f"data.path={tmp_path / 'table.csv'}",
            "data.target=y",
            "training.engine=fit",
        ]
    )
    return Trainer.of(config, prepare(config.data, config.seed))


def about(trainer: Trainer, status: str = "finished") -> dict[str, Any]:
    """Return as much of a summary as is needed."""
    facts = trainer.dataset.facts
    data = {"columns": recorded(facts), "attention": said(facts)}
    return {"status": status, "champion": {"val_loss": 0.01}, "data": data}


def test_both_scores_are_shown(trainer: Trainer) -> None:
    """In the summary, and in the sentence that stands at the head of the report."""
    from pipeline.session.together import validate_together

    found = about(trainer)
    validate_together(trainer, FIT, found, str)
    assert found["data"]["subjects"]["column"] == "who"
    assert found["data"]["subjects"]["val_loss"] == 0.01
    together = found["data"]["subjects"]["val_loss_together"]
    assert together > 0.3
    sentence = f"linear has a validation loss of {exact(together)} instead of 0.01"
    assert sentence in found["data"]["attention"][0]
    fact = next(fact for fact in found["data"]["columns"] if fact["name"] == "who")
    assert sentence in fact["note"]


def test_nothing_is_trained_where_a_budget_has_ended(trainer: Trainer) -> None:
    """Neither after it nor while it ends."""
    from pipeline.session.together import validate_together

    for found, stop in ((about(trainer, "budget"), ""), (about(trainer), "budget.seconds ended")):
        validate_together(trainer, FIT, found, lambda stop=stop: stop)
        assert "subjects" not in found["data"]
