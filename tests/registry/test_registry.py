"""The registry: versions, aliases and reasons as another program sees them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pipeline.config.compose import compose
from pipeline.config.schema import RegistryConfig
from pipeline.config.schema_data import DataConfig
from pipeline.core.errors import ConfigError
from pipeline.data.typed import Column
from pipeline.models import find_model
from pipeline.models.artefact import Champion
from pipeline.models.artefact_folder import describe
from pipeline.models.find_model import ForeignModelError, model_id_of
from pipeline.registry import registration, registry
from pipeline.registry.judge import Challenge, Rows, split_of
from pipeline.registry.registry import challenge, look_up, schema_of

pytestmark = pytest.mark.slow

OLD = np.tile([1.0, 1.2, 0.8], 50)
NAME = "wages"


def asked(data: DataConfig, dataset: Any, losses: Any, config: RegistryConfig) -> Challenge:
    """Return what is known of a champion before it is compared."""
    rows = Rows(dataset.digest, split_of(data))
    margin, broken = config.margin, config.replace_broken
    return Challenge(schema_of(dataset), rows, losses, margin=margin, replace_broken=broken)


def make_dataset(digest: str = "monday") -> Any:
    """Return what the registry asks of a table."""
    return SimpleNamespace(
        target="wage",
        classes=None,
        outputs=1,
        image_shape=None,
        images=None,
        columns=(Column("age", "number"),),
        used=(Column("age", "number"),),
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
            check=lambda rows, **_: rows,
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
        standing = self.look_up()
        data = compose(["data=wages", "data.split=hash"]).data
        return challenge(
            self.ledger,
            self.config,
            champion,
            asked(data, make_dataset(digest), losses, self.config),
            standing,
            lambda now: old(now) if callable(old) else (old, ""),
        )

    def look_up(self) -> Any:
        """Return who stands in production before the sweep is tested."""
        return look_up(self.ledger.store, NAME)

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
    """With its lineage: run, sweep, test rows; the model's page and the registered model say so."""
    verdict = day.end(OLD, None)
    assert verdict.promoted
    assert day.alias("champion") == "1"
    version = day.client.get_model_version(NAME, "1")
    assert version.run_id
    assert version.tags["sweep"] == day.ledger.run_id
    assert '"digest": "monday"' in version.tags["test_rows"]
    assert version.description == verdict.reason
    assert day.client.get_run(day.ledger.run_id).data.tags["registry"].endswith(verdict.reason)
    model = day.client.get_logged_model(model_id_of(version))
    assert json.loads(model.tags["mlflow.modelVersions"]) == [{"name": NAME, "version": "1"}]
    assert "`champion`" in day.client.get_registered_model(NAME).description


def test_a_store_that_the_host_has_named_is_not_where_a_version_is_looked_for(
    day: Day, tmp_path: Path
) -> None:
    """`mlflow.set_tracking_uri` of a notebook wins over the environment; afterwards it is as it was."""
    from mlflow.tracking._tracking_service import utils

    theirs = f"sqlite:///{tmp_path / 'theirs.db'}"
    with utils._use_tracking_uri(theirs):
        assert day.end(OLD, None).promoted
        assert utils.get_tracking_uri() == theirs


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


BROKEN = (
    ConfigError("model=models:/wages/1: refused or damaged: a file is missing"),
    FileNotFoundError("the folder of its files is gone"),
    KeyError("columns"),
)


@pytest.mark.parametrize("error", BROKEN)
def test_an_incumbent_that_no_longer_loads_is_not_replaced_by_accident(
    day: Day, error: Exception
) -> None:
    """Nothing was compared: it is refused, and the message says which word allows it."""
    day.end(OLD, None)

    def broken(*_: Any) -> None:
        raise error

    day.load = broken
    verdict = day.end(OLD - 9, None)
    assert not verdict.promoted
    assert "registry.replace_broken=true" in verdict.reason
    assert (day.alias("champion"), day.alias("challenger")) == ("1", "2")
    verdict = day.end(OLD + 9, None, replace_broken=True)
    assert verdict.promoted
    assert "cannot be compared" in verdict.reason
    assert (day.alias("champion"), day.alias("previous")) == ("3", "1")


