"""The folder of a predictor: description, encoders, networks, and the modules that read them.

The champion is saved as a model of its own. Every other fit has only its network; with the encoders that are
kept with the parent run it predicts from raw rows as well, also when the sweep was killed.
"""

from __future__ import annotations

import functools
import json
import shutil
import tempfile
import threading
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import pipeline.data.imagefile
import pipeline.data.typed
from pipeline.core.errors import ConfigError
from pipeline.data.dataset import Dataset
from pipeline.evaluation.final import Member
from pipeline.ledger.encoding import decode_fit
from pipeline.ledger.files import RunFiles, download_model
from pipeline.ledger.ledger import Ledger
from pipeline.ledger.location import Location, MlflowClient
from pipeline.ledger.modelfile import ARCHIVE
from pipeline.ledger.store import isolate
from pipeline.models import artefact_predictor
from pipeline.models.artefact_predictor import DESCRIPTION, FORMAT

SERVING = "serving"
"""Artefact folder of the parent run, for the encoders."""


def describe(dataset: Dataset, encoded: Sequence[tuple[str, int]]) -> dict[str, Any]:
    """Return the description of a model whose members have these encodings and folds."""
    return {
        "format": FORMAT,
        "target": dataset.target,
        "classes": None if dataset.classes is None else list(dataset.classes),
        "outputs": dataset.outputs,
        "input_shape": list(dataset.image_shape or ()),
        "columns": [
            {
                "name": column.name,
                "kind": column.kind,
                "parts": list(column.parts),
                "format": column.format,
                "strays": list(column.strays),
            }
            for column in dataset.used
        ],
        "members": [_member(dataset, place, *which) for place, which in enumerate(encoded)],
    }


def encoder_file(dataset: Dataset, encoding: str, fold: int) -> str:
    """Return the name of an encoder's file; empty where images need none."""
    return "" if dataset.images is not None else f"encoder-{encoding}-{fold}.skops"


def encoder_files(
    dataset: Dataset, encoded: Sequence[tuple[str, int]]
) -> dict[str, Callable[[], bytes]]:
    """Return a function by file name that packs each fitted encoder: importing skops takes seconds."""
    return {
        name: functools.partial(_packed, dataset.encoder(encoding, fold))
        for encoding, fold in dict.fromkeys(encoded)
        if (name := encoder_file(dataset, encoding, fold))
    }


def import_writers(dataset: Dataset) -> None:
    """Import the modules that write models, on the main thread and before TensorFlow.

    skops scans all loaded modules: 1 s before TensorFlow and MLflow, 4 s after. MLflow silences its own
    warnings while it is imported, which another thread's `catch_warnings` would undo.
    """
    if dataset.images is None:
        import skops.io  # noqa: F401 - for later
    isolate()
    import mlflow.pyfunc  # noqa: F401 - the same


def _packed(encoder: Any) -> bytes:
    """Return an encoder packed by skops; cached, as ledger, proof and champion all need it."""
    import skops.io

    with _packing:
        if encoder not in _known:
            _known[encoder] = skops.io.dumps(encoder, compression=zipfile.ZIP_DEFLATED)
        return _known[encoder]


_packing = threading.Lock()
_known: WeakKeyDictionary[Any, bytes] = WeakKeyDictionary()
"""Packed encoders, kept as long as the encoder itself."""


def write_folder(folder: Path, dataset: Dataset, members: Sequence[Member]) -> None:
    """Write a complete model: the files that `artefact_predictor.Predictor` reads, and the readers."""
    write_networks(folder, members)
    write_around(folder, dataset, members)


def write_networks(folder: Path, members: Sequence[Member]) -> None:
    """Write the networks of a model."""
    for place, member in enumerate(members):
        member.model.save(folder / network_file(place))


def write_around(folder: Path, dataset: Dataset, members: Sequence[Member]) -> None:
    """Write description, encoders and readers of a model. No framework is needed."""
    encoded = [(member.fit.trial.encoding, member.fit.fold) for member in members]
    text = json.dumps(describe(dataset, encoded), indent=1, ensure_ascii=False)
    (folder / DESCRIPTION).write_text(text, encoding="utf-8")
    for name, packed in encoder_files(dataset, encoded).items():
        (folder / name).write_bytes(packed())
    _copy(artefact_predictor, folder / "predictor.py")
    _copy(pipeline.data.typed, folder / "typed.py")
    if dataset.images is not None:
        _copy(pipeline.data.imagefile, folder / "imagefile.py")


def network_file(place: int) -> str:
    """Return the name of a member's network."""
    return f"network-{place}.keras"


def _member(dataset: Dataset, place: int, encoding: str, fold: int) -> dict[str, Any]:
    mean, scale = dataset.target_scaling(fold)
    return {
        "encoding": encoding,
        "fold": fold,
        "encoder": encoder_file(dataset, encoding, fold),
        "network": network_file(place),
        "mean": mean,
        "scale": scale,
    }


def _copy(module: Any, place: Path) -> None:
    shutil.copyfile(Path(module.__file__), place)


def keep_encoders(
    ledger: Ledger, dataset: Dataset, encoded: Sequence[tuple[str, int]], *, more: bool = False
) -> None:
    """Store the encoders of a sweep with its parent run, in the background.

    Args:
        encoded: Every (encoding, fold) that its fits use.
        more: Whether encodings were added since the sweep began.
    """
    if not more and ledger.resumed and ledger.has_file(f"{SERVING}/{DESCRIPTION}"):
        return
    for name, packed in encoder_files(dataset, encoded).items():
        ledger.attach(f"{SERVING}/{name}", packed)
    description = json.dumps(describe(dataset, encoded), ensure_ascii=False)
    ledger.attach(f"{SERVING}/{DESCRIPTION}", description)  # last: where it is, the rest is too


def compose(client: MlflowClient, location: Location, run: Any, folder: Path) -> None:
    """Write the folder of a predictor for one fit, whose run is `run`.

    Raises:
        ConfigError: The fit left no model, or its sweep no encoders.
    """
    run_id, tags = run.info.run_id, run.data.tags
    if not tags.get("model_id"):
        raise ConfigError(
            f"model={run_id}: this fit ({tags.get('outcome', run.info.status)}) has no saved model; "
            "tracking.save_models=all keeps one for each fit that was completed."
        )
    parent = client.get_run(tags["sweep"])
    files = RunFiles(client, parent.info.run_id, parent.info.artifact_uri).read_folder(SERVING)
    if DESCRIPTION not in files:
        raise ConfigError(f"model={run_id}: its sweep {tags['sweep']} kept no encoders.")
    fit = decode_fit(json.loads(tags["fit"]))
    description = json.loads(files[DESCRIPTION])
    wanted = (fit.trial.encoding, fit.fold)
    member = next(m for m in description["members"] if (m["encoding"], m["fold"]) == wanted)
    description["members"] = [member | {"network": network_file(0)}]
    (folder / DESCRIPTION).write_text(json.dumps(description), encoding="utf-8")
    if member["encoder"]:
        (folder / member["encoder"]).write_bytes(files[member["encoder"]])
    with tempfile.TemporaryDirectory() as temporary:
        saved = download_model(client, location, tags["model_id"], temporary)
        shutil.copyfile(saved / ARCHIVE, folder / network_file(0))
