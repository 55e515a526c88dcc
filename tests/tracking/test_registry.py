"""The registry: versions, aliases and reasons as another program sees them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pipeline.config.compose import compose
from pipeline.config.schema import RegistryConfig
from pipeline.data.typed import Column
from pipeline.errors import ConfigError
from pipeline.tracking import registry
from pipeline.tracking.artefact import Champion
from pipeline.tracking.artefact_folder import describe
from pipeline.tracking.find_model import ForeignModelError
from pipeline.tracking.registry import challenge, look_up

OLD = np.tile([1.0, 1.2, 0.8], 50)
NAME = "wages"


def make_dataset(digest: str = "monday") -> Any:
    """Return what the registry asks of a table."""
    return SimpleNamespace(
        target="wage",
        classes=None,
        outputs=1,
        image_shape=None,
        images=None,
        columns=(Column("age", "number"),),
        digest=digest,
        target_scaling=lambda: (10.0, 2.0),
    )


class Day:
    """A sweep that ends, day after day, with a champion."""

    def __init__(self, sweeps: Any, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let saved models be loaded without Keras."""
        self.ledger = sweeps.open()
        self.client = client
        self.config = RegistryConfig(name=NAME)
        predictor = SimpleNamespace(
            description=describe(make_dataset(), []),
            check=lambda rows: rows,
            outputs=lambda rows: np.full((len(rows), 1), 14.0),
        )
        self.load = lambda *_: predictor
        monkeypatch.setattr(registry, "load_predictor", self._load)

    def _load(self, *words: Any) -> Any:
        return self.load(*words)

    def end(self, losses: Any, old: Any = OLD, digest: str = "monday", **changes: Any) -> Any:
        """End a sweep; return the verdict."""
        store = self.ledger.store
        run = self.client.create_run(store.experiment_id)
        model = self.client.create_logged_model(
            store.experiment_id, name="champion", source_run_id=run.info.run_id
        )
        champion = Champion(model.model_uri, model.model_id)
        for name, value in changes.items():
            setattr(self.config, name, value)
        standing = look_up(store, NAME)
        data = compose(["data=wages", "data.split=hash"]).data
        return challenge(
            self.ledger, self.config, data, make_dataset(digest), standing, champion, (losses, old)
        )

    def alias(self, name: str) -> str:
        """Return the version that an alias points to; empty for none."""
        aliases = self.client.get_registered_model(NAME).aliases
        return str(aliases.get(name, ""))

    def tags(self, version: str) -> dict[str, str]:
        """Return the tags of a version."""
        return dict(self.client.get_model_version(NAME, version).tags)


@pytest.fixture
def day(sweeps: Any, client: Any, monkeypatch: pytest.MonkeyPatch) -> Day:
    """Return a maker of sweeps that end."""
    return Day(sweeps, client, monkeypatch)


def test_the_first_version_goes_into_production(day: Day) -> None:
    """With its lineage: run, sweep, test rows."""
    verdict = day.end(OLD, None)
    assert verdict.promoted
    assert day.alias("champion") == "1"
    version = day.client.get_model_version(NAME, "1")
    assert version.run_id
    assert version.tags["sweep"] == day.ledger.run_id
    assert '"digest": "monday"' in version.tags["test_rows"]
    assert version.description == verdict.reason
    assert day.client.get_run(day.ledger.run_id).data.tags["registry"].endswith(verdict.reason)


def test_a_better_model_replaces_and_the_way_back_is_kept(day: Day) -> None:
    """Aliases champion and previous; the reason stands on both versions."""
    day.end(OLD, None)
    verdict = day.end(OLD - 0.2, digest="tuesday")
    assert verdict.promoted
    assert (day.alias("champion"), day.alias("previous"), day.alias("challenger")) == ("2", "1", "")
    assert day.tags("2")["promotion"] == verdict.reason
    assert verdict.reason in day.tags("1")["challenged"]


def test_a_worse_model_does_not(day: Day) -> None:
    """It is registered as the challenger, with the reason on both."""
    day.end(OLD, None)
    verdict = day.end(OLD + 0.2, digest="tuesday")
    assert not verdict.promoted
    assert (day.alias("champion"), day.alias("previous"), day.alias("challenger")) == ("1", "", "2")
    assert day.tags("2")["promotion"] == verdict.reason
    assert verdict.reason in day.tags("1")["challenged"]


def test_a_dry_run_only_says(day: Day) -> None:
    """Nothing is registered."""
    verdict = day.end(OLD, None, dry_run=True)
    assert verdict.promoted
    assert verdict.reason.startswith("Dry run")
    assert day.client.search_registered_models() == []


def test_a_dry_run_compares_all_the_same(day: Day) -> None:
    """It says what would be done."""
    day.end(OLD, None)
    verdict = day.end(OLD + 0.2, dry_run=True)
    assert not verdict.promoted
    assert "not better" in verdict.reason
    assert day.alias("challenger") == ""


def test_an_incumbent_that_no_longer_loads_is_replaced(day: Day) -> None:
    """Nobody can use it; the way back is kept all the same."""
    day.end(OLD, None)

    def broken(*_: Any) -> None:
        raise ConfigError("model=models:/wages/1: refused or damaged: a file is missing")

    day.load = broken
    verdict = day.end(OLD + 9, None)
    assert verdict.promoted
    assert "no longer loads" in verdict.reason
    assert (day.alias("champion"), day.alias("previous")) == ("2", "1")


def test_a_model_of_another_program_is_left_in_place(day: Day) -> None:
    """It cannot be compared, and its code is not run."""
    day.end(OLD, None)

    def foreign(*_: Any) -> None:
        raise ForeignModelError("not saved by this program")

    day.load = foreign
    assert not day.end(OLD - 9, None).promoted
    assert (day.alias("champion"), day.alias("challenger")) == ("1", "2")


def test_a_registered_model_without_an_alias_gets_one(day: Day) -> None:
    """Somebody took it away: there is no incumbent."""
    day.end(OLD, None)
    day.client.delete_registered_model_alias(NAME, "champion")
    verdict = day.end(OLD, None)
    assert "no version had the alias" in verdict.reason
    assert day.alias("champion") == "2"


def test_a_name_that_is_not_legal_is_a_wrong_configuration(day: Day) -> None:
    """MLflow refuses slashes and colons."""
    store = day.ledger.store
    with pytest.raises(ConfigError, match=r"registry\.name=a/b:c"):
        look_up(store, "a/b:c")


def test_the_incumbent_is_scored_in_the_units_of_the_arrays(day: Day) -> None:
    """Raw rows in; its prediction of 14 is two standard deviations above the mean of 10."""
    day.end(OLD, None)
    store = day.ledger.store
    standing = look_up(store, NAME)
    predict = standing.outputs(make_dataset())
    assert predict(np.zeros(3)).tolist() == [[2.0]] * 3
    other = make_dataset()
    other.target = "salary"
    assert standing.outputs(other) is None