def test_an_incumbent_that_loads_but_does_not_predict_is_not_replaced(day: Day) -> None:
    """It is as broken as one that does not load."""
    day.end(OLD, None)
    verdict = day.end(OLD - 9, lambda _: (None, "its predictions are not finite"))
    assert not verdict.promoted
    assert "not finite" in verdict.reason


def test_two_sweeps_that_end_together_are_not_both_promoted_against_the_first(day: Day) -> None:
    """The alias moved between the comparison and the promotion: compared again, and refused."""
    day.end(OLD, None)
    looked_up = day.look_up()
    assert day.end(OLD - 0.4).promoted  # the other sweep, which is faster
    day.look_up = lambda: looked_up
    against = {"1": OLD, "2": OLD - 0.4}
    verdict = day.end(OLD - 0.3, lambda now: (against[now.incumbent.version], ""))
    assert not verdict.promoted
    assert "of version 2" in verdict.reason
    assert (day.alias("champion"), day.alias("previous"), day.alias("challenger")) == (
        "2",
        "1",
        "3",
    )


def test_the_better_of_two_that_end_together_stays(day: Day) -> None:
    """Compared again with the other's version, it wins, and the way back is the other."""
    day.end(OLD, None)
    looked_up = day.look_up()
    day.end(OLD - 0.2)
    day.look_up = lambda: looked_up
    against = {"1": OLD, "2": OLD - 0.2}
    verdict = day.end(OLD - 0.5, lambda now: (against[now.incumbent.version], ""))
    assert verdict.promoted
    assert (day.alias("champion"), day.alias("previous")) == ("3", "2")


def test_an_alias_that_somebody_moves_while_it_is_compared_is_left_alone(day: Day) -> None:
    """Said, and the next version need not wait."""
    day.end(OLD, None)
    day.end(OLD - 0.2)
    client, other = day.client, {"1": "2", "2": "1"}

    def moving(now: Any) -> tuple[Any, str]:
        client.set_registered_model_alias(NAME, "champion", other[now.incumbent.version])
        return OLD, ""

    verdict = day.end(OLD - 0.9, moving)
    assert not verdict.promoted
    assert "the alias was moved while" in verdict.reason
    assert day.alias("champion") == "1"
    assert day.tags("3")[registration.STATE_TAG] == registration.JUDGED


