"""The model registry: register the champion, and let only the better model into production."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from pipeline.config.schema import RegistryConfig
from pipeline.core.errors import ConfigError, StoreError
from pipeline.data.dataset import Dataset
from pipeline.data.labels import places_among
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.location import Location, MlflowClient
from pipeline.ledger.store import UNKNOWN, Store, reaching
from pipeline.models.artefact import Champion
from pipeline.models.artefact_folder import describe
from pipeline.models.artefact_predictor import Predictor
from pipeline.models.find_model import ForeignModelError, load_predictor
from pipeline.registry.judge import (
    Challenge,
    Incumbent,
    Promotion,
    Rows,
    Schema,
    judge,
    other_schema,
)
from pipeline.registry.registration import CHAMPION, ROWS_TAG, Registration, newest


@dataclass(frozen=True)
class Standing:
    """The state of the registry before the challenge."""

    known: bool
    """Whether the registered model exists."""
    incumbent: Incumbent | None
    predictor: Predictor | None = None
    latest: int = 0
    """The highest version number."""

    def outputs(self, dataset: Dataset) -> Any:
        """Return a function that maps raw rows to the incumbent's outputs in the units of the arrays.

        None where no incumbent can be compared: `evaluation.final.evaluate` then leaves it out.
        """
        predictor, incumbent = self.predictor, self.incumbent
        if predictor is None or incumbent is None or incumbent.schema is None:
            return None
        if other_schema(schema_of(dataset), incumbent.schema):
            return None
        mean, scale = dataset.target_scaling()
        order = places_among(dataset.classes, incumbent.schema.classes) or [0]

        def predict(rows: pd.DataFrame) -> np.ndarray:
            outputs = predictor.outputs(predictor.check(rows, unreadable=1.0))[:, order]
            return (outputs - mean) / scale

        return predict


def schema_of(dataset: Dataset) -> Schema:
    """Return the schema of a model of this table."""
    return Schema.of(describe(dataset, []))


def look_up(store: Store, name: str) -> Standing:
    """Return the state of a registered model, with the version in production loaded.

    Raises:
        ConfigError: The name is not legal in MLflow.
        StoreError: The registry is out of reach.
    """
    with reaching(store.location):
        return _look_up(store.client, store.location, name)


def _look_up(client: MlflowClient, location: Location, name: str) -> Standing:
    from mlflow.exceptions import MlflowException

    try:
        client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return Standing(known=False, incumbent=None)
        if error.error_code == "INVALID_PARAMETER_VALUE":
            raise ConfigError(f"registry.name={name}: {error.message}") from error
        raise
    latest = max((int(version.version) for version in newest(client, name)), default=0)
    try:
        version = client.get_model_version_by_alias(name, CHAMPION)
    except MlflowException as error:
        if error.error_code not in UNKNOWN:
            raise
        return Standing(known=True, incumbent=None, latest=latest)
    incumbent, predictor = _loaded(location, name, version)
    return Standing(known=True, incumbent=incumbent, predictor=predictor, latest=latest)


def _loaded(location: Location, name: str, version: Any) -> tuple[Incumbent, Predictor | None]:
    """Return the version in production and its predictor; None and `problem` where it does not load."""
    number = str(version.version)
    try:
        predictor = load_predictor(location, f"models:/{name}/{number}")
    except ForeignModelError:
        return Incumbent(number, foreign=True), None
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it: it cannot be compared
        return Incumbent(number, problem=str(error) or type(error).__name__), None
    rows = json.loads(version.tags.get(ROWS_TAG, "{}"))
    schema = Schema.of(predictor.description)
    kept = Rows(rows.get("digest", ""), rows.get("split", {}))
    return Incumbent(number, schema=schema, rows=kept), predictor


def challenge(
    ledger: Ledger,
    config: RegistryConfig,
    champion: Champion,
    challenger: Challenge,
    standing: Standing,
    losses_of: Callable[[Standing], tuple[np.ndarray | None, str]],
) -> Promotion:
    """Register the champion and move the alias if it is better beyond noise; with `dry_run` only judge.

    Sweeps are judged one after the other (`registration`): when it is this one's turn, it is compared with
    the version that is in production then. The alias moves only while it still stands there.

    Args:
        challenger: What is known of the champion; the incumbent is added here.
        standing: State of the registry before the champion was tested.
        losses_of: Returns the incumbent's losses on the champion's test rows, or why it has none.
    """
    name = str(config.name)

    def judged(now: Standing, looks: int) -> Promotion:
        losses, problem = losses_of(now)
        incumbent = now.incumbent
        if problem and incumbent is not None:
            incumbent = replace(incumbent, problem=problem)
        against = replace(challenger, incumbent=incumbent, incumbent_losses=losses)
        return judge(replace(against, looks=looks, known=now.known))

    if config.dry_run:
        verdict = judged(standing, standing.latest)
        return Promotion(verdict.promoted, f"Dry run, nothing is registered. {verdict.reason}")
    writing = Registration(ledger, name, champion, challenger.rows)
    writing.register(create=not standing.known)
    before = "" if standing.incumbent is None else standing.incumbent.version
    if ledger.ask("production", writing.production) != before:  # another sweep was judged meanwhile
        standing = ledger.ask(
            f"look up {name}", lambda: _look_up(ledger.store.client, ledger.store.location, name)
        )
        before = "" if standing.incumbent is None else standing.incumbent.version
    # The version's number counts the looks: MLflow never gives one twice, nor to two at once.
    verdict = writing.settle(judged(standing, writing.number - 1), before)
    ledger.set_tag("registry", f"{name}: {verdict.reason}")
    ledger.flush()
    return verdict
