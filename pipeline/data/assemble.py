"""Split, judge and assemble a table that was read; columns are judged without the test rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, compress
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.config.choices import SplitKind
from pipeline.config.schema_data import DataConfig
from pipeline.core.errors import DataError
from pipeline.data.dataset import Dataset
from pipeline.data.declared import unread_elsewhere
from pipeline.data.groups import repeated_subjects
from pipeline.data.images import PATH, image_shape, judge_pixels, load_images
from pipeline.data.infer import MOST_LEVELS, rows_text
from pipeline.data.judged import Judged
from pipeline.data.labels import Label, shown
from pipeline.data.outliers import coded_text, lone_row, lone_text
from pipeline.data.panels import Subjects, series_in_time
from pipeline.data.roles import judge_features, keys, sample_weights, tidy_names
from pipeline.data.rowhash import digest
from pipeline.data.split import Split, split_rows
from pipeline.data.table import Table, join, load_table
from pipeline.data.target import Target, read_target
from pipeline.data.typed import MISSING_TEXTS, Column, Kind, unreadable

MOST_DEVIATIONS = 1e12
"""Largest distance of a target from its training mean, in standard deviations."""
SEEN = 0.1
"""Share of test rows that are also in the table, from which the test score is reported as doubtful."""
REPEATS = 0.01
"""Share of duplicate rows from which a note says so."""

STRAY_ROWS = 20_000
"""Most rows that are searched for stray texts; rarer ones are within the tolerance."""


def assembled(config: DataConfig, sources: Sequence[tuple[Path, str]], seed: int) -> Dataset:
    """Return the data set of a table and an optional file of test rows; `sources` are (path, key) of each."""
    config = tidy_names(config)
    is_images = config.kind == "images"
    table = (load_images if is_images else load_table)(config, *sources[0])
    target = read_target(table.frame[config.target], config.task)
    if len(sources) == 1:
        return _prepared(config, table, target, 0, seed)
    # A missing mark that is a class of the table is a class in the test rows, too.
    marked = any(str(label).lower() in MISSING_TEXTS for label in target.classes or ())
    as_before = replace(config, na_is_class=True) if marked else config
    test = (
        load_images(as_before, *sources[1])
        if is_images
        else load_table(as_before, *sources[1], table.amounts)
    )
    both = join(table, test)
    codes = target.encode(test.frame[config.target], "data.test_path: ")
    target = replace(target, numbers=np.concatenate([target.numbers, codes]))
    return _prepared(config, both, target, len(test.frame), seed)


def _prepared(
    config: DataConfig, table: Table, target: Target, given_test: int, seed: int
) -> Dataset:
    frame = table.frame
    by = keys(config, frame, table.hashes)
    split = split_rows(config, target, by, seed, given_test)
    _check_reach(config, target, split)
    known = split.known
    judged = _judge(config, table, known, target)
    _check_inputs(judged)
    columns = [item.column for item in judged]
    unread = list(unread_elsewhere(frame, columns, known, given_test))
    subjects = _subjects(config, table, judged, target, split)
    return Dataset(
        name=config.name,
        frame=frame[[column.name for column in columns if column.used]],
        judged=target,
        judgements=tuple(judged),
        table_notes=(
            *table.notes,
            *target.notes,
            *unread,
            *_split_notes(config, table, target, split),
            *_group_notes(config, frame, by.groups, split),
        ),
        split=split,
        digest=digest(frame.columns, table.hashes, [*chain(*split.folds), split.test]),
        scale_target=config.scale_target,
        weights=sample_weights(config, frame),
        groups=by.groups,
        times=by.times,
        image_shape=None if config.kind == "table" else image_shape(config),
        images=table.images,
        subjects=subjects,
        doubt=" ".join(filter(None, _doubts(table, target, split, given_test))),
    )


def _check_reach(config: DataConfig, target: Target, split: Split) -> None:
    """Refuse a regression target whose squared error would overflow float32 in some row."""
    if not target.regression:
        return
    for train, _ in split.folds:
        mean, scale = target.scaling(train) if config.scale_target else (0.0, 1.0)
        if np.abs(target.numbers - mean).max() > MOST_DEVIATIONS * scale:
            raise DataError(
                f"target {target.name!r} reaches from {target.numbers.min():g} to "
                f"{target.numbers.max():g}, too far for float32 at a scale of {scale:g}; predict its "
                "logarithm, or leave the extreme rows out"
            )


def _judge(config: DataConfig, table: Table, known: np.ndarray, target: Target) -> list[Judged]:
    """Return the judgement of every column but the target, from the known rows alone."""
    if config.kind == "images":
        return [Judged(Column(PATH, Kind.image))]
    if config.kind == "pixels":
        return judge_pixels(config, table.frame)
    judged = judge_features(config, table.frame, known, target.numbers)
    if sum(item.column.used for item in judged) == 1:  # no hint to leave out the only feature
        judged = [
            replace(item, hint="" if "data.drop" in item.hint else item.hint) for item in judged
        ]
    return [_with_strays(item, table.frame, known) for item in judged]


def _with_strays(item: Judged, frame: pd.DataFrame, known: np.ndarray) -> Judged:
    """Record texts that count as missing among numbers or dates, such as "n/k", also for new rows."""
    if not item.column.used or not item.column.kind.is_numeric:
        return item
    cells = frame[item.column.name]
    if cells.dtype.kind in "fiubmM":
        return item
    cells = cells.iloc[known[:: max(1, len(known) // STRAY_ROWS)]]
    strays = {str(cell).strip() for cell in cells[unreadable(cells, item.column)]}
    return replace(item, column=replace(item.column, strays=tuple(sorted(strays))))


def _subjects(
    config: DataConfig, table: Table, judged: list[Judged], target: Target, split: Split
) -> Subjects | None:
    """Return the column of repeated subjects or of a series whose rows the split separates; None for none."""
    if config.kind != "table" or config.group is not None or config.time is not None:
        return None
    subjects = repeated_subjects(table.frame, judged, target, split.train)
    if subjects is None and config.split is not SplitKind.last:
        return series_in_time(table.frame, judged, target, split.train)
    is_kept = (
        config.split is SplitKind.hash and subjects is not None and subjects.column == config.id
    )
    return None if is_kept else subjects


def _check_inputs(judged: list[Judged]) -> None:
    """Refuse a table without features, or where a part of a date has the name of another column."""
    columns = [item.column for item in judged if item.column.used]
    if not columns:
        reasons = "; ".join(f"{item.column.name}: {item.reason}" for item in judged[:5])
        raise DataError(
            f"no feature is left, all columns are dropped ({reasons or 'there are none'})"
        )
    inputs = Counter(chain.from_iterable(column.outputs for column in columns))
    name, times = inputs.most_common(1)[0]
    if times > 1:
        raise DataError(f"the column {name!r} is called like a part of a date column; rename it")


def _doubts(table: Table, target: Target, split: Split, given_test: int) -> Iterator[str]:
    """Yield sentences on why no score can be trusted."""
    if given_test:
        yield _tested_twice(table, split)
    if not target.regression:
        return
    values = target.numbers[: len(target.numbers) - given_test]
    coded = coded_text(values)
    if coded:
        yield f"Target {target.name!r} {coded} (data.missing_target=drop)."
    place = lone_row(values)
    if place is None:
        return
    row = rows_text(table.frame[target.name], np.arange(len(target.numbers)) == place)
    yield f"Target {target.name!r}: {values[place]:.6g} in {row} {lone_text(values, place)}."


def _tested_twice(table: Table, split: Split) -> str:
    """Return a sentence where more test rows are also in the table than rows repeat by chance; else ""."""
    known, test = table.hashes[split.known], table.hashes[split.test]
    seen = int(np.isin(test, known).sum())
    repeats = 1.0 - len(np.unique(known)) / len(known)
    if seen <= max(SEEN, 2.0 * repeats) * len(test):
        return ""
    which = "All" if seen == len(test) else f"{seen:,} of the"
    return (
        f"{which} {len(test):,} rows of data.test_path stand in data.path too: the test score is one of rows "
        "that were trained on. Give rows of their own, or leave data.test_path out (data.test_fraction)"
    )


def _group_notes(
    config: DataConfig, frame: pd.DataFrame, groups_of: np.ndarray | None, split: Split
) -> Iterator[str]:
    """Yield a note on rows without a group, and one for each part whose rows are all of one group."""
    if config.group is not None and (lacking := int(frame[config.group].isna().sum())):
        who = f"{lacking:,} rows have" if lacking > 1 else "1 row has"
        yield f"{who} no value of {config.group!r} (data.group): they count as one group and stay together."
    parts = {"validation": split.validation, "test": split.test}
    for part, rows in parts.items():
        is_folded = part == "validation" and config.folds
        if groups_of is None or is_folded or not len(rows) or np.ptp(groups_of[rows]):
            continue
        yield (
            f"All {part} rows are of one value of {config.group!r}: standard errors count its rows, "
            "which says nothing of how other values do"
            + ("; data.folds validates every one." if part == "validation" else ".")
        )


def _split_notes(config: DataConfig, table: Table, target: Target, split: Split) -> Iterator[str]:
    if target.classes is not None:
        present = np.bincount(target.numbers[split.train], minlength=len(target.classes))
        yield from _lacking(target.classes, present == 0, "training row: it cannot be predicted.")
        rows, tested = (
            np.bincount(codes, minlength=len(target.classes))
            for codes in (target.numbers, target.numbers[split.test])
        )
        untested = (rows > 1) & (tested == 0) & (len(split.test) > 0)
        yield from _lacking(
            target.classes, untested, "test row: the test score says nothing of it."
        )
    hashes = table.hashes if config.test_path is None else table.hashes[split.known]
    repeats = len(hashes) - len(np.unique(hashes))
    is_split = config.split.name == "random" and not config.group
    if (
        is_split
        and repeats > REPEATS * len(hashes)
        # Else rows repeat by nature, such as answers to a few questions.
        and any(table.frame[name].nunique() > MOST_LEVELS for name in table.frame)
    ):
        yield (
            f"{repeats} rows repeat another row exactly and may stand on both sides of the split; "
            "data.split=hash keeps repeats together."
        )


def _lacking(classes: Sequence[Label], which: np.ndarray, what: str) -> Iterator[str]:
    """Yield one note on the classes that have none of something."""
    lacking = list(compress(classes, which))
    if lacking:
        several = f"Each of {len(lacking)} classes ({shown(lacking)})"
        yield f"{several if len(lacking) > 1 else f'Class {lacking[0]!r}'} has no {what}"
