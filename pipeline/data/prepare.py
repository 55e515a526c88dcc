"""From a configuration to a prepared table: read, judge, split, in this order.

No pandas at module level: what is wrong with a path is said before it is imported.
"""

from __future__ import annotations

import difflib
import hashlib
from typing import TYPE_CHECKING

from pipeline.data.source import find
from pipeline.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from pipeline.config.schema import DataConfig
    from pipeline.data.dataset import Dataset
    from pipeline.data.infer import Judged
    from pipeline.data.split import Split

ROLES = ("group", "time", "id", "weight")
ROLE_REASONS = {
    "group": "keeps rows together (data.group)",
    "id": "identifies rows (data.id)",
    "weight": "sample weights (data.weight)",
    "drop": "left out (data.drop)",
}


def prepare(config: DataConfig, seed: int) -> Dataset:
    """Return the prepared table of a configuration.

    Args:
        config: The data group.
        seed: Of the random split; 0 is a seed like any other.

    Raises:
        DataError: Whatever is wrong with the table, in one message.
    """
    path = find(config.path)
    test_path = find(config.test_path, "data.test_path") if config.test_path else None

    from pipeline.data.load import read_table

    frame = read_table(path)
    if config.target is None:
        raise DataError(f"data.target is not set: name the column to predict; {_columns(frame)}")
    check_columns(config, frame)
    test = read_table(test_path, "data.test_path") if test_path else None
    return _prepared(config, frame, test, seed)


def check_columns(config: DataConfig, frame: pd.DataFrame) -> None:
    """Refuse a configuration that names columns which the table does not have, or twice."""
    named = {f"data.{role}": getattr(config, role) for role in ("target", *ROLES)}
    for key, name in named.items():
        if name is not None:
            _check_column(key, name, frame)
    for name in config.drop:
        _check_column("data.drop", name, frame)
    if config.target in config.drop:
        raise DataError(f"data.drop holds the target {config.target!r}")
    for role in ROLES:
        if getattr(config, role) == config.target:
            raise DataError(f"data.{role} and data.target are the same column {config.target!r}")


def _check_column(key: str, name: str, frame: pd.DataFrame) -> None:
    names = [str(column) for column in frame.columns]
    if name in names:
        return
    lower = {column.lower(): column for column in names}
    close = difflib.get_close_matches(name.lower(), lower, n=1)
    hint = f"did you mean {lower[close[0]]!r}?" if close else _columns(frame)
    raise DataError(f"{key}={name}: the table has no such column; {hint}")


def _columns(frame: pd.DataFrame, most: int = 20) -> str:
    names = [str(column) for column in frame.columns]
    more = f", ... ({len(names)} in all)" if len(names) > most else ""
    return f"its columns are {', '.join(names[:most])}{more}"


def _prepared(
    config: DataConfig, frame: pd.DataFrame, test: pd.DataFrame | None, seed: int
) -> Dataset:
    """Judge, split and assemble."""
    import pandas as pd

    from pipeline.data.dataset import Dataset
    from pipeline.data.split import split_rows
    from pipeline.data.target import read_target

    notes: list[str] = []
    frame = _with_target(config, frame, notes)
    given_test = 0
    if test is not None:
        check_columns(config, test)
        test = _with_target(config, test, notes)
        given_test = len(test)
        frame = pd.concat([frame, test], ignore_index=True)
    raw_target = frame[config.target]
    target = read_target(raw_target, config.task)
    split = split_rows(config, target, keys(config, frame), seed, given_test)
    judged = judge_features(config, frame.iloc[_not_test(split, len(frame))])
    columns = tuple(item.column for item in judged)
    if not any(column.used for column in columns):
        reasons = "; ".join(f"{item.column.name}: {item.reason}" for item in judged[:5])
        raise DataError(f"no feature is left, all columns are dropped ({reasons})")
    used = [column.name for column in columns if column.used]
    return Dataset(
        name=config.name,
        frame=frame[used],
        raw_target=raw_target,
        judged=target,
        columns=columns,
        dropped=tuple((item.column.name, item.reason) for item in judged if item.reason),
        notes=(*notes, *(item.note for item in judged if item.note)),
        split=split,
        digest=digest(frame, split),
        scale_target=config.scale_target,
        weights=sample_weights(config, frame),
    )


def _with_target(config: DataConfig, frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Return the rows that have a target."""
    from pipeline.config.schema import MissingTarget
    from pipeline.data.infer import rows_text

    missing = frame[config.target].isna()
    if not missing.any():
        return frame
    count = int(missing.sum())
    if config.missing_target is MissingTarget.error:
        raise DataError(
            f"target {config.target!r} is missing in {count} of {len(frame)} rows, "
            f"{rows_text(frame, missing.to_numpy())}; leave them out with data.missing_target=drop"
        )
    if count == len(frame):
        raise DataError(f"target {config.target!r} is missing in every row")
    notes.append(f"{count} rows without a target are left out (data.missing_target=drop).")
    return frame[~missing].reset_index(drop=True)


def _not_test(split: Split, rows: int) -> np.ndarray:
    """Return the numbers of the rows that are not test rows."""
    import numpy as np

    keep = np.ones(rows, dtype=bool)
    keep[split.test] = False
    return np.flatnonzero(keep)


def judge_features(config: DataConfig, frame: pd.DataFrame) -> list[Judged]:
    """Return the judgement of every column but the target, in the table's order."""
    from pipeline.data.infer import Judged, judge
    from pipeline.data.typed import Column

    jobs = {getattr(config, role): ROLE_REASONS[role] for role in ("group", "id", "weight")}
    jobs.update(dict.fromkeys(config.drop, ROLE_REASONS["drop"]))
    judged = []
    for name in frame.columns:
        if name == config.target:
            continue
        if name in jobs:
            judged.append(Judged(Column(str(name), "category", used=False), jobs[name]))
        else:
            judged.append(judge(frame[name]))
    return judged


def keys(config: DataConfig, frame: pd.DataFrame):  # noqa: ANN201
    """Return what rows are assigned by."""
    import pandas as pd

    from pipeline.config.schema import SplitKind
    from pipeline.data.rowhash import row_hashes
    from pipeline.data.split import Keys

    groups = None
    if config.group:
        groups = pd.factorize(frame[config.group], use_na_sentinel=False)[0]
    hashes = None
    if config.split is SplitKind.hash:
        by = config.group or config.id
        hashes = row_hashes(frame[[by]] if by else frame)
    return Keys(groups=groups, times=None, hashes=hashes)


def sample_weights(config: DataConfig, frame: pd.DataFrame) -> np.ndarray | None:
    """Return the validated column of sample weights, or None."""
    import numpy as np

    from pipeline.data.infer import rows_text
    from pipeline.data.typed import numbers

    if config.weight is None:
        return None
    series = frame[config.weight]
    values = numbers(series)
    bad = ~(values > 0)
    if bad.any():
        raise DataError(
            f"data.weight={config.weight}: weights must be finite and above 0, but "
            f"{series[bad].iloc[0]!r} stands in {rows_text(series, bad)}"
        )
    return np.asarray(values)


def digest(frame: pd.DataFrame, split: Split) -> str:
    """Return a hash of content, row order and split, 16 hexadecimal digits."""
    import numpy as np

    from pipeline.data.rowhash import row_hashes

    total = hashlib.sha256("\0".join(sorted(map(str, frame.columns))).encode())
    total.update(row_hashes(frame).tobytes())
    for train, validation in split.folds:
        total.update(np.concatenate([train, [-1], validation, [-1]]).tobytes())
    total.update(split.test.tobytes())
    return total.hexdigest()[:16]
