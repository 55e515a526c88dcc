"""Prove before the search, with untrained networks, that its champion can be saved and served.

A configuration that cannot be is refused within seconds, not after an hour of training.
"""

from __future__ import annotations

import io
import json
import logging
import random
import tempfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.core.errors import ConfigError, DataError
from pipeline.core.family import Family
from pipeline.core.records import Fit, Round
from pipeline.data.dataset import Dataset
from pipeline.data.typed import typed
from pipeline.evaluation.final import Member
from pipeline.ledger.modelfile import ModelTemplate
from pipeline.models.artefact import expected_outputs, sample
from pipeline.models.artefact_folder import network_file, write_around, write_networks
from pipeline.models.artefact_mlmodel import FOLDER, json_rows, write_mlmodel
from pipeline.models.verify import (
    VERIFIER,
    Question,
    UnfaithfulModelError,
    Verifier,
    VerifierGoneError,
    bodies,
)

log = logging.getLogger(__name__)

UNSAVED = (TypeError, ValueError, RuntimeError, NotImplementedError)
"""Exceptions of Keras and skops for a network or an encoder that cannot be saved."""

ROWS = 20
"""Raw rows that are predicted, besides one without any value."""

MOST_PARAMETERS = 1_000_000
"""Most parameters of the network that is tried, where the first round has one that small."""


class Proof:
    """Saves, loads and serves a model of untrained networks, one of every encoding."""

    def __init__(self, dataset: Dataset, family: Family, verifier: Verifier = VERIFIER) -> None:
        """Prepare; the verifier's process starts with the first question."""
        self._dataset, self._family = dataset, family
        self._rows = proof_rows(dataset)
        self._folder = tempfile.TemporaryDirectory()
        self.verifier = verifier
        self._members: list[Member] = []
        self._asking = ThreadPoolExecutor(1, "proof")
        self._question: Future[Question] | None = None
        self._begun = False

    def before_round(self, round_: Round) -> None:
        """Start the proof before the first round; before later ones check the answer once it is there.

        Raises:
            DataError: A column is read differently when it is served.
            ConfigError: A network cannot be saved or loaded.
        """
        if self._begun:
            self.settle()
            return
        self._begun = True
        refuse_unserved(self._dataset, self._rows)
        root = Path(self._folder.name, "artefact")
        (root / FOLDER).mkdir(parents=True)
        state = random.getstate()  # Keras draws from it, and training must not notice
        try:
            self._write_networks(root / FOLDER, round_)
        except UNSAVED as error:
            raise _cannot(error) from error
        finally:
            random.setstate(state)
        self._question = self._asking.submit(self._ask, root)

    def _ask(self, root: Path) -> Question:
        """Write the rest of the model while the first round is trained, and start the verification."""
        write_around(root / FOLDER, self._dataset, self._members)
        write_mlmodel(root, self._dataset, "m-proof", "", "", {})
        question = Question(root, self._rows, self._folder.name)
        self.verifier.ask(question)
        return question

    def _write_networks(self, folder: Path, round_: Round) -> None:
        """Write a model that averages one untrained network of each encoding of the round."""
        by_encoding: dict[str, list[Fit]] = {}
        for fit in round_.fits:
            by_encoding.setdefault(fit.trial.encoding, []).append(fit)
        for fits in by_encoding.values():
            small = [fit for fit in fits if fit.trial.parameters <= MOST_PARAMETERS]
            largest = max(small, key=lambda fit: fit.trial.parameters, default=None)
            chosen = largest or min(fits, key=lambda fit: fit.trial.parameters)
            self._members.append(Member(chosen, self._family.build(chosen.trial)))
        write_networks(folder, self._members)
        refuse_own_code((folder / network_file(0)).read_bytes())
        if not self._family.stackable:
            ModelTemplate(self._family.build(self._members[0].fit.trial))

    def settle(self) -> None:
        """Check the answer of the verifier if it is there.

        Raises:
            ConfigError: The model does not load in a fresh process, or predicts something else there.
        """
        if self._question is None:
            return
        try:
            question = self._question.result()
            self.verifier.wait(question, 0.0)
            question.compare(expected_outputs(self._dataset, self._members, self._rows))
        except VerifierGoneError as gone:
            if self.verifier.alive:
                return
            log.warning(
                "the process that tries how a model is served %s; the champion will show", gone
            )
        except (UnfaithfulModelError, *UNSAVED) as error:
            raise _cannot(error) from error
        self._question, self._members = None, []

    def close(self) -> None:
        """Release the process for the next sweep, and remove the files.

        A process that has not read them yet is ended: it would fail, and the next champion with it.
        """
        self._asking.shutdown()
        is_waiting = self._question is not None and (
            self._question.exception() is not None or self._question.result().answer() is None
        )
        (self.verifier.close if is_waiting else self.verifier.release)()
        self._folder.cleanup()


