"""The typed schema of `data`: the table, what its columns are, and how its rows are split."""

from __future__ import annotations

from dataclasses import dataclass, field

from omegaconf import MISSING

from pipeline.config.choices import MissingTarget, SplitKind, Task
from pipeline.config.fields import BETWEEN_0_AND_1, COUNT, SHARE, SHARE_BELOW_1, TWO_OR_MORE, within


@dataclass
class DataConfig:
    """The table and how its rows are split."""

    name: str = MISSING
    """Name of the data set: experiment, logs and report."""
    kind: str = "table"
    """`table` (CSV, Parquet), `pixels` (a table whose feature columns are one image) or `images` (folder)."""
    path: str | None = None
    """CSV (also .gz) or Parquet file, or a folder of images; `shipped:NAME` is the product's own copy.
    A bare name that is not in the working directory is looked up in the shipped data."""
    target: str | None = None
    """Column to predict."""
    task: Task = Task.auto
    """Regression or classification; auto follows the stated rule."""
    drop: list[str] = field(default_factory=list)
    """Columns never shown to a model."""
    keep: list[str] = field(default_factory=list)
    """Columns that the rules for identifiers, free text and constants must not drop."""
    group: str | None = None
    """Column whose equal values must stay on one side of every split."""
    time: str | None = None
    """Column by which rows are ordered: validation after training, test last."""
    id: str | None = None
    """Column that identifies a row for `split=hash`; null hashes the whole row."""
    weight: str | None = None
    """Column of sample weights (> 0); not a feature."""
    categories: list[str] = field(default_factory=list)
    """Columns whose values are levels without order, whatever they look like."""
    numbers: list[str] = field(default_factory=list)
    """Columns that hold numbers; what cannot be read as one counts as missing, and is said."""
    dates: dict[str, str] = field(default_factory=dict)
    """Columns that hold dates, each with its format: {when: '%d.%m.%Y %H:%M'} as in Python's strptime,
    or ISO8601."""
    ordered: dict[str, list[str]] = field(default_factory=dict)
    """Columns whose values have an order, each with its levels, lowest first: {size: [S, M, L]}; one
    input, the level's rank. A value that is not named counts as missing, and is said."""
    delimiter: str | None = None
    """What separates the columns of a CSV file, one character or `tab`; null: judged by its records."""
    encoding: str | None = None
    """Of a CSV file, as Python names it (utf-8, cp1252, utf-16, ...); null: judged by its bytes."""
    decimal: str | None = None
    """Decimal mark of a CSV file, `.` or `,`; null: judged by each column, then by the file."""
    test_path: str | None = None
    """A separate file of test rows; then `test_fraction` is not taken from `path`."""
    test_fraction: float = within(SHARE_BELOW_1, 0.15)
    """Share of rows kept untouched for the one test at the end (0 = none)."""
    validation_fraction: float = within(BETWEEN_0_AND_1, 0.2)
    """Share of the rows that are not test."""
    folds: int | None = within(TWO_OR_MORE, None)
    """k-fold over the rows that are not test; folds are the executions. null: one split."""
    repeats: int = within(COUNT, 1)
    """How often the folds are dealt, each time anew: folds x repeats executions a trial."""
    split: SplitKind = SplitKind.random
    """random is stratified for classes; hash never moves a row as the table grows; last is Keras' own."""
    missing_target: MissingTarget = MissingTarget.error
    """Rows without a target: stop, or leave them out."""
    na_is_class: bool | None = None
    """Whether texts of the target that often mean "no value" (NA, nan, ?, none, -, ...) are classes. null:
    none, -, -- and . are among other words, no other is. An empty cell never is."""
    scale_target: bool = True
    """Standardise a regression target; every loss is also given as RMSE in the target's own unit."""
    image_height: int | None = within(COUNT, None)
    """Pixels; for `pixels` and `images`."""
    image_width: int | None = within(COUNT, None)
    """Pixels; for `pixels` and `images`."""
    image_channels: int = 1
    """1 (grey) or 3 (colour)."""
    unreadable: float = within(SHARE, 0.05)
    """Largest share of image files that may be unreadable and skipped."""
