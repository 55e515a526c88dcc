"""What a table amounts to, without scikit-learn and in about a second: for plans, never for training.

Small tables are prepared as a sweep does it, so everything is exact and every error the same. Of a
large one only the first part is, and its counts are scaled up.
"""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.errors import DataError
from pipeline.data.fewrows import few_rows
from pipeline.data.prepare import prepare
from pipeline.data.source import find

if TYPE_CHECKING:
    from pipeline.config.schema_data import DataConfig
    from pipeline.data.columns import ColumnFact
    from pipeline.data.dataset import Dataset


@dataclass(frozen=True)
class Outline:
    """Sizes of a prepared table."""

    name: str
    target: str
    rows: dict[str, int]
    """Rows of train, validation and test; of the largest fold."""
    all_rows: int
    columns: int
    """Feature columns of the file."""
    used: int
    """Those of them that a network sees."""
    facts: tuple[ColumnFact, ...]
    """What became of each column."""
    few: tuple[str, ...]
    """What to say of few validation rows (`data.fewrows`)."""
    shapes: dict[str, tuple[int, ...]]
    """Shape of one encoded row, by encoding."""
    outputs: int
    regression: bool
    digest: str
    """Of the data as the sweep computes it; empty where only a part was read."""
    mark: str
    """Of the file, without reading it (`file_mark`)."""

    @property
    def exact(self) -> bool:
        """Whether the whole table was read."""
        return bool(self.digest)


def outline(config: DataConfig, seed: int, encodings: list[str]) -> Outline:
    """Return the sizes of a table.

    Args:
        config: The data group.
        seed: Of the split.
        encodings: By which rows may be encoded.

    Raises:
        DataError: As `prepare`.
    """
    found = find(config.path)
    if config.kind == "images" or found.is_file():
        try:
            part = _of_sample(config, seed, encodings)
        except DataError:
            part = None  # a part may lack what the table has: the whole is the judge
        if part is not None:
            return part
    dataset = prepare(config, seed)
    return _outline(dataset, encodings, {}, dataset.digest, file_mark(config))


def file_mark(config: DataConfig) -> str:
    """Return a hash of path, size and time of change of the file; empty for a folder."""
    path = find(config.path)
    if not path.is_file():
        return ""
    status = path.stat()
    text = f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _of_sample(config: DataConfig, seed: int, encodings: list[str]) -> Outline | None:
    """Return the sizes judged by the first part of a large table; None where it is small."""
    from pipeline.data.sample import sample

    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test").mkdir()
        part = sample(find(config.path), Path(folder))
        if part is None:
            return None
        growth = dict.fromkeys(("train", "validation", "test"), part.growth)
        sampled = replace(config, path=str(part.path))
        if config.test_path is not None:
            given = find(config.test_path, "data.test_path")
            test = sample(given, Path(folder, "test"))
            growth["test"] = 1.0 if test is None else test.growth
            sampled = replace(sampled, test_path=str(given if test is None else test.path))
        return _outline(prepare(sampled, seed), encodings, growth, "", file_mark(config))


def _outline(
    dataset: Dataset, encodings: list[str], growth: dict[str, float], digest: str, mark: str
) -> Outline:
    train, validation = (max(map(len, side)) for side in zip(*dataset.split.folds, strict=True))
    rows = {"train": train, "validation": validation, "test": len(dataset.split.test)}
    known, test = dataset.rows - rows["test"], rows["test"]
    return Outline(
        name=dataset.name,
        target=dataset.target,
        rows={part: round(count * growth.get(part, 1.0)) for part, count in rows.items()},
        all_rows=round(known * growth.get("train", 1.0) + test * growth.get("test", 1.0)),
        columns=len(dataset.columns),
        used=sum(column.used for column in dataset.columns),
        facts=dataset.facts,
        few=() if growth else tuple(few_rows(dataset).lines),
        shapes={
            name: dataset.image_shape or (len(dataset.input_names(name)),) for name in encodings
        },
        outputs=dataset.outputs,
        regression=dataset.regression,
        digest=digest,
        mark=mark,
    )