def proof_rows(dataset: Dataset) -> pd.DataFrame:
    """Return raw rows to predict: some of the table, and one without any value unless rows are images."""
    rows = sample(dataset, ROWS)
    if dataset.image_shape is not None:  # pixels are not imputed
        return rows

    empty = pd.DataFrame(
        {name: rows[name].iloc[:1].mask(np.array([True])) for name in rows.columns}
    )
    return pd.concat([rows, empty])


def refuse_unserved(dataset: Dataset, rows: pd.DataFrame) -> None:
    """Compare rows as read from the table with rows as read from requests; no framework is needed.

    Raises:
        DataError: A column is read differently from a request.
    """
    if dataset.images is not None:
        return
    here = typed(rows, dataset.columns)
    plain = json_rows(rows)
    csv = next(body for form, _, body in bodies(rows) if form == "CSV")
    forms = {
        "JSON": pd.DataFrame(plain["data"], columns=plain["columns"]),
        "CSV": pd.read_csv(io.BytesIO(csv), dtype=object),
    }
    for form, frame in forms.items():
        there = typed(frame, dataset.columns)
        for column in dataset.columns:
            for name in column.outputs if column.used else ():
                differs = ~_same(here[name].to_numpy(), there[name].to_numpy())
                if differs.any():
                    first = int(np.flatnonzero(differs)[0])
                    read, other = here[name].iloc[[first]], there[name].iloc[[first]]
                    raise DataError(
                        f"column {column.name!r} cannot be served: {rows[column.name].iloc[first]!r} "
                        f"is read as {read.item()!r} from the table, but as {other.item()!r} from "
                        f"{form}; write it as plain numbers, texts "
                        f"or dates (2026-12-31), or leave it out with data.drop=[{column.name}]"
                    )


def _same(here: np.ndarray, there: np.ndarray) -> np.ndarray:
    if here.dtype == object:
        equal: np.ndarray = here == there
        return equal
    return np.isclose(here, there, rtol=1e-12, atol=0.0, equal_nan=True)


def refuse_own_code(archive: bytes) -> None:
    """Refuse a `.keras` file that names code it does not contain.

    Raises:
        ConfigError: A layer or function is not Keras' own, or is stored as byte code.
    """
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        config = json.loads(file.read("config.json"))
    for node in _nodes(config):
        if own := _own(node):
            raise ConfigError(
                f"model.builder: {own} cannot be part of a saved model. A model is loaded without "
                "running or importing any code (@keras.saving.register_keras_serializable "
                "helps only in a program that imports yours), so the champion could neither be "
                "served nor used by predict. Build it from Keras' own layers (keras.layers) and "
                "operations (keras.ops on the tensors of a functional model)."
            )


def _nodes(config: Any) -> Iterator[dict[str, Any]]:
    """Yield every serialized object of a network, outer ones first."""
    if isinstance(config, dict):
        if "class_name" in config:
            yield config
        config = list(config.values())
    if isinstance(config, list):
        for part in config:
            yield from _nodes(part)


def _own(node: dict[str, Any]) -> str:
    """Return a description of the user's own code in a serialized object; empty where there is none."""
    import keras

    name, module = str(node["class_name"]), str(node.get("module") or "")
    config = node.get("config")
    if name in {"Lambda", "__lambda__"}:
        layer = f" {config['name']!r}" if isinstance(config, dict) and "name" in config else ""
        return f"the Lambda{layer}, a Python function,"
    if name == "function":
        built_in = (keras.activations, keras.constraints, keras.initializers, keras.regularizers)
        stock = any(hasattr(place, str(config)) for place in built_in)
        return "" if stock else f"the function {config!r}"
    if module.partition(".")[0] in {"keras", "builtins"} or not node.get("registered_name"):
        return ""
    layer = f", named {config['name']!r}," if isinstance(config, dict) and "name" in config else ""
    return f"the layer {name} of {module or node['registered_name']}{layer}"


def _cannot(error: Exception) -> ConfigError:
    """Return the error for networks that cannot be saved and served."""
    if isinstance(error, ConfigError):
        return error
    return ConfigError(
        "tried before the search with an untrained network, a champion of this sweep could not be "
        f"saved and served: {' '.join(str(error).split())[:500]} (model.builder: build it from "
        "Keras' own layers; otherwise please report this)"
    )
