"""Write what a predictor needs into one folder: description, encoders, networks, and its readers."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pipeline.data.imagefile
import pipeline.data.typed
from pipeline.models import artefact_predictor
from pipeline.models.artefact_predictor import DESCRIPTION, FORMAT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.data.dataset import Dataset
    from pipeline.evaluation.final import Member


def describe(dataset: Dataset, encoded: Sequence[tuple[str, int]]) -> dict[str, Any]:
    """Return the description of a model whose members are encoded like this.

    Args:
        dataset: The prepared table.
        encoded: Encoding and fold of each member.
    """
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
            for column in dataset.columns
            if column.used
        ],
        "members": [_member(dataset, place, *which) for place, which in enumerate(encoded)],
    }


def encoder_file(dataset: Dataset, encoding: str, fold: int) -> str:
    """Return the name of an encoder's file; empty where images need none."""
    return "" if dataset.images is not None else f"encoder-{encoding}-{fold}.skops"


def write_encoders(folder: Path, dataset: Dataset, encoded: Sequence[tuple[str, int]]) -> None:
    """Store the fitted encoders without pickle."""
    import skops.io

    for encoding, fold in dict.fromkeys(encoded):
        if name := encoder_file(dataset, encoding, fold):
            skops.io.dump(
                dataset.encoder(encoding, fold),
                folder / name,
                compression=zipfile.ZIP_DEFLATED,
            )


def write_folder(folder: Path, dataset: Dataset, members: Sequence[Member]) -> None:
    """Write a complete model: what `artefact_predictor.Predictor` reads, and the readers."""
    encoded = [(member.fit.trial.encoding, member.fit.fold) for member in members]
    description = describe(dataset, encoded)
    for entry, member in zip(description["members"], members, strict=True):
        entry["weight"] = member.weight
    text = json.dumps(description, indent=1, ensure_ascii=False)
    (folder / DESCRIPTION).write_text(text, encoding="utf-8")
    write_encoders(folder, dataset, encoded)
    for place, member in enumerate(members):
        member.model.save(folder / network_file(place))
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
