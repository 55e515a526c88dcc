"""The model registry: register the champion, and let only the better model into production."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.errors import ConfigError
from pipeline.tracking.artefact_folder import describe
from pipeline.tracking.find_model import ForeignModelError, load_predictor
from pipeline.tracking.judge import (
    Challenge,
    Incumbent,
    Rows,
    Schema,
    Verdict,
    judge,
    split_of,
)
from pipeline.tracking.store import is_of_store, out_of_reach
from pipeline.tracking.writer import Job

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import pandas as pd
    from mlflow import MlflowClient

    from pipeline.config.schema import DataConfig, RegistryConfig
    from pipeline.data.dataset import Dataset
    from pipeline.tracking.artefact import Champion
    from pipeline.tracking.artefact_predictor import Predictor
    from pipeline.tracking.ledger import Ledger
    from pipeline.tracking.location import Location
    from pipeline.tracking.store import Store

GLOBAL = "MLFLOW_TRACKING_URI"

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
ROWS_TAG, REASON_TAG, CHALLENGED_TAG = "test_rows", "promotion", "challenged"


@dataclass(frozen=True)
class Standing:
    """What the registry holds before the challenge."""

    known: bool
    """Whether the registered model exists."""
    incumbent: Incumbent | None
    predictor: Predictor | None = None

    def outputs(self, dataset: Dataset) -> Any:
        """Return a function from raw rows to the incumbent's outputs in the units of the arrays.

        None where there is no incumbent that could be compared: `evaluation.final.evaluate` then
        leaves it out.
        """
        predictor, incumbent = self.predictor, self.incumbent
        if predictor is None or incumbent is None or incumbent.schema != schema_of(dataset):
            return None
        mean, scale = dataset.target_scaling()

        def predict(rows: pd.DataFrame) -> np.ndarray:
            return (predictor.outputs(predictor.check(rows)) - mean) / scale

        return predict


def schema_of(dataset: Dataset) -> Schema:
    """Return what a model of this table reads and predicts."""
    return Schema.of(describe(dataset, []))


def look_up(store: Store, name: str) -> Standing:
    """Return the version in production, loaded, or why there is none.

    Raises:
        ConfigError: The name is not legal in MLflow.
        StoreError: The registry is out of reach.
    """
    try:
        return _look_up(store.client, store.location, name)
    except Exception as error:
        if not is_of_store(error):
            raise
        raise out_of_reach(store.location, error) from error


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
    try:
        version = client.get_model_version_by_alias(name, CHAMPION)
    except MlflowException as error:
        if error.error_code not in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            raise
        return Standing(known=True, incumbent=None)
    number = str(version.version)
    try:
        predictor = load_predictor(location, f"models:/{name}/{number}")
    except ForeignModelError:
        return Standing(known=True, incumbent=Incumbent(number, foreign=True))
    except ConfigError as error:
        return Standing(known=True, incumbent=Incumbent(number, problem=str(error)))
    rows = json.loads(version.tags.get(ROWS_TAG, "{}"))
    found = Incumbent(
        number,
        schema=Schema.of(predictor.description),
        rows=Rows(rows.get("digest", ""), rows.get("split", {})),
    )
    return Standing(known=True, incumbent=found, predictor=predictor)


def challenge(
    ledger: Ledger,
    config: RegistryConfig,
    data: DataConfig,
    dataset: Dataset,
    standing: Standing,
    champion: Champion,
    losses: tuple[np.ndarray | None, np.ndarray | None],
) -> Verdict:
    """Register the sweep's champion and move the alias if it is really better.

    Args:
        ledger: Of the sweep.
        config: `registry.name` is set.
        data: How the table was split.
        dataset: The prepared table.
        standing: From `look_up`.
        champion: The saved and verified model.
        losses: Per test row, of the challenger and of the incumbent.

    Returns:
        What was decided (with `registry.dry_run`: what would be).
    """
    rows = Rows(dataset.digest, split_of(data))
    verdict = judge(
        Challenge(
            schema=schema_of(dataset),
            rows=rows,
            losses=losses[0],
            incumbent=standing.incumbent,
            incumbent_losses=losses[1],
            margin=config.margin,
            known=standing.known,
        )
    )
    if config.dry_run:
        return Verdict(verdict.promoted, f"Dry run, nothing is registered. {verdict.reason}")
    writing = _Writing(ledger, str(config.name), standing, champion, rows, verdict)
    ledger.write(Job(f"register {config.name}", writing.steps()))
    ledger.set_tag("registry", f"{config.name}: {verdict.reason}")
    ledger.flush()
    return verdict


class _Writing:
    """The steps of a registration; each may be tried again."""

    def __init__(
        self,
        ledger: Ledger,
        name: str,
        standing: Standing,
        champion: Champion,
        rows: Rows,
        verdict: Verdict,
    ) -> None:
        self._client = ledger.store.client
        self._location = ledger.store.location
        self._sweep = ledger.run_id
        self._name = name
        self._standing = standing
        self._champion = champion
        self._rows = rows
        self._verdict = verdict
        self._version = ""

    def steps(self) -> list[Any]:
        """Return them: the way back is kept before the alias moves."""
        steps: list[Any] = [] if self._standing.known else [self._create_model]
        steps.append(self._create_version)
        if self._standing.incumbent is not None:
            steps.append(self._tell_incumbent)
        if self._verdict.promoted and self._standing.incumbent is not None:
            steps.append(self._keep_previous)
        return [*steps, self._set_alias]

    def _create_model(self) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_registered_model(self._name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":  # another sweep was first
                raise

    def _create_version(self) -> None:
        model = self._client.get_logged_model(self._champion.model_id)
        rows = {"digest": self._rows.digest, "split": dict(self._rows.split)}
        tags = {"sweep": self._sweep, ROWS_TAG: json.dumps(rows), REASON_TAG: self._verdict.reason}
        tags |= {metric.key: f"{metric.value:.6g}" for metric in model.metrics or []}
        with _as_global_store(self._location):
            version = self._client.create_model_version(
                self._name,
                self._champion.model_uri,
                run_id=model.source_run_id,
                tags=tags,
                description=self._verdict.reason,
                model_id=self._champion.model_id,
            )
        self._version = str(version.version)

    def _tell_incumbent(self) -> None:
        version = self._standing.incumbent.version if self._standing.incumbent else ""
        told = f"by version {self._version}: {self._verdict.reason}"
        self._client.set_model_version_tag(self._name, version, CHALLENGED_TAG, told)

    def _keep_previous(self) -> None:
        version = self._standing.incumbent.version if self._standing.incumbent else ""
        self._client.set_registered_model_alias(self._name, PREVIOUS, version)

    def _set_alias(self) -> None:
        alias = CHAMPION if self._verdict.promoted else CHALLENGER
        self._client.set_registered_model_alias(self._name, alias, self._version)


@contextmanager
def _as_global_store(location: Location) -> Iterator[None]:
    """Let MLflow find `models:/` URIs: its registry asks the process' global store for them."""
    before = os.environ.get(GLOBAL)
    os.environ[GLOBAL] = location.uri
    try:
        yield
    finally:
        os.environ.pop(GLOBAL)
        if before is not None:
            os.environ[GLOBAL] = before