def test_a_version_waits_for_those_with_lower_numbers(
    day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other sweep has its number and is being judged: it goes first, whoever is faster."""
    day.end(OLD, None)
    client = day.client
    before = client.create_model_version(
        NAME, "runs:/x", tags={registration.STATE_TAG: registration.WAITING}, run_id=None
    )
    pauses = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        client.set_model_version_tag(
            NAME, before.version, registration.STATE_TAG, registration.JUDGED
        )

    monkeypatch.setattr(registration.time, "sleep", pause)
    assert day.end(OLD - 0.2).promoted
    assert pauses
    assert day.alias("champion") == "3"


def test_a_dead_version_is_passed_over_and_refuses_itself_when_it_wakes(
    day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sweep slept, or was killed: nobody waits for ever, and it may not move the alias later."""
    day.end(OLD, None)
    monkeypatch.setattr(registration, "PATIENCE", 0.0)
    meanwhile = []

    def overtaken(_: Any) -> tuple[Any, str]:
        if not meanwhile:
            meanwhile.append(day.end(OLD - 0.2))
        return OLD, ""

    verdict = day.end(OLD - 0.9, overtaken)
    assert not verdict.promoted
    assert "waited for too long" in verdict.reason
    assert meanwhile[0].promoted
    assert day.alias("champion") == "3"
    assert day.tags("2")[registration.STATE_TAG] == registration.PASSED_OVER


def test_every_look_at_the_registered_model_raises_the_bar(day: Day) -> None:
    """The same small gain that is enough at the first look is not after a month of nights."""
    day.end(OLD, None)
    draw = np.random.default_rng(0)
    noise = draw.normal(size=len(OLD))
    noise = (noise - noise.mean()) / noise.std(ddof=1) * 0.1 * np.sqrt(len(OLD))
    almost = OLD - 0.28 + noise  # a gain of 2.8 standard errors
    for _ in range(3):
        assert "look" not in day.end(OLD + 1).reason
    refused = day.end(almost)
    assert not refused.promoted
    assert "at look 4" in refused.reason


ROOT = Path(__file__).parents[2]

TWO_SWEEPS = """
import sys, time
from types import SimpleNamespace
import numpy as np
from mlflow import MlflowClient
from pipeline.config.compose import compose
from pipeline.config.schema import RegistryConfig
from pipeline.config.schema_data import DataConfig
from pipeline.registry import registry
from pipeline.models.artefact import Champion
from pipeline.ledger.location import resolve
from pipeline.registry.registry import challenge, look_up
from pipeline.ledger.store import open_store
from tests.registry.test_registry import NAME, OLD, asked, make_dataset
from pipeline.models.artefact_folder import describe

uri, experiment, model, gain, start = sys.argv[1:]
store = open_store(resolve(uri), experiment)
registry.load_predictor = lambda *_: SimpleNamespace(description=describe(make_dataset(), []))
jobs = SimpleNamespace(
    store=store, run_id=model, set_tag=lambda *_: None, flush=lambda: None,
    write=lambda job: job.advance(), ask=lambda name, question: question(),
)
standing = look_up(store, NAME)
losses = {"1": OLD, "2": OLD - 0.2, "3": OLD - 0.2}
data = compose(["data=wages", "data.split=hash"]).data
champion = Champion(store.client.get_logged_model(model).model_uri, model)
config = RegistryConfig(name=NAME)
own = asked(data, make_dataset(), OLD - float(gain), config)
while time.time() < float(start):
    time.sleep(0.001)
verdict = challenge(
    jobs, config, champion, own, standing, lambda now: (losses[now.incumbent.version], "")
)
print(verdict.promoted, verdict.reason)
"""


@pytest.mark.rare
def test_of_two_processes_that_promote_at_once_one_is_refused(day: Day) -> None:
    """Both looked up version 1 and both beat it by the same: the second is compared with the first."""
    day.end(OLD, None)
    store = day.ledger.store
    started = []
    start = time.time() + 6.0
    for _ in range(2):
        run = day.client.create_run(store.experiment_id)
        model = day.client.create_logged_model(
            store.experiment_id, name="champion", source_run_id=run.info.run_id
        )
        words = [store.location.uri, store.experiment, model.model_id, "0.2", str(start)]
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", TWO_SWEEPS, *words],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
            )
        )
    ended = [process.communicate(timeout=100) for process in started]
    assert not any(process.returncode for process in started), ended
    said = sorted(out for out, _ in ended)
    assert said[0].startswith("False Not promoted: test loss"), said
    assert "of version 2 " in said[0]
    assert said[1].startswith("True Promoted"), said
    assert (day.alias("champion"), day.alias("previous"), day.alias("challenger")) == (
        "2",
        "1",
        "3",
    )


def test_a_model_of_another_program_is_left_in_place(day: Day) -> None:
    """It cannot be compared, and its code is not run."""
    day.end(OLD, None)

    def foreign(*_: Any) -> None:
        raise ForeignModelError("not saved by this program")

    day.load = foreign
    assert not day.end(OLD - 9, None).promoted
    assert (day.alias("champion"), day.alias("challenger")) == ("1", "2")


def test_a_model_whose_files_are_gone_is_broken_and_not_another_programs(tmp_path: Path) -> None:
    """Another program's model has files; replacing this one is allowed when it is said."""
    folder = tmp_path / "m-1" / "artifacts" / "model"
    with pytest.raises(ConfigError, match="files are gone") as gone:
        find_model.open_predictor(folder, "models:/wages/1")
    assert not isinstance(gone.value, ForeignModelError)
    (tmp_path / "m-1").mkdir()
    (tmp_path / "m-1" / "MLmodel").touch()
    with pytest.raises(ForeignModelError):
        find_model.open_predictor(folder, "models:/wages/1")


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
